import Foundation
import JSON

extension HealthState {
  /// Everything as `/monitor.json` shows it.
  /// - Parameters:
  ///   - seconds: how far back the series reach.
  ///   - points: how many points a series has at most.
  ///   - shift: what is added to times, so that they are the wall clock's.
  public func json(
    at time: Double, seconds: Double = 3600, points: Int = 120, shift: Double = 0
  ) -> JSONObject {
    var object: JSONObject = [
      "time": JSONValue(Self.text(time + shift)), "texts": JSONValue(texts),
      "texts_of_other_weights": JSONValue(textsOfOtherWeights),
      "window": JSONValue(min(recent.count, options.windowSize)),
      "verdict": [
        "action": JSONValue(verdict.action.rawValue),
        "evidence": .array(verdict.evidence.map { JSONValue($0) }),
      ],
      "drift": driftJSON(shift), "features": .array((analysis?.comparisons ?? []).map(json)),
      "quality": .array(QualityCheck.allCases.map(json)), "performance": performanceJSON,
      "labels": [
        "counted": JSONValue(labelOutcomes.counted), "repeated": JSONValue(labelOutcomes.repeated),
        "replaced": JSONValue(labelOutcomes.replaced),
        "unknown": JSONValue(labelOutcomes.unknown),
        "earlier_model": JSONValue(labelOutcomes.earlierModel),
      ],
      "other_models": .array(others.values.sorted { $0.name < $1.name }.map(json)),
    ]
    object["series"] = series(from: time - seconds, to: time, points: points, shift)
    return object
  }

  private func json(_ model: OtherModel) -> JSONValue {
    let performance = model.performance
    func pair(_ interval: Interval?) -> JSONValue {
      interval.map { [JSONValue($0.lower), JSONValue($0.upper)] } ?? .null
    }
    return [
      "name": JSONValue(model.name), "texts": JSONValue(model.texts),
      "labels": JSONValue(model.labelOutcomes.counted),
      "accuracy": performance.map { JSONValue($0.accuracy) } ?? .null,
      "accuracy_interval": pair(performance?.accuracyInterval),
      "macro_f1": performance.map { JSONValue($0.macroF1) } ?? .null,
      "log_loss": performance?.logLoss.map { JSONValue($0) } ?? .null,
    ]
  }

  private static func text(_ time: Double) -> String {
    Date(timeIntervalSince1970: time).formatted(.iso8601)
  }

  private func driftJSON(_ shift: Double) -> JSONValue {
    func test(_ result: TestResult?) -> JSONValue {
      guard let result else { return .null }
      return ["statistic": JSONValue(result.statistic), "p": JSONValue(result.pValue)]
    }
    var since = JSONObject()
    for (name, time) in drifted.sorted(by: { $0.key < $1.key }) {
      since[name] = JSONValue(Self.text(time + shift))
    }
    return [
      "since": .object(since),
      "log_evidence": finding.map { JSONValue($0.logEvidence) } ?? .null,
      "log_threshold": finding.map { JSONValue($0.logThreshold) } ?? .null,
      "texts_seen": JSONValue(finding?.position ?? 0),
      "maximum_mean_discrepancy": test(analysis?.discrepancy),
      "domain_classifier": test(analysis?.domainClassifier),
    ]
  }

  private func json(_ item: DistributionComparison) -> JSONValue {
    func shares(_ counts: [Double]) -> JSONValue {
      .array(Statistics.shares(of: counts).map { JSONValue(LearnedBins.rounded($0)) })
    }
    func optional(_ value: Double?) -> JSONValue { value.map { JSONValue($0) } ?? .null }
    return [
      "name": JSONValue(item.name), "drifted": JSONValue(drifted[item.name] != nil),
      "psi": JSONValue(item.stabilityIndex), "jensen_shannon": JSONValue(item.jensenShannon),
      "wasserstein": optional(item.wasserstein),
      "kolmogorov_smirnov": optional(item.kolmogorovSmirnov?.statistic),
      "chi_squared_p": JSONValue(item.chiSquared.pValue),
      "adjusted_p": JSONValue(item.adjustedPValue),
      "mean_difference": optional(item.shift?.meanDifference),
      "mean_interval": item.shift.map {
        [JSONValue($0.meanInterval.lower), JSONValue($0.meanInterval.upper)]
      } ?? .null,
      "variance_ratio": optional(item.shift?.varianceRatio),
      "bins": .array(item.binNames.map { JSONValue($0) }), "reference": shares(item.reference),
      "current": shares(item.current),
    ]
  }

  private func json(_ check: QualityCheck) -> JSONValue {
    let (failures, count) = quality
    return [
      "name": JSONValue(check.name), "means": JSONValue(check.explanation),
      "rate": JSONValue(count > 0 ? failures[check.rawValue] / count : 0),
      "limit": JSONValue(qualityLimit(check)), "alarm": JSONValue(qualityAlarms.contains(check)),
    ]
  }

  private var performanceJSON: JSONValue {
    func pair(_ interval: Interval?) -> JSONValue {
      interval.map { [JSONValue($0.lower), JSONValue($0.upper)] } ?? .null
    }
    func optional(_ value: Double?) -> JSONValue { value.map { JSONValue($0) } ?? .null }
    let state = concept.state
    var object: JSONObject = [
      "reference_accuracy": optional(reference?.labelled?.accuracy),
      "estimated_accuracy": optional(estimatedAccuracy?.value),
      "estimated_interval": pair(estimatedAccuracy?.interval),
      "concept": [
        "worse": JSONValue(state.isWorse), "labels": JSONValue(state.count),
        "finding": concept.test?.finding.map(json) ?? .null,
        "adwin_at": state.adaptiveWindowAt.map { JSONValue($0) } ?? .null,
        "page_hinkley_at": state.pageHinkleyAt.map { JSONValue($0) } ?? .null,
        "ddm_at": state.driftDetectionMethodAt.map { JSONValue($0) } ?? .null,
      ],
    ]
    guard let performance else {
      // Not defined without labels, which is not 0.
      for name in ["accuracy", "macro_f1"] { object[name] = .null }
      object["labels"] = 0
      return .object(object)
    }
    object["labels"] = JSONValue(performance.count)
    object["accuracy"] = JSONValue(performance.accuracy)
    object["accuracy_interval"] = pair(performance.accuracyInterval)
    object["macro_f1"] = JSONValue(performance.macroF1)
    object["macro_f1_interval"] = pair(performance.macroF1Interval)
    object["log_loss"] = optional(performance.logLoss)
    object["log_loss_interval"] = pair(performance.logLossInterval)
    object["brier"] = optional(performance.brier)
    object["brier_interval"] = pair(performance.brierInterval)
    object["calibration_error"] = optional(performance.calibrationError)
    object["calibration_error_interval"] = pair(performance.calibrationErrorInterval)
    return .object(object)
  }

  private func json(_ finding: ErrorRateTest.Finding) -> JSONValue {
    func json(_ count: ErrorRateTest.Count) -> JSONValue {
      ["wrong": JSONValue(count.errors), "labels": JSONValue(count.labels)]
    }
    return [
      "class": finding.label.map { JSONValue(labels[$0]) } ?? .null,
      "at_label": JSONValue(finding.position), "found": json(finding.found),
      "reference": json(finding.reference), "since": json(finding.since),
    ]
  }

  private func series(
    from: Double, to: Double, points: Int, _ shift: Double
  ) -> JSONValue {
    let step = max(60, ((to - from) / Double(points) / 60).rounded(.up) * 60)
    var buckets: [Int64: Minute] = [:]
    for minute in minutes where Double(minute.start) >= from - step && Double(minute.start) <= to {
      let start = Int64(Double(minute.start) / step) * Int64(step)
      buckets[start, default: Minute(start: start, classCount: labels.count)].add(minute)
    }
    let rows = buckets.values.sorted { $0.start < $1.start }
    func list(_ value: (Minute) -> Double?) -> JSONValue {
      .array(rows.map { value($0).map { JSONValue(LearnedBins.rounded($0)) } ?? .null })
    }
    func share(_ part: Double, _ whole: Double) -> Double? { whole > 0 ? part / whole : nil }
    return [
      "step": JSONValue(step), "time": .array(rows.map { JSONValue(Int($0.start) + Int(shift)) }),
      "texts": list { $0.texts / step },
      "p50_ms": list { $0.latencyQuantile(0.5) }, "p99_ms": list { $0.latencyQuantile(0.99) },
      "confidence": list { share($0.confidenceSum, $0.texts) },
      "estimated_accuracy": list {
        reference?.labelled == nil ? nil : share($0.estimatedRight, $0.texts)
      },
      "accuracy": list { share($0.right, $0.labelled) }, "labels": list(\.labelled),
      "failed": list { ($0.statuses[4]) / step }, "processor": list(\.processor),
      "memory": list(\.memory), "dropped": list(\.dropped),
      "classes": .array(
        labels.indices.prefix(12).map { index in
          ["label": JSONValue(labels[index]), "share": list { share($0.classes[index], $0.texts) }]
        }),
    ]
  }
}
