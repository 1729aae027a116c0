import Glibc

/// A pair of sockets for each worker slot, made before the pool forks: a worker asks the health process for predictions that it
/// does not remember, and is told what became of their labels. Nobody waits: what does not fit is not sent.
public struct LabelChannel: Sendable {
  private let workers: [Int32]
  private let companions: [Int32]

  /// Opens a pair for each of `slots` workers.
  /// - Throws: `HealthError.channel`.
  public init(slots: Int) throws(HealthError) {
    var (workers, companions) = ([Int32](), [Int32]())
    let type =
      Int32(SOCK_SEQPACKET.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    for _ in 0..<slots {
      var ends: [Int32] = [-1, -1]
      guard socketpair(AF_UNIX, type, 0, &ends) == 0 else {
        let reason = String(cString: strerror(errno))
        for end in workers + companions { Glibc.close(end) }
        throw .channel(reason)
      }
      workers.append(ends[0])
      companions.append(ends[1])
    }
    (self.workers, self.companions) = (workers, companions)
  }

  /// How many slots there are.
  public var slotCount: Int { workers.count }

  /// What the worker of a slot asks through.
  public func worker(_ slot: Int) -> LabelSocket { LabelSocket(descriptor: workers[slot]) }

  /// What the health process answers the worker of a slot through.
  public func companion(_ slot: Int) -> LabelSocket { LabelSocket(descriptor: companions[slot]) }

  /// Closes all; for tests, the pool keeps them for its life.
  public func close() {
    for end in workers + companions { Glibc.close(end) }
  }
}

/// One end of a pair.
public struct LabelSocket: Sendable {
  /// For a source that tells when something can be read.
  public let descriptor: Int32

  /// Sends one datagram.
  /// - Returns: whether it went.
  public func send(_ bytes: [UInt8]) -> Bool {
    Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL)) >= 0
  }

  /// Reads one datagram; nil when none waits.
  public func receive() -> ArraySlice<UInt8>? {
    var buffer = [UInt8](repeating: 0, count: 2 * LabelInquiry.byteLimit)
    let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
    return count > 0 ? buffer[..<count] : nil
  }
}
