/// What an operator can set of the monitoring.
public struct HealthOptions: Sendable {
  /// Drift: level, window, runs.
  public var detector = AnytimeDetector.Options()
  /// Predictions in the window that the dashboard compares with the reference.
  public var windowSize = 500
  /// Predictions a second that the drift detector takes in at most. With more traffic a random part is taken: windows of 500
  /// would else fly past several times a second, each with its chance of a false alarm.
  public var intakePerSecond = 20.0
  /// Rates that checks may reach, by name; others are learned from the reference.
  public var qualityLimits: [String: Double] = [:]
  /// Milliseconds within which a request should be answered.
  public var latencyObjective = 100.0
  /// The share of requests that should be.
  public var latencyTarget = 0.99
  /// Accuracy below the reference's by this much, beyond doubt, is a reason to retrain.
  public var accuracyMargin = 0.02
  /// Whether texts may be kept.
  public var keepsText = false

  /// The defaults.
  public init() {}
}
