import ArgumentParser
import HTTP

/// Who stands between the server and its clients, and is believed about them.
struct ProxyOptions: ParsableArguments {
  @Option(
    help: """
      Addresses and networks of trusted proxies, with commas between; * for everybody. \
      Unix-domain sockets are always trusted.
      """)
  var forwardedAllowIps = "127.0.0.1,::1"
  @Option(help: "Field that names the client: x-forwarded-for, forwarded (RFC 7239).")
  var forwardedHeader = "x-forwarded-for"
  @Flag(help: "Expect a PROXY protocol header (version 1 or 2) at the start of each connection.")
  var proxyProtocol = false
  @Option(help: "Addresses and networks that may send PROXY headers; others are refused.")
  var proxyAllowIps = "127.0.0.1,::1"

  func validate() throws {
    _ = try TrustedPeers(forwardedAllowIps)
    _ = try TrustedPeers(proxyAllowIps)
    if Forwarding(rawValue: forwardedHeader) == nil {
      throw ValidationError(
        "--forwarded-header \(forwardedHeader): use x-forwarded-for or forwarded")
    }
  }

  func apply(to configuration: inout HTTPServerConfiguration) throws {
    configuration.trustedProxies = try TrustedPeers(forwardedAllowIps)
    configuration.forwarding = Forwarding(rawValue: forwardedHeader) ?? .xForwarded
    if proxyProtocol { configuration.proxyProtocol = try TrustedPeers(proxyAllowIps) }
  }
}
