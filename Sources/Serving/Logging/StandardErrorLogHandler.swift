import Foundation
import JSON
import Logging

/// Writes log lines to standard error: logfmt or JSON, with journald's priority in front if asked.
public struct StandardErrorLogHandler: LogHandler {
  /// Fields added to each line.
  public var metadata: Logger.Metadata = [:]
  /// The least important level that is written.
  public var logLevel: Logger.Level
  private let label: String
  private let format: AccessLog.Format
  private let hasPriority: Bool

  /// - Parameter hasPriority: whether a line begins with `<N>`, which journald reads as the
  ///   priority (sd-daemon(3)).
  public init(
    label: String, level: Logger.Level = .info, format: AccessLog.Format = .logfmt,
    hasPriority: Bool = false
  ) {
    self.label = label
    logLevel = level
    self.format = format
    self.hasPriority = hasPriority
  }

  /// One field of each line.
  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  /// Writes one line, in one write.
  public func log(event: LogEvent) {
    let fields = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }
    let time = Timestamp.string(seconds: Int(Foundation.time(nil)))
    var members: [(String, String)] = [
      ("time", time), ("level", event.level.rawValue), ("logger", label),
      ("message", "\(event.message)"),
    ]
    members += fields.map { ($0.key, "\($0.value)") }
    var line = hasPriority ? Array("<\(Self.priority(event.level))>".utf8) : []
    line += Self.line(members, format: format)
    _ = line.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
  }

  /// A line of fields, with quotes where a value needs them.
  static func line(_ members: [(String, String)], format: AccessLog.Format) -> [UInt8] {
    var line: [UInt8] = []
    for (index, (key, value)) in members.enumerated() {
      switch format {
      case .json:
        line.append(UInt8(ascii: index == 0 ? "{" : ","))
        JSONValue.write(string: key, to: &line)
        line.append(UInt8(ascii: ":"))
        JSONValue.write(string: value, to: &line)
      case .logfmt:
        if index > 0 { line.append(UInt8(ascii: " ")) }
        line += key.utf8
        line.append(UInt8(ascii: "="))
        let isPlain = value.utf8.allSatisfy {
          $0 > 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "=")
        }
        if isPlain && !value.isEmpty {
          line += value.utf8
        } else {
          JSONValue.write(string: value, to: &line)
        }
      }
    }
    line += (format == .json ? "}\n" : "\n").utf8
    return line
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
