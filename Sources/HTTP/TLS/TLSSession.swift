import COpenSSL

/// The server's end of TLS on one connection. On the I/O queue alone.
///
/// It owns its `SSL`, and never the socket. Nothing in it waits.
final class TLSSession {
  private let session: OpaquePointer
  /// Whether the next step of a handshake needs room in the socket, not bytes from it.
  private(set) var wantsWrite = false
  private var hasFailed = false

  /// What a read or a write came to.
  enum Outcome: Equatable {
    case bytes(Int)
    /// Nothing now; try again when the socket is ready.
    case wait
    /// The peer sends no more.
    case ended
    /// The client speaks HTTP without TLS.
    case plainHTTP
    case failed
  }

  /// Takes over a new `SSL` in the accepting state.
  init(_ session: OpaquePointer) { self.session = session }

  deinit { SSL_free(session) }

  /// Whether the handshake is behind us.
  var isEstablished: Bool { SSL_is_init_finished(session) == 1 }

  /// Decrypts into a buffer, after the handshake.
  func read(into bytes: UnsafeMutableRawBufferPointer) -> Outcome {
    outcome(copenssl_read(session, bytes.baseAddress, bytes.count))
  }

  /// Encrypts a part of the bytes. What has been tried and not taken must come first the next time.
  func write(_ bytes: UnsafeRawBufferPointer) -> Outcome {
    outcome(copenssl_write(session, bytes.baseAddress, bytes.count))
  }

  /// Says that nothing more is sent.
  func end() { if !hasFailed { copenssl_end(session) } }

  private func outcome(_ result: Int64) -> Outcome {
    wantsWrite = result == Int64(COPENSSL_WANTS_WRITE.rawValue)
    switch result {
    case 1...: return .bytes(Int(result))
    case Int64(COPENSSL_WANTS_READ.rawValue), Int64(COPENSSL_WANTS_WRITE.rawValue): return .wait
    case Int64(COPENSSL_ENDED.rawValue): return .ended
    case Int64(COPENSSL_PLAIN_HTTP.rawValue):
      hasFailed = true
      return .plainHTTP
    default:
      hasFailed = true
      return .failed
    }
  }
}
