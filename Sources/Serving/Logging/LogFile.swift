import Dispatch
import Foundation
import Synchronization

/// Where lines of a log go: a file, or a descriptor that was open before. Whoever has lines never waits for it.
///
/// In a worker, a queue of the log's own writes (`useQueue`); past a megabyte of backlog, lines are dropped. The arbiter
/// may not use Dispatch: there a line is written at once if that cannot block, and dropped if a pipe is full. How many
/// were dropped is written once there is room again.
package final class LogFile: @unchecked Sendable {
  private struct State {
    var descriptor: Int32
    var backlog = 0
    var dropped = 0
  }

  /// The file; nil for a descriptor.
  let path: String?
  private let state: Mutex<State>
  /// Set before the process has a second thread.
  private var queue: DispatchQueue?

  private static let maximumBacklog = 1 << 20
  /// What a pipe that poll(2) calls writable takes without blocking (PIPE_BUF).
  private static let pipeUnit = 4096

  /// Writes to a descriptor that is open, and stays its owner's.
  package init(descriptor: Int32) {
    path = nil
    state = Mutex(State(descriptor: descriptor))
  }

  /// Writes at the end of a file, which is made if it is not there.
  /// - Throws: `ServingError.cannotOpenLog`.
  package init(path: String) throws(ServingError) {
    self.path = path
    state = Mutex(State(descriptor: try Self.open(path)))
  }

  deinit {
    if path != nil { close(state.withLock { $0.descriptor }) }
  }

  private static func open(_ path: String) throws(ServingError) -> Int32 {
    // Not blocking, because opening a FIFO waits for its reader.
    let opened = Foundation.open(
      path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0o640)
    if opened < 0 { throw .cannotOpenLog(path: path, code: errno) }
    return opened
  }

  /// Whether the file can be opened, or made; it is not.
  /// - Throws: `ServingError.cannotOpenLog`.
  static func check(path: String) throws(ServingError) {
    let opened = Foundation.open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NONBLOCK)
    if opened >= 0 {
      close(opened)
      return
    }
    let folder = (path as NSString).deletingLastPathComponent
    if errno == ENOENT && access(folder.isEmpty ? "." : folder, W_OK | X_OK) == 0 { return }
    throw .cannotOpenLog(path: path, code: errno)
  }

  /// From here on a queue writes. Once in each child, before it has threads.
  func useQueue(_ label: String) {
    if queue == nil { queue = DispatchQueue(label: label, qos: .utility) }
  }

  /// Gives the file to the user that workers run as, so that they can open it anew.
  func give(to user: uid_t, _ group: gid_t) {
    if path != nil { _ = fchown(state.withLock { $0.descriptor }, user, group) }
  }

  /// Opens the file anew, after log rotation moved it away. On failure the old file stays in use.
  package func reopen() throws(ServingError) {
    guard let path else { return }
    let opened = try Self.open(path)
    let swap: @Sendable () -> Void = { [self] in
      let old = state.withLock { state in
        defer { state.descriptor = opened }
        return state.descriptor
      }
      close(old)
    }
    if let queue { queue.async(execute: swap) } else { swap() }
  }

  /// Takes whole lines.
  package func append(_ lines: [UInt8]) {
    guard let queue else { return writeNow(lines) }
    let isAccepted = state.withLock { state in
      if state.backlog > Self.maximumBacklog {
        state.dropped += Self.count(lines)
        return false
      }
      state.backlog += lines.count
      return true
    }
    guard isAccepted else { return }
    queue.async { [self] in
      let dropped = takeDropped()
      if dropped > 0 { write(Self.notice(dropped)) }
      write(lines)
      state.withLock { $0.backlog -= lines.count }
    }
  }

  /// Waits until everything handed over has been written, at most two seconds.
  func wait() {
    guard let queue else { return }
    let done = DispatchSemaphore(value: 0)
    queue.async { done.signal() }
    _ = done.wait(timeout: .now() + 2)
  }

  private func takeDropped() -> Int {
    state.withLock { state in
      defer { state.dropped = 0 }
      return state.dropped
    }
  }

  private static func count(_ lines: [UInt8]) -> Int {
    lines.count(where: { $0 == UInt8(ascii: "\n") })
  }

  private static func notice(_ dropped: Int) -> [UInt8] {
    Array("level=warning dropped_lines=\(dropped)\n".utf8)
  }

  /// On the log's own queue, where waiting is allowed.
  private func write(_ bytes: [UInt8]) {
    let target = state.withLock { $0.descriptor }
    var offset = 0
    while offset < bytes.count {
      let count = bytes.withUnsafeBytes {
        Foundation.write(target, $0.baseAddress?.advanced(by: offset), $0.count - offset)
      }
      if count < 0 && errno == EAGAIN {
        var room = pollfd(fd: target, events: Int16(POLLOUT), revents: 0)
        if poll(&room, 1, 1000) <= 0 { return drop(bytes) }
      } else if count < 0 && errno != EINTR {
        return
      }
      offset += max(0, count)
    }
  }

  private func drop(_ lines: [UInt8]) {
    state.withLock { $0.dropped += Self.count(lines) }
  }

  /// In the arbiter's one thread.
  private func writeNow(_ lines: [UInt8]) {
    let target = state.withLock { $0.descriptor }
    let dropped = takeDropped()
    let bytes = dropped > 0 ? Self.notice(dropped) + lines : lines
    let sent = bytes.withUnsafeBytes {
      send(target, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL))
    }
    if sent == bytes.count { return }
    var room = pollfd(fd: target, events: Int16(POLLOUT), revents: 0)
    if sent < 0, errno == ENOTSOCK, poll(&room, 1, 0) == 1 {
      let unit = Array(bytes.prefix(Self.pipeUnit))
      if Foundation.write(target, unit, unit.count) == unit.count { return }
    }
    state.withLock { $0.dropped += dropped + Self.count(lines) }
  }
}
