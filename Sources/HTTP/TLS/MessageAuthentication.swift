import COpenSSL

/// Codes that show who wrote a message (RFC 2104).
public enum MessageAuthentication {
  /// HMAC with SHA-256: 32 bytes; empty if OpenSSL has no SHA-256, which no build is without.
  public static func sha256(key: [UInt8], message: [UInt8]) -> [UInt8] {
    var code = [UInt8](repeating: 0, count: 32)
    let isDone = copenssl_hmac_sha256(key, key.count, message, message.count, &code) == 1
    return isDone ? code : []
  }
}
