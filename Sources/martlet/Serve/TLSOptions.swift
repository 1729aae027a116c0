import ArgumentParser
import HTTP

/// TLS in the server itself.
struct TLSOptions: ParsableArguments {
  @Option(help: "PEM file with the certificate and those that lead to a root; makes HTTPS of HTTP.")
  var certfile: String?
  @Option(help: "PEM file with the certificate's key.") var keyfile: String?
  @Option(
    help: ArgumentHelp(
      "Cipher suites of TLS 1.2, as 'openssl ciphers' has them (default: those of RFC 9325)."))
  var ciphers: String?
  @Option(help: "Oldest TLS version that is spoken: 1.2, 1.3.") var tlsMinVersion = "1.2"

  func validate() throws {
    if (certfile == nil) != (keyfile == nil) {
      throw ValidationError("--certfile and --keyfile belong together: give both or neither")
    }
    if certfile == nil && ciphers != nil {
      throw ValidationError("--ciphers is for TLS: give --certfile and --keyfile too")
    }
    if TLSConfiguration.Version(rawValue: tlsMinVersion) == nil {
      throw ValidationError("--tls-min-version \(tlsMinVersion): use 1.2 or 1.3")
    }
  }

  /// Nil where no TLS is spoken.
  var configuration: TLSConfiguration? {
    guard let certfile, let keyfile else { return nil }
    var configuration = TLSConfiguration(certificateFile: certfile, keyFile: keyfile)
    if let ciphers { configuration.ciphers = ciphers }
    if let version = TLSConfiguration.Version(rawValue: tlsMinVersion) {
      configuration.minimumVersion = version
    }
    return configuration
  }
}
