extension HealthEngine {
  /// Adds what the health process knows to `/metrics`.
  public func addMetrics(to page: inout PrometheusText, at time: Double) {
    let (state, activeAlerts, lead) = current
    let verdict = state.verdict
    page.add(
      "verdict", .gauge, "1 for what is to be done with the model.",
      Verdict.Action.allCases.map {
        PrometheusText.Sample(["action": $0.rawValue], $0 == verdict.action ? 1 : 0)
      })
    addDrift(state, &page)
    let (failures, count) = state.quality
    page.add(
      "quality_rate", .gauge, "Share of the window's texts that fail a check.",
      QualityCheck.allCases.map {
        PrometheusText.Sample(
          ["check": $0.name], .number(count > 0 ? failures[$0.rawValue] / count : 0))
      })
    addAccuracy(state, &page)
    let burn = Self.burn(state, at: time + lead)
    page.add(
      "latency_budget_burn", .gauge, "How many times too fast slow and failed requests come.",
      [
        PrometheusText.Sample(["window": "1h"], .number(burn.long)),
        PrometheusText.Sample(["window": "5m"], .number(burn.short)),
      ])
    page.add("alerts_active", .gauge, "Alerts that last.", .integer(UInt64(activeAlerts)))
  }

  private func addDrift(_ state: HealthState, _ page: inout PrometheusText) {
    if let finding = state.finding {
      page.add(
        "drift_log_evidence", .gauge, "log of the wealth of the best bet against the reference.",
        .number(finding.logEvidence))
      page.add(
        "drift_log_threshold", .gauge, "What the log evidence must reach to be an alarm.",
        .number(finding.logThreshold))
    }
    let comparisons = state.analysis?.comparisons ?? []
    page.add(
      "drifted", .gauge, "1 for what differs from the reference beyond chance.",
      comparisons.map {
        PrometheusText.Sample(["feature": $0.name], state.drifted[$0.name] == nil ? 0 : 1)
      })
    page.add(
      "drift_psi", .gauge, "Population stability index against the reference.",
      comparisons.map { PrometheusText.Sample(["feature": $0.name], .number($0.stabilityIndex)) })
  }

  private func addAccuracy(_ state: HealthState, _ page: inout PrometheusText) {
    page.add(
      "feedback_total", .counter,
      "Predictions whose true label came, by whether the model had said the first one told.",
      [
        PrometheusText.Sample(
          ["correct": "true"], .integer(UInt64(state.labelOutcomes.right))),
        PrometheusText.Sample(
          ["correct": "false"],
          .integer(UInt64(state.labelOutcomes.counted - state.labelOutcomes.right))),
      ])
    if let estimate = state.estimatedAccuracy {
      page.add(
        "estimated_accuracy", .gauge,
        "Accuracy of the window as calibrated confidences have it.", .number(estimate.value))
    }
    guard let performance = state.performance else { return }
    page.add(
      "accuracy", .gauge, "Share of the latest labelled predictions that was right.",
      .number(performance.accuracy))
    page.add(
      "accuracy_bound", .gauge, "Bounds of the accuracy, 95 %.",
      [
        PrometheusText.Sample(["side": "lower"], .number(performance.accuracyInterval.lower)),
        PrometheusText.Sample(["side": "upper"], .number(performance.accuracyInterval.upper)),
      ])
    page.add(
      "accuracy_labels", .gauge,
      "Labelled predictions that accuracy and macro-F1 are of, the latest 1,000 at most.",
      .integer(UInt64(performance.count)))
    page.add(
      "macro_f1", .gauge,
      "Mean F1 of the classes that occur as label or prediction, over the same ones.",
      .number(performance.macroF1))
  }
}
