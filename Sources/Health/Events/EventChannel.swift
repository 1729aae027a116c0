import Glibc
import Prefork
import Synchronization

/// A pair of Unix datagram sockets, made before the pool forks: workers write to one end, the health process reads the other.
///
/// The arbiter keeps both open, so either side may die and be replaced. Nothing ever waits: what does not fit the kernel's
/// queue is dropped and counted.
public struct EventChannel: Sendable {
  /// What workers write to.
  public let sending: Int32
  /// What the health process reads from.
  public let receiving: Int32
  /// A sender flushes 4 KB before this many bytes. The record that reaches there may take a datagram past it, by less
  /// than 12 KB; the receiver has twice the room.
  public static let datagramLimit = 32 << 10
  /// The kernel's buffer, asked for on both ends.
  static let bufferBytes: Int32 = 4 << 20

  /// Opens the pair.
  /// - Throws: `HealthError.channel`.
  public init() throws(HealthError) {
    var ends: [Int32] = [-1, -1]
    let type =
      Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    guard socketpair(AF_UNIX, type, 0, &ends) == 0 else {
      throw .channel(String(cString: strerror(errno)))
    }
    (sending, receiving) = (ends[0], ends[1])
    var size = Self.bufferBytes
    // The kernel caps these at its own limit, which is no failure.
    setsockopt(sending, SOL_SOCKET, SO_SNDBUF, &size, socklen_t(MemoryLayout<Int32>.size))
    setsockopt(receiving, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
  }

  /// Closes both ends; for tests, the pool keeps them for its life.
  public func close() {
    Glibc.close(sending)
    Glibc.close(receiving)
  }

  /// Reads one datagram into `buffer`.
  /// - Returns: its bytes; nil when none waits.
  public func receive(into buffer: inout [UInt8]) -> ArraySlice<UInt8>? {
    let count = recv(receiving, &buffer, buffer.count, Int32(MSG_DONTWAIT))
    return count >= 0 ? buffer[..<count] : nil
  }
}

/// A worker's end of the channel: gathers records and sends them a datagram at a time.
///
/// The kernel's queue holds few datagrams, however small, so records share one; a system call for each prediction would also
/// cost more than the record.
public final class EventSender: Sendable {
  private let channel: EventChannel
  private let counters: SharedCounters
  private let first: Int
  private let pending = Mutex(Pending())

  private struct Pending: Sendable {
    var predictions: (bytes: [UInt8], count: UInt64) = ([], 0)
    /// Kept until they are sent: each has been answered as counted, and the count is the health process'.
    var labels: [UInt8] = []
  }

  /// Bytes of labels that wait at most: some 95,000 while the health process stands still.
  private static let labelLimit = 4 << 20

  /// The counter of records sent.
  public static let sentIndex = 0
  /// The counter of records dropped.
  public static let droppedIndex = 1
  /// Counters needed.
  public static let counterCount = 2

  /// - Parameters:
  ///   - counters: where what was sent and dropped is counted.
  ///   - first: the place of the first of `counterCount` of them.
  public init(channel: EventChannel, counters: SharedCounters, at first: Int = 0) {
    (self.channel, self.counters, self.first) = (channel, counters, first)
  }

  /// Takes one record; sends when enough have gathered.
  public func send(_ event: HealthEvent) {
    pending.withLock { pending in
      if case .label = event {
        event.append(to: &pending.labels)
        if pending.labels.count % Self.labelBytes < HealthEvent.labelLength { flush(&pending) }
      } else {
        event.append(to: &pending.predictions.bytes)
        pending.predictions.count += 1
        if pending.predictions.bytes.count >= EventChannel.datagramLimit - 4096 { flush(&pending) }
      }
    }
  }

  /// Sends what has gathered. Called a few times a second, so that a quiet pool is seen as well.
  public func flush() { pending.withLock { flush(&$0) } }

  /// Bytes of labels in one datagram.
  private static let labelBytes =
    EventChannel.datagramLimit / HealthEvent.labelLength * HealthEvent.labelLength

  private func flush(_ pending: inout Pending) {
    // Predictions first, so that labels find theirs.
    if pending.predictions.count > 0 {
      let index = send(pending.predictions.bytes) ? Self.sentIndex : Self.droppedIndex
      counters.add(pending.predictions.count, at: first + index)
      pending.predictions.bytes.removeAll(keepingCapacity: true)
      pending.predictions.count = 0
    }
    while !pending.labels.isEmpty {
      let part = Array(pending.labels.prefix(Self.labelBytes))
      let isSent = send(part)
      guard isSent || pending.labels.count > Self.labelLimit else { return }
      counters.add(
        UInt64(part.count / HealthEvent.labelLength),
        at: first + (isSent ? Self.sentIndex : Self.droppedIndex))
      pending.labels.removeFirst(part.count)
    }
  }

  private func send(_ bytes: [UInt8]) -> Bool {
    Glibc.send(channel.sending, bytes, bytes.count, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL)) >= 0
  }
}
