import Foundation

/// The rules: what of the pool's health raises an alert.
public enum AlertRules {
  /// What the rules see now.
  /// - Parameters:
  ///   - burn: how fast the budget of slow and failed requests is spent, over an hour and over five minutes; 1 is on budget.
  ///   - dropped: events that workers dropped in the last minute.
  ///   - workers: how many serve, and how many should.
  ///   - secondsSinceNotFinite: since a model last computed what is not a finite number; nil for never.
  ///   - refusal: why the latest reload was refused; empty where it was not.
  public static func signals(
    _ state: HealthState, burn: (long: Double, short: Double), dropped: Double,
    workers: (ready: Int, wanted: Int), secondsSinceNotFinite: Double? = nil, refusal: String = ""
  ) -> [AlertSignal] {
    let verdict = state.verdict
    var signals = [
      AlertSignal(
        name: "RetrainModel", severity: .critical, isRaised: verdict.action == .retrain,
        isCleared: verdict.action != .retrain, reason: verdict.evidence.first ?? "",
        ending: "the verdict is \"\(verdict.action.rawValue)\""
          + (state.accuracyText.map { ": \($0)" } ?? "")),
      // Fourteen times the budget in both windows spends two hundredths of a month's in an hour (Beyer 2018, chapter 5).
      AlertSignal(
        name: "LatencyBudgetBurn", severity: .critical,
        isRaised: burn.long > 14.4 && burn.short > 14.4, isCleared: burn.short < 7,
        reason: String(
          format:
            "requests are slow or fail: the budget burns %.1f times too fast over an hour, %.1f over five minutes",
          burn.long, burn.short),
        ending: String(
          format:
            "the budget burns %.1f times as fast as it may over an hour, %.1f over five minutes",
          burn.long, burn.short)),
      AlertSignal(
        name: "EventsDropped", severity: .warning, isRaised: dropped > 0, isCleared: dropped == 0,
        holdSeconds: 60,
        reason: "the health process does not keep up: \(Int(dropped)) events dropped in a minute",
        ending: "no event was dropped in the latest minute"),
      AlertSignal(
        name: "ModelNotFinite", severity: .critical,
        isRaised: secondsSinceNotFinite.map { $0 < 60 } ?? false,
        reason:
          "a model computes what is not a finite number, and such texts are answered with 500: "
          + "serve an earlier checkpoint",
        ending: "every model computed finite numbers in the latest minute"),
      AlertSignal(
        name: "WorkersMissing", severity: .critical, isRaised: workers.ready < workers.wanted,
        holdSeconds: 10, reason: "\(workers.ready) of \(workers.wanted) workers serve"),
      AlertSignal(
        name: "ReloadRefused", severity: .warning, isRaised: !refusal.isEmpty,
        reason: "the latest reload was refused, the old model and settings serve: \(refusal)",
        ending: "the latest reload went through"),
    ]
    signals += driftSignals(state)
    signals += QualityCheck.allCases.map { qualitySignal($0, state) }
    return signals
  }

  private static func driftSignals(_ state: HealthState) -> [AlertSignal] {
    guard let finding = state.finding else { return [] }
    let evidence = String(
      format: "(log evidence %.1f of %.1f)", finding.logEvidence, finding.logThreshold)
    let outputs: Set<String> = ["class", "confidence", "entropy"]
    func signal(_ name: String, _ subject: String, _ names: [String]) -> AlertSignal {
      AlertSignal(
        name: name, severity: .warning, isRaised: !names.isEmpty,
        reason:
          "\(subject) differs from the reference beyond chance: \(names.joined(separator: ", ")) \(evidence)",
        ending: "\(subject) is like the reference as far as can be told \(evidence)")
    }
    let names = state.drifted.keys.sorted()
    return [
      signal("InputDrift", "input", names.filter { !outputs.contains($0) }),
      signal("PredictionDrift", "output", names.filter(outputs.contains)),
    ]
  }

  private static func qualitySignal(_ check: QualityCheck, _ state: HealthState) -> AlertSignal {
    let (failures, count) = state.quality
    let rate = count > 0 ? failures[check.rawValue] / count : 0
    let limit = state.qualityLimit(check)
    return AlertSignal(
      name: "DataQuality", subject: check.name, severity: .warning,
      isRaised: state.qualityAlarms.contains(check), isCleared: rate < limit,
      reason: String(
        format: "%.1f %% of texts are %@ (%@), limit %.1f %%", rate * 100,
        check.name.replacingOccurrences(of: "_", with: " "), check.explanation, limit * 100))
  }
}
