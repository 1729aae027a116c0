import ArgumentParser
import Logging
import Serving

/// What is written down, where and how.
struct LogOptions: ParsableArguments {
  @Option(help: "Access log: a file, or - for standard output.") var accessLogfile: String?
  @Option(help: "Access log format: logfmt, json.") var accessLogformat = "logfmt"
  @Option(help: "Log level: debug, info, warning, error.") var logLevel = "info"

  func validate() throws {
    if Logger.Level(rawValue: logLevel) == nil {
      throw ValidationError("--log-level \(logLevel): use debug, info, warning or error")
    }
    if AccessLog.Format(rawValue: accessLogformat) == nil {
      throw ValidationError("--access-logformat \(accessLogformat): use logfmt or json")
    }
  }

  func bootstrap() {
    let level = Logger.Level(rawValue: logLevel) ?? .info
    LoggingSystem.bootstrap { StandardErrorLogHandler(label: $0, level: level) }
  }

  /// Opens the access log; called in each worker.
  var accessLog: @Sendable () throws -> AccessLog? {
    guard let path = accessLogfile else { return { nil } }
    let format = AccessLog.Format(rawValue: accessLogformat) ?? .logfmt
    return {
      try path == "-"
        ? AccessLog(descriptor: 1, format: format) : AccessLog(path: path, format: format)
    }
  }
}
