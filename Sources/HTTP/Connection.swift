import Synchronization

/// Whether a connection has gone: set on the I/O queue, read from any.
final class CancellationFlag: Sendable {
  private let isSet = Atomic<Bool>(false)

  var isCancelled: Bool { isSet.load(ordering: .relaxed) }

  func cancel() { isSet.store(true, ordering: .relaxed) }
}

/// One accepted socket. Touched on the I/O queue alone.
///
/// At rest it holds no buffers: the parser, the read buffer and the write buffer are the server's.
final class Connection {
  /// What the connection waits for; each has its own time limit.
  enum Phase: UInt8 {
    /// The header of the PROXY protocol.
    case proxyHeader
    /// The end of TLS's handshake.
    case handshake
    /// The first byte of a request.
    case idle
    case head, body
    /// The handler's answer.
    case handler
    /// Room in the socket for the rest of an answer.
    case writing
    /// The end of what the client sends, after the last answer.
    case lingering
    case closed
  }

  let descriptor: Int32
  let slot: Int
  /// What epoll knows the socket by; no other connection ever had it.
  let token: UInt64
  /// The client, as far as it is known without a request.
  var peer: Peer
  /// The other end of the socket, if it counts against the cap for one peer.
  let countedPeer: Peer?
  /// Whether the peer is believed when its requests say whom they come from.
  var isTrustedProxy = false
  /// Nil where TLS is not spoken.
  var tls: TLSSession?
  let flag = CancellationFlag()

  var phase = Phase.idle
  /// Nil at rest.
  var parser: RequestParser?
  /// Bytes read but not yet parsed: requests that follow the one being answered.
  var pending: [UInt8] = []
  var pendingOffset = 0
  /// Bytes of answers that the socket had no room for.
  var output: [UInt8] = []
  var outputOffset = 0
  /// Whether the socket may have bytes to read.
  var isReadable = false
  var hasPeerClosed = false
  /// Whether no further request is read.
  var isClosing = false
  var hasSentContinue = false
  /// Which request of this server's the handler has; an answer to another is dropped.
  var serial: UInt64 = 0
  var request: Request?
  /// Monotonic nanoseconds of the first byte of the current request.
  var arrival: Int64 = 0
  /// When the present body or answer began to move, as a tick.
  var phaseStart: UInt32 = 0
  var bytesWritten = 0

  init(descriptor: Int32, slot: Int, token: UInt64, peer: Peer, countedPeer: Peer?) {
    self.descriptor = descriptor
    self.slot = slot
    self.token = token
    self.peer = peer
    self.countedPeer = countedPeer
  }

  /// Whether the next request may be read: none is being answered, and no answer is held up.
  var mayParse: Bool {
    !isClosing && request == nil && output.isEmpty && phase != .closed && phase != .lingering
  }

  /// Whether a handshake is done.
  var isEstablished: Bool { tls?.isEstablished ?? true }

  var hasPending: Bool { pendingOffset < pending.count }
}
