import COpenSSL

/// A certificate, its key and how they are used: what the sessions of a server share.
///
/// Made before the fork, so that a bad certificate is seen before a worker needs it. Making one
/// reads files and starts no thread.
public final class TLSContext: @unchecked Sendable {
  // SSL_CTX is safe to share (openssl-threads(7)); it is not changed once it is made.
  private let context: OpaquePointer
  /// Kept, because the context points to them.
  private let tickets: TicketKeys

  /// Reads the files and checks that they belong together.
  /// - Throws: `HTTPError.tls`, which names the file.
  public init(_ configuration: TLSConfiguration, tickets: TicketKeys) throws(HTTPError) {
    guard let context = copenssl_context_create() else {
      throw .tls(file: nil, reason: Self.lastError())
    }
    self.context = context
    self.tickets = tickets
    let certificate = configuration.certificateFile
    let version: Int32 = configuration.minimumVersion == .tls13 ? 13 : 12
    guard copenssl_context_set_minimum(context, version) == 1,
      copenssl_context_set_groups(context, "X25519:P-256:P-384") == 1
    else { throw .tls(file: nil, reason: Self.lastError()) }
    guard SSL_CTX_set_cipher_list(context, configuration.ciphers) == 1 else {
      throw .tlsCiphers(configuration.ciphers)
    }
    guard SSL_CTX_use_certificate_chain_file(context, certificate) == 1 else {
      throw .tls(file: certificate, reason: Self.lastError())
    }
    // An encrypted key would ask for its password on the terminal: a callback that knows none.
    SSL_CTX_set_default_passwd_cb(context) { _, _, _, _ in 0 }
    guard SSL_CTX_use_PrivateKey_file(context, configuration.keyFile, SSL_FILETYPE_PEM) == 1 else {
      throw .tls(file: configuration.keyFile, reason: Self.lastError())
    }
    guard SSL_CTX_check_private_key(context) == 1 else {
      throw .tls(file: configuration.keyFile, reason: "the key is not the certificate's")
    }
    copenssl_context_offer_http(context)
    copenssl_context_set_lifetime(context, TicketKeys.periodSeconds)
    copenssl_context_set_tickets(context, tickets.storage)
  }

  deinit { SSL_CTX_free(context) }

  /// Turns to new ticket keys when their time has come. On the I/O queue.
  func advanceTickets(to seconds: Int) { tickets.advance(to: seconds) }

  /// The server's end of TLS on a connected, non-blocking socket; nil if memory is short.
  func session(on descriptor: Int32) -> TLSSession? {
    copenssl_session_create(context, descriptor).map(TLSSession.init)
  }

  private static func lastError() -> String {
    var text = [CChar](repeating: 0, count: 256)
    copenssl_take_error(&text, text.count)
    return String(
      decoding: text.prefix { $0 != 0 }.map { UInt8(truncatingIfNeeded: $0) }, as: UTF8.self)
  }
}
