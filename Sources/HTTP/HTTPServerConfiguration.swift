/// How a server treats its connections. Times are in seconds, rates in bytes a second.
public struct HTTPServerConfiguration: Sendable {
  /// Bounds on each request.
  public var limits = HTTPLimits()
  /// Time for the PROXY header, and again for TLS's handshake; then the connection is cut.
  public var handshakeTimeout = 10.0
  /// Time for a whole head, from its first byte; then 408.
  public var headTimeout = 10.0
  /// Time for a body, from the end of its head, beyond what `minimumRate` allows; then 408.
  public var bodyTimeout = 10.0
  /// Time for the client to take an answer, beyond what `minimumRate` allows; then it is cut.
  public var writeTimeout = 10.0
  /// The rate at which a body or an answer must move at least, on average.
  public var minimumRate = 1024.0
  /// Time a connection may rest between requests (`--keep-alive`), and before its first.
  public var keepAliveTimeout = 75.0
  /// Time to read and drop what a refused client still sends, so that it reads the answer first.
  public var lingerTimeout = 5.0
  /// Time in which a connection must have sent the whole head of a request once draining, for requests already on their way.
  public var drainGrace = 1.0
  /// Time that connections are still accepted once draining: those that the kernel has accepted before its listeners close.
  public var drainAccepting = 0.25
  /// The same as `lingerTimeout`, once draining.
  public var drainLinger = 0.5
  /// Most connections at once (`--worker-connections`); more wait in the backlog.
  public var maximumConnections = 16384
  /// Most connections at once from one address (`--max-connections-per-peer`); more are closed at
  /// once. Nil for no cap. Proxies that are trusted are not counted.
  public var maximumConnectionsPerPeer: Int?
  /// The certificate; nil for HTTP without TLS.
  public var tls: TLSContext?
  /// Who is believed when it says whom it speaks for (`--forwarded-allow-ips`).
  public var trustedProxies = TrustedPeers.loopback
  /// Where such a proxy says it (`--forwarded-header`).
  public var forwarding = Forwarding.xForwarded
  /// If not nil, each connection must come from one of these and begin with a header of the PROXY
  /// protocol (`--proxy-protocol`, `--proxy-allow-ips`).
  public var proxyProtocol: TrustedPeers?
  /// Bytes of an answer from which it is compressed for clients that take gzip
  /// (`--compress-min-size`). Nil for never.
  public var compressionMinimumSize: Int? = 1024
  /// zlib's level, 1 for speed to 9 for size.
  public var compressionLevel = 1

  /// The defaults.
  public init() {}
}
