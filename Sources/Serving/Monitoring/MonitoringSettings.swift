import Health

/// What the operator set of the health monitoring.
public struct MonitoringSettings: Sendable {
  /// Whether there is any.
  public var isOn = true
  /// Drift, quality, objectives.
  public var health = HealthOptions()
  /// Makes the place for history, in the health process; nil keeps it in memory.
  public var makeHistory: (@Sendable () -> (any HistoryWriter)?)?
  /// Where alerts go besides the log: a URL that takes JSON.
  public var webhook: String?
  /// What the webhook's bodies are signed with; nil for no signature.
  public var webhookSecret: [UInt8]?
  /// The address of an Alertmanager.
  public var alertmanager: String?
  /// What runs when the verdict is to retrain; nil for nothing.
  public var retraining: RetrainHook.Options?

  /// The defaults.
  public init() {}
}
