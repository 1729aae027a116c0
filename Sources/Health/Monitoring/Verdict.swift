/// What to do with the model, and why.
public struct Verdict: Sendable, Equatable {
  /// What to do.
  public enum Action: String, Sendable, CaseIterable {
    /// Nothing: the model sees what it learned from, and is as right as it was.
    case keep
    /// Something has changed, and it does not yet show that the model is worse.
    case watch
    /// The model is worse than it was: it should learn from what comes now.
    case retrain
  }

  /// What to do.
  public var action: Action
  /// The evidence, the heaviest first: one sentence each.
  public var evidence: [String]

  /// What to do, and why.
  public init(action: Action, evidence: [String]) {
    (self.action, self.evidence) = (action, evidence)
  }
}
