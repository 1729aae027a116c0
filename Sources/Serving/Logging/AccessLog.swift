import Dispatch
import Foundation
import HTTP
import Synchronization

/// One line for each answered request: when, who, what, how long. Never the query, never a body.
///
/// Lines gather on the I/O queue and are written by a queue of the log's own, so that a slow disk
/// or a full pipe never holds up an answer; past a megabyte of backlog, lines are dropped and the
/// number of dropped lines is written.
public final class AccessLog: @unchecked Sendable {
  /// How a line is written.
  public enum Format: String, Sendable, CaseIterable {
    case logfmt, json
  }

  private let format: Format
  private let writer: DispatchQueue
  private let descriptor: Mutex<Int32>
  private let path: String?
  private let backlog = Mutex(0)
  /// Touched on the I/O queue alone.
  private var buffer: [UInt8] = []
  private var droppedCount = 0
  private var second = 0
  private var time = ""

  private static let flushSize = 16384
  private static let maximumBacklog = 1 << 20

  /// Writes to a descriptor that is open, and stays its owner's.
  public init(descriptor: Int32, format: Format = .logfmt) {
    self.format = format
    self.descriptor = Mutex(descriptor)
    path = nil
    writer = DispatchQueue(label: "martlet.accesslog", qos: .utility)
  }

  /// Writes at the end of a file, which is made if it is not there.
  /// - Throws: `ServingError.cannotOpenLog`.
  public init(path: String, format: Format = .logfmt) throws {
    self.format = format
    self.path = path
    descriptor = Mutex(try Self.open(path))
    writer = DispatchQueue(label: "martlet.accesslog", qos: .utility)
  }

  private static func open(_ path: String) throws -> Int32 {
    let opened = Foundation.open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o640)
    if opened < 0 { throw ServingError.cannotOpenLog(path: path, code: errno) }
    return opened
  }

  /// Opens the file anew, after it was moved away by log rotation (USR1).
  public func reopen() {
    guard let path else { return }
    writer.async { [self] in
      guard let opened = try? Self.open(path) else { return }
      let old = descriptor.withLock { descriptor in
        defer { descriptor = opened }
        return descriptor
      }
      close(old)
    }
  }

  /// Adds a line. On the I/O queue alone.
  func append(_ exchange: Exchange) {
    let now = Int(Foundation.time(nil))
    if now != second {
      second = now
      time = Timestamp.string(seconds: now)
    }
    let method = exchange.request?.method.name ?? "-"
    let path = exchange.request?.path ?? "-"
    let microseconds = exchange.duration / 1000
    switch format {
    case .logfmt:
      buffer +=
        """
        time=\(time) level=info request_id=\(exchange.requestID) peer=\(exchange.peer) \
        method=\(method) path=\(path) status=\(exchange.status.code) bytes=\(exchange.byteCount) \
        duration_us=\(microseconds)\n
        """.utf8
    case .json:
      // Neither an id, a method nor a path can hold a character that JSON escapes.
      buffer +=
        """
        {"time":"\(time)","level":"info","request_id":"\(exchange.requestID)",\
        "peer":"\(exchange.peer)","method":"\(method)","path":"\(path)",\
        "status":\(exchange.status.code),"bytes":\(exchange.byteCount),\
        "duration_us":\(microseconds)}\n
        """.utf8
    }
    if buffer.count >= Self.flushSize { flush() }
  }

  /// Hands what has gathered to the writing queue. On the I/O queue alone.
  func flush() {
    if buffer.isEmpty { return }
    let lines = buffer
    buffer.removeAll(keepingCapacity: true)
    let isAccepted = backlog.withLock { backlog in
      if backlog > Self.maximumBacklog { return false }
      backlog += lines.count
      return true
    }
    if !isAccepted {
      droppedCount += lines.count(where: { $0 == UInt8(ascii: "\n") })
      return
    }
    let dropped = droppedCount
    droppedCount = 0
    writer.async { [self] in
      if dropped > 0 { write(Array("level=warning dropped_lines=\(dropped)\n".utf8)) }
      write(lines)
      backlog.withLock { $0 -= lines.count }
    }
  }

  /// Waits until everything handed over has been written, at most two seconds.
  func wait() {
    let done = DispatchSemaphore(value: 0)
    writer.async { done.signal() }
    _ = done.wait(timeout: .now() + 2)
  }

  private func write(_ bytes: [UInt8]) {
    let target = descriptor.withLock { $0 }
    var offset = 0
    while offset < bytes.count {
      let count = bytes.withUnsafeBytes {
        Foundation.write(target, $0.baseAddress?.advanced(by: offset), $0.count - offset)
      }
      if count < 0 && errno != EINTR { return }
      offset += max(0, count)
    }
  }
}

/// Times in the form of RFC 3339, in UTC.
enum Timestamp {
  static func string(seconds: Int) -> String {
    var now = time_t(seconds)
    var parts = tm()
    gmtime_r(&now, &parts)
    func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
    return "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))"
      + "T\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))Z"
  }
}
