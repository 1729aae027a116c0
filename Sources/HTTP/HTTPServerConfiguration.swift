/// How a server treats its connections. Times are in seconds, rates in bytes a second.
public struct HTTPServerConfiguration: Sendable {
  /// Bounds on each request.
  public var limits = HTTPLimits()
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
  /// Time that resting connections are left open once draining, for a request already on its way.
  public var drainGrace = 0.5
  /// Most connections at once; more wait in the backlog.
  public var maximumConnections = 16384
  /// Most connections at once from one address; more are closed at once. Nil for no cap.
  public var maximumConnectionsPerPeer: Int?

  /// The defaults.
  public init() {}
}
