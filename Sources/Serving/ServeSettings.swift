import Prefork
import Transformer

/// Everything that `martlet serve` was told; read anew at each reload.
public struct ServeSettings: Sendable {
  /// What is served.
  public var models: [ModelSpecification]
  /// The model that answers where none is named; nil for the first.
  public var defaultModel: String?
  /// What the models' layers are computed in.
  public var precision = Precision.auto
  /// Threads over which a worker computes.
  public var threads = 1
  /// Who may ask, and how often.
  public var access: AccessSettings
  /// Bounds and times of each worker's serving.
  public var options = ServingOptions()
  /// How the pool is run.
  public var pool = ArbiterConfiguration()
  /// Whether workers without work compute for those that have too much.
  public var sharesSlices = true
  /// What the admin listener asks for; nil for nothing.
  public var adminToken: String?
  /// How the default model's health is watched.
  public var monitoring = MonitoringSettings()
  /// The file of the access log, `-` for standard output; nil for none.
  public var accessLogPath: String?
  /// How a line of the access log is written.
  public var accessLogFormat = AccessLog.Format.fields(.logfmt)
  /// The error log.
  public var errorLog = ErrorLog.Settings()

  /// The defaults, for models and those who may ask them.
  public init(models: [ModelSpecification], access: AccessSettings) {
    self.models = models
    self.access = access
  }

  /// The files of the logs.
  var logPaths: [String] { [accessLogPath, errorLog.path].compactMap { $0 }.filter { $0 != "-" } }

  /// Opens the access log. In the process that serves.
  /// - Throws: `ServingError.cannotOpenLog`.
  func makeAccessLog() throws(ServingError) -> AccessLog? {
    guard let accessLogPath else { return nil }
    return try AccessLog(path: accessLogPath, format: accessLogFormat)
  }
}
