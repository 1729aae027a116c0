import ArgumentParser
import Foundation
import Logging
import Serving

/// What is written down, where and how.
struct LogOptions: ParsableArguments {
  enum Priority: String, ExpressibleByArgument, CaseIterable {
    case auto, always, never
  }

  @Option(help: "Access log: a file, or - for standard output.") var accessLogfile: String?
  @Option(
    help: ArgumentHelp(
      "Access log format: logfmt, json, combined, or a text with Gunicorn's atoms.",
      discussion: """
        Atoms: %(h)s peer, %(t)s time, %(r)s request line, %(m)s method, %(U)s path, %(q)s query, %(H)s protocol, %(s)s \
        status, %(B)s and %(b)s bytes of the body, %(f)s referer, %(a)s user agent, %(T)s seconds, %(M)s milliseconds, \
        %(D)s microseconds, %(L)s seconds with a fraction, %(p)s process, %({NAME}i)s and %({NAME}o)s fields of request \
        and answer, %(l)s and %(u)s a dash, %% a percent sign.
        """))
  var accessLogformat = "logfmt"
  @Option(help: "Error log: a file, or - for standard error.") var errorLogfile = "-"
  @Option(help: "Error log format.") var errorLogformat = LogFormat.logfmt
  @Option(help: "Least level of the error log: debug, info, warning, error.")
  var logLevel = "info"
  @Option(
    help:
      "Begin lines of the error log with journald's <N>; auto does where standard error is the journal."
  )
  var logPriority = Priority.auto

  func validate() throws {
    if Logger.Level(rawValue: logLevel) == nil {
      throw ValidationError("--log-level \(logLevel): use debug, info, warning or error")
    }
    _ = try AccessLog.Format(accessLogformat)
  }

  var errorLog: ErrorLog.Settings {
    var settings = ErrorLog.Settings()
    settings.path = errorLogfile == "-" ? nil : errorLogfile
    settings.format = errorLogformat
    settings.level = Logger.Level(rawValue: logLevel) ?? .info
    settings.hasPriority =
      switch logPriority {
      case .always: true
      case .never: false
      case .auto:
        settings.path == nil && ErrorLog.isJournal(ProcessInfo.processInfo.environment)
      }
    return settings
  }

  func apply(to settings: inout ServeSettings) throws {
    settings.accessLogPath = accessLogfile
    settings.accessLogFormat = try AccessLog.Format(accessLogformat)
    settings.errorLog = errorLog
  }
}

extension LogFormat: ExpressibleByArgument {}
