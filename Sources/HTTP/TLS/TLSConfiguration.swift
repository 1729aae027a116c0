/// What a server needs to speak TLS.
public struct TLSConfiguration: Sendable, Equatable {
  /// The oldest version that is spoken.
  public enum Version: String, Sendable, CaseIterable {
    /// TLS 1.2 (RFC 5246).
    case tls12 = "1.2"
    /// TLS 1.3 (RFC 8446).
    case tls13 = "1.3"
  }

  /// PEM file with the server's certificate first, then those that lead to a root (`--certfile`).
  public var certificateFile: String
  /// PEM file with the certificate's private key, not encrypted (`--keyfile`).
  public var keyFile: String
  /// OpenSSL's list of cipher suites for TLS 1.2 (`--ciphers`); those of TLS 1.3 are all good.
  public var ciphers = TLSConfiguration.defaultCiphers
  /// The oldest version that is spoken.
  public var minimumVersion = Version.tls12

  /// Forward secrecy and authenticated encryption alone (RFC 9325 section 4.2).
  public static let defaultCiphers =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    + "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    + "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"

  /// TLS with these files.
  public init(certificateFile: String, keyFile: String) {
    self.certificateFile = certificateFile
    self.keyFile = keyFile
  }
}
