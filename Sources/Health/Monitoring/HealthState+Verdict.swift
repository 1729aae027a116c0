import Foundation

extension HealthState {
  /// What to do with the model.
  public var verdict: Verdict {
    var (heavy, light): ([String], [String]) = ([], [])
    if let errorText { heavy.append(errorText) }
    if heavy.isEmpty, concept.state.agreeing >= 2 {
      light.append(
        "errors are more frequent than in the recent past, say \(concept.state.agreeing) of ADWIN, Page–Hinkley and DDM"
          + (reference?.labelled == nil ? "" : "; not more than on the reference, beyond chance")
          + (accuracyText.map { ": \($0)" } ?? ""))
    }
    if let estimate = estimatedAccuracy, let labelled = reference?.labelled, recent.count >= 200,
      estimate.interval.upper < labelled.accuracy - options.accuracyMargin
    {
      light.append(
        String(
          format:
            "without labels, accuracy is estimated at %.1f %% (%.1f–%.1f), %.1f %% on the reference",
          estimate.value * 100, estimate.interval.lower * 100, estimate.interval.upper * 100,
          labelled.accuracy * 100))
    }
    if !drifted.isEmpty {
      light.append("drift beyond chance: " + driftText)
    }
    for check in qualityAlarms {
      let (failures, count) = quality
      light.append(
        String(
          format: "%@: %.1f %% of texts, limit %.1f %%", check.name,
          failures[check.rawValue] / count * 100, qualityLimit(check) * 100))
    }
    let action: Verdict.Action = !heavy.isEmpty ? .retrain : !light.isEmpty ? .watch : .keep
    return Verdict(action: action, evidence: heavy + light)
  }

  /// Where errors are more frequent than on the reference; nil where they are not, beyond chance. Each figure says how many
  /// labels it is of, and when.
  private var errorText: String? {
    guard let finding = concept.test?.finding else { return nil }
    let subject = finding.label.map { "texts of class \"\(Self.shown(labels[$0]))\"" } ?? "texts"
    func wrong(_ count: ErrorRateTest.Count) -> String {
      String(format: "%d of %d (%.1f %%)", count.errors, count.labels, count.rate * 100)
    }
    return "errors are more frequent than on the reference, beyond chance: of \(subject) "
      + "\(wrong(finding.found)) were wrong up to label \(finding.position), "
      + "\(wrong(finding.since)) since, \(wrong(finding.reference)) on the reference"
  }

  /// Accuracy as it is now, beside the reference's; nil without labels.
  var accuracyText: String? {
    performance.map { performance in
      String(
        format: "accuracy %.1f %% (%.1f–%.1f) on the latest %d labels", performance.accuracy * 100,
        performance.accuracyInterval.lower * 100, performance.accuracyInterval.upper * 100,
        performance.count)
        + (reference?.labelled.map {
          String(format: ", %.1f %% on the reference", $0.accuracy * 100)
        }
          ?? "")
    }
  }

  /// A class's name in a line of the log: control characters would end the line, or change how it reads.
  private static func shown(_ label: String) -> String {
    let scalars = label.unicodeScalars.prefix(64).map {
      $0.properties.generalCategory == .control ? "\u{FFFD}" : $0
    }
    return String(String.UnicodeScalarView(scalars))
  }

  /// Where the drift is largest, with figures.
  private var driftText: String {
    func index(_ name: String) -> Double {
      analysis?.comparisons.first { $0.name == name }?.stabilityIndex ?? 0
    }
    let names = drifted.keys.sorted { (index($1), $0) < (index($0), $1) }
    let shown = names.prefix(6).map(driftText).joined(separator: "; ")
    return names.count > 6 ? shown + "; and \(names.count - 6) more" : shown
  }

  private func driftText(_ name: String) -> String {
    guard let comparison = analysis?.comparisons.first(where: { $0.name == name }) else {
      return name
    }
    let index = String(format: "PSI %.2f", comparison.stabilityIndex)
    guard let shift = comparison.shift else { return "\(name) (\(index))" }
    return String(
      format: "%@ (%@, mean %+.3g)", name, index, shift.meanDifference)
  }
}
