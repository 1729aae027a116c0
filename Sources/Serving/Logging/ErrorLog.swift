import Foundation
import Logging
import Synchronization

/// The error log of this process, which every `Logger` writes to.
///
/// One for each process, because `LoggingSystem` is: set up at the start and again at each reload of the settings.
public enum ErrorLog {
  /// Where lines go and which are written.
  public struct Settings: Sendable, Equatable {
    /// The file; nil for standard error.
    public var path: String?
    /// How a line is written.
    public var format = LogFormat.logfmt
    /// The least important level that is written.
    public var level = Logger.Level.info
    /// Whether a line begins with `<N>`, which journald reads as its priority (sd-daemon(3)).
    public var hasPriority = false

    /// The defaults.
    public init() {}
  }

  private struct State {
    var settings = Settings()
    var file = LogFile(descriptor: STDERR_FILENO)
  }

  private static let state = Mutex(State())

  /// Makes every `Logger` of the process write here. Once, before the first.
  public static func bootstrap() {
    LoggingSystem.bootstrap { ErrorLogHandler(label: $0) }
  }

  /// Takes settings into use.
  /// - Throws: `ServingError.cannotOpenLog`; the old settings then stay.
  public static func set(_ settings: Settings) throws(ServingError) {
    let isSame = state.withLock { $0.settings.path == settings.path }
    var file: LogFile?
    if !isSame {
      if let path = settings.path {
        file = try LogFile(path: path)
      } else {
        file = LogFile(descriptor: STDERR_FILENO)
      }
    }
    state.withLock {
      $0.settings = settings
      if let file { $0.file = file }
    }
  }

  /// Whether standard error is the journal's, which `JOURNAL_STREAM` tells (systemd.exec(5)).
  public static func isJournal(_ environment: [String: String]) -> Bool {
    var status = stat()
    guard let stream = environment["JOURNAL_STREAM"], fstat(STDERR_FILENO, &status) == 0 else {
      return false
    }
    return stream == "\(status.st_dev):\(status.st_ino)"
  }

  /// In a child: from here on a queue writes.
  static func useQueue() { file.useQueue("martlet.errorlog") }

  /// The file in use.
  static var file: LogFile { state.withLock { $0.file } }

  static var level: Logger.Level { state.withLock { $0.settings.level } }

  static func write(_ event: LogEvent, label: String, metadata: Logger.Metadata) {
    let (settings, file) = state.withLock { ($0.settings, $0.file) }
    let fields = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }
    var members: [(String, String)] = [
      ("time", Timestamp.string(seconds: Int(Foundation.time(nil)))),
      ("level", event.level.rawValue), ("logger", label), ("message", "\(event.message)"),
    ]
    members += fields.map { ($0.key, "\($0.value)") }
    var line = settings.hasPriority ? Array("<\(priority(event.level))>".utf8) : []
    line += settings.format.line(members)
    file.append(line)
  }

  /// The priorities of syslog(3).
  static func priority(_ level: Logger.Level) -> Int {
    switch level {
    case .trace, .debug: 7
    case .info: 6
    case .notice: 5
    case .warning: 4
    case .error: 3
    case .critical: 2
    }
  }
}

/// Hands log lines to `ErrorLog`.
struct ErrorLogHandler: LogHandler {
  var metadata: Logger.Metadata = [:]
  private var ownLevel: Logger.Level?
  private let label: String

  init(label: String) { self.label = label }

  /// The log's, unless one was set for this logger.
  var logLevel: Logger.Level {
    get { ownLevel ?? ErrorLog.level }
    set { ownLevel = newValue }
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) { ErrorLog.write(event, label: label, metadata: metadata) }
}
