import Foundation
import HTTP

/// One line for each answered request: when, who, what, how long. Never a body; the query only in a format of one's own.
///
/// Lines gather on the I/O queue and are written by a queue of the log's own, so that a slow disk or a full pipe never
/// holds up an answer.
public final class AccessLog: @unchecked Sendable {
  /// How a line is written.
  public enum Format: Sendable, Equatable {
    /// Fields of Martlet's choice.
    case fields(LogFormat)
    /// Gunicorn's atoms.
    case pattern(AccessLogPattern)

    /// `logfmt`, `json`, `combined`, or a text with atoms.
    /// - Throws: `ServingError.badLogFormat`.
    public init(_ text: String) throws(ServingError) {
      if let format = LogFormat(rawValue: text) {
        self = .fields(format)
      } else if text == "combined" {
        self = .pattern(try AccessLogPattern(AccessLogPattern.combined))
      } else if text.contains("%") {
        self = .pattern(try AccessLogPattern(text))
      } else {
        throw .badLogFormat(text, at: text)
      }
    }
  }

  private let format: Format
  private let file: LogFile
  /// Touched on the I/O queue alone.
  private var buffer: [UInt8] = []
  private var second = 0
  private var time = ""

  private static let flushSize = 16384

  /// Writes at the end of a file, which is made if it is not there; `-` is standard output. In the process that serves.
  /// - Throws: `ServingError.cannotOpenLog`.
  public init(path: String, format: Format = .fields(.logfmt)) throws(ServingError) {
    self.format = format
    file = path == "-" ? LogFile(descriptor: STDOUT_FILENO) : try LogFile(path: path)
    file.useQueue("martlet.accesslog")
  }

  /// Opens the file anew, after it was moved away by log rotation (USR1).
  /// - Throws: `ServingError.cannotOpenLog`; the old file then stays in use.
  public func reopen() throws(ServingError) { try file.reopen() }

  /// Adds a line. On the I/O queue alone.
  package func append(_ exchange: Exchange) {
    let now = Int(Foundation.time(nil))
    if now != second {
      second = now
      if case .pattern = format {
        time = Timestamp.common(seconds: now)
      } else {
        time = Timestamp.string(seconds: now)
      }
    }
    switch format {
    case .fields(let format): appendFields(exchange, format)
    case .pattern(let pattern): pattern.write(exchange, time: time, to: &buffer)
    }
    if buffer.count >= Self.flushSize { flush() }
  }

  private func appendFields(_ exchange: Exchange, _ format: LogFormat) {
    let method = exchange.request?.method.name ?? "-"
    let path = exchange.request?.path ?? "-"
    let trace = exchange.request.flatMap(TraceContext.parent)
    let microseconds = exchange.duration / 1000
    switch format {
    case .logfmt:
      buffer +=
        """
        time=\(time) level=info request_id=\(exchange.requestID) peer=\(exchange.peer) \
        method=\(method) path=\(path) status=\(exchange.status.code) bytes=\(exchange.byteCount) \
        duration_us=\(microseconds)
        """.utf8
      if let trace { buffer += " traceparent=\(trace)".utf8 }
      buffer.append(UInt8(ascii: "\n"))
    case .json:
      // None of these can hold a character that JSON escapes: the parser and `TraceContext` see to it.
      buffer +=
        """
        {"time":"\(time)","level":"info","request_id":"\(exchange.requestID)",\
        "peer":"\(exchange.peer)","method":"\(method)","path":"\(path)",\
        "status":\(exchange.status.code),"bytes":\(exchange.byteCount),\
        "duration_us":\(microseconds)
        """.utf8
      if let trace { buffer += ",\"traceparent\":\"\(trace)\"".utf8 }
      buffer += "}\n".utf8
    }
  }

  /// Hands what has gathered to the writing queue. On the I/O queue alone.
  package func flush() {
    if buffer.isEmpty { return }
    file.append(buffer)
    buffer.removeAll(keepingCapacity: true)
  }

  /// Waits until everything handed over has been written, at most two seconds.
  func wait() { file.wait() }
}
