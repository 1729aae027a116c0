import CEvents
import Dispatch
import Foundation

/// Serves HTTP/1.1 and HTTP/1.0 on sockets that already listen.
///
/// Everything but `Responder` happens on `queue`, a serial Dispatch queue; nothing on it waits for
/// anything but the next event. Requests of one connection are answered in order, one at a time.
public final class HTTPServer: @unchecked Sendable {
  /// The I/O queue.
  public let queue: DispatchQueue
  /// Called on the I/O queue after each answer.
  public var observer: (Exchange) -> Void = { _ in }
  /// Called on the I/O queue after each round of events, when every request that was there has been handed over.
  public var onRoundEnd: () -> Void = {}
  /// Asked on the I/O queue before each round: nanoseconds for which requests may gather, so that one round takes many. For a
  /// server that can only refuse them; answers that are ready are not held up.
  public var gatheringTime: () -> Int64 = { 0 }
  /// Asked on the I/O queue before each round: how many requests more would be taken rather than refused; nil for as many as
  /// come. A server without room spends a sixteenth of its time on refusals, and leaves what else comes unread until it has some.
  public var room: () -> Int? = { nil }
  /// Called on the I/O queue four times a second: a sign of life.
  public var onTick: () -> Void = {}

  /// Asked on the I/O queue before a connection is taken: whether to leave it for a moment to
  /// another process that shares the listeners and has less to do.
  public var defersAccept: () -> Bool = { false }
  /// Asked on the I/O queue at each answer: whether its connection is to close after it, because the server is about to end.
  public var closesConnections: () -> Bool = { false }
  /// Told on the I/O queue how many connections are open, whenever that changes.
  public var onConnectionCount: (Int) -> Void = { _ in }

  let configuration: HTTPServerConfiguration
  let loop: EventLoop
  let handler: RequestHandler
  let compressor: GzipCompressor?
  private let listeners: [Int32]
  private let timer: any DispatchSourceTimer

  var connections: [Connection?] = []
  /// When each connection's present phase ends, as a tick; apart, so that a scan is short.
  var deadlines: [UInt32] = []
  private var freeSlots: [Int] = []
  private var nextToken: UInt64 = 0
  private var peerCounts: [Peer: Int] = [:]
  private var isAccepting = false
  /// Whether the present connection has been left to others already.
  private var hasDeferred = false
  private var budget = ReadingBudget()
  var drainCompletion: (() -> Void)?
  /// When connections without a whole head end, as a tick; set when draining begins.
  var drainEnd = HTTPServer.never
  /// Whether no connection will be accepted any more.
  var hasEndedAccepting = false

  /// Connections that are open now.
  public private(set) var connectionCount = 0
  /// Whether the server is about to end, and closes each connection after its answer.
  public var isDraining: Bool { drainCompletion != nil || hasEndedAccepting }

  var scratch = [UInt8](repeating: 0, count: 65536)
  var outgoing: [UInt8] = []
  var parsers: [RequestParser] = []
  var writer = ResponseWriter()
  var nextSerial: UInt64 = 0
  /// Now, in ticks of 100 ms since the machine started.
  var tick: UInt32 = 0

  static let ticksPerSecond = 10.0
  static let never = UInt32.max
  /// Tokens from here on are listeners.
  private static let listenerToken: UInt64 = 1 << 63

  /// A server that does nothing until `start`.
  /// - Parameters:
  ///   - listeners: listening sockets, which stay their owner's to close; made non-blocking.
  ///   - handler: answers each request; called on `queue`.
  /// - Throws: `HTTPError.system` if the kernel has no descriptors left.
  public init(
    listeners: [Int32], configuration: HTTPServerConfiguration = HTTPServerConfiguration(),
    queue: DispatchQueue = DispatchQueue(label: "martlet.io"),
    handler: @escaping RequestHandler
  ) throws(HTTPError) {
    self.listeners = listeners
    self.configuration = configuration
    self.queue = queue
    self.handler = handler
    compressor = configuration.compressionMinimumSize.map {
      GzipCompressor(minimumSize: $0, level: configuration.compressionLevel)
    }
    loop = try EventLoop(queue: queue)
    timer = DispatchSource.makeTimerSource(queue: queue)
    outgoing.reserveCapacity(65536)
  }

  /// Begins to accept connections.
  public func start() {
    // The loop holds the server until it is drained, so nobody else has to.
    loop.onReady = { [self] token, events in ready(token, events) }
    loop.onRound = { [self] in
      updateClock()
      budget.begin(now: cevents_monotonic())
    }
    loop.onRoundEnd = { [self] count in
      onRoundEnd()
      budget.end(count: count, now: cevents_monotonic())
    }
    loop.roundLimit = { [self] in
      budget.limit(room: room(), now: cevents_monotonic()) ?? EventLoop.maximumEvents
    }
    loop.gatheringTime = gatheringTime
    // OpenSSL writes without MSG_NOSIGNAL.
    if configuration.tls != nil { cevents_ignore_broken_pipes() }
    for listener in listeners {
      _ = cevents_nonblocking(listener)
      _ = cevents_no_delay(listener)
    }
    timer.setEventHandler { [weak self] in self?.everyTick() }
    timer.schedule(
      deadline: .now() + .milliseconds(250), repeating: .milliseconds(250),
      leeway: .milliseconds(50))
    queue.async { [self] in
      updateClock()
      resumeAccepting()
      loop.start()
      timer.activate()
    }
  }

  /// Posts a block to the I/O queue; cheaper than Dispatch while the server is busy.
  public func post(_ block: @escaping @Sendable () -> Void) { loop.post(block) }

  /// Answers sent within `body`, from any queue, wake the I/O queue once.
  public func batchingAnswers(_ body: () -> Void) { loop.batchingPosts(body) }

  // MARK: - Events

  private func ready(_ token: UInt64, _ events: UInt32) {
    if token >= Self.listenerToken { return accept(listeners[Int(token - Self.listenerToken)]) }
    let slot = Int(token & 0xF_FFFF)
    guard let connection = connections[slot], connection.token == token else { return }
    if events & UInt32(CEVENTS_HUNG_UP) != 0 { return close(connection) }
    if events & UInt32(CEVENTS_PEER_CLOSED) != 0 { connection.hasPeerClosed = true }
    let reads = UInt32(CEVENTS_READABLE | CEVENTS_PEER_CLOSED)
    if events & reads != 0 || connection.tls?.wantsWrite == true { connection.isReadable = true }
    advance(connection)
  }

  func updateClock() {
    tick = UInt32(truncatingIfNeeded: cevents_monotonic_coarse() / 100_000_000)
    writer.setDate(Int(cevents_wall_seconds()))
  }

  func ticks(_ seconds: Double) -> UInt32 {
    UInt32(max(1, min(seconds * Self.ticksPerSecond, 1e9)))
  }

  private func everyTick() {
    updateClock()
    configuration.tls?.advanceTickets(to: Int(cevents_wall_seconds()))
    onTick()
    for slot in deadlines.indices where deadlines[slot] <= tick {
      if let connection = connections[slot] { expire(connection) }
    }
    resumeAccepting()
  }

  func finishDrainIfDone() {
    guard hasEndedAccepting, connectionCount == 0, let completion = drainCompletion else { return }
    drainCompletion = nil
    timer.cancel()
    loop.stop()
    completion()
  }

  // MARK: - Accepting

  func resumeAccepting() {
    if isAccepting || hasEndedAccepting || isFull { return }
    isAccepting = true
    // Not EPOLLEXCLUSIVE: it would wake the busiest process first, the one already in epoll_wait.
    let interest = UInt32(CEVENTS_READABLE)
    for (index, listener) in listeners.enumerated() {
      _ = loop.add(listener, interest: interest, token: Self.listenerToken + UInt64(index))
    }
  }

  private var isFull: Bool { !isDraining && connectionCount >= configuration.maximumConnections }

  /// The listeners leave the loop, so that a full worker does not spin; the backlog, or another
  /// worker, takes what comes.
  func pauseAccepting() {
    if !isAccepting { return }
    isAccepting = false
    for listener in listeners { loop.remove(listener) }
  }

  /// Takes one connection, or leaves it for two milliseconds to a process with fewer.
  private func accept(_ listener: Int32) {
    if !isAccepting { return }
    if !hasDeferred && defersAccept() {
      hasDeferred = true
      pauseAccepting()
      queue.asyncAfter(deadline: .now() + .milliseconds(2)) { [weak self] in
        self?.resumeAccepting()
      }
      return
    }
    hasDeferred = false
    _ = acceptOne(listener)
  }

  /// Takes all that the kernel has accepted, as far as there are descriptors.
  func takeBacklog() {
    for listener in listeners {
      for _ in 0..<configuration.maximumConnections where !acceptOne(listener) { break }
    }
  }

  /// - Returns: whether there was a connection, and it was taken.
  private func acceptOne(_ listener: Int32) -> Bool {
    var address = cevents_peer()
    let descriptor = cevents_accept(listener, &address)
    switch descriptor {
    case 0...:
      let peer = Peer(
        high: address.high, low: address.low, family: address.family, port: address.port)
      admit(descriptor, peer: peer)
      if isFull { pauseAccepting() }
      return true
    case -EMFILE, -ENFILE, -ENOBUFS, -ENOMEM:
      // Out of descriptors: the next tick, or the next close, tries again.
      pauseAccepting()
    default:
      // Another process was faster, or the client has gone.
      break
    }
    return false
  }

  private func admit(_ descriptor: Int32, peer: Peer) {
    let isProxy = configuration.trustedProxies.contains(peer)
    let isBalancer = configuration.proxyProtocol?.contains(peer) ?? false
    var countedPeer: Peer?
    if let cap = configuration.maximumConnectionsPerPeer, !isProxy, !isBalancer {
      let key = peer.withoutPort
      let count = peerCounts[key, default: 0]
      if count >= cap {
        Foundation.close(descriptor)
        return
      }
      peerCounts[key] = count + 1
      countedPeer = key
    }
    let slot: Int
    if let free = freeSlots.popLast() {
      slot = free
    } else {
      slot = connections.count
      connections.append(nil)
      deadlines.append(Self.never)
    }
    nextToken += 1
    let connection = Connection(
      descriptor: descriptor, slot: slot, token: (nextToken << 20 | UInt64(slot)) & ~(1 << 63),
      peer: peer, countedPeer: countedPeer)
    connection.isTrustedProxy = isProxy
    connections[slot] = connection
    connectionCount += 1
    onConnectionCount(connectionCount)
    if configuration.proxyProtocol == nil {
      begin(connection)
    } else if isBalancer {
      connection.phase = .proxyHeader
      setDeadline(of: connection, tick &+ ticks(configuration.handshakeTimeout))
    } else {
      refuseProxyHeader(connection)
    }
    if connection.phase == .closed { return }
    let interest =
      CEVENTS_READABLE | CEVENTS_WRITABLE | CEVENTS_PEER_CLOSED
      | CEVENTS_EDGE
    let code = loop.add(descriptor, interest: UInt32(interest), token: connection.token)
    if code < 0 { return close(connection) }
    if connection.isClosing { advance(connection) }
  }

  /// From here on the connection's bytes are the client's.
  func begin(_ connection: Connection) {
    guard let tls = configuration.tls else {
      setDeadline(of: connection, tick &+ ticks(configuration.keepAliveTimeout))
      return
    }
    guard let session = tls.session(on: connection.descriptor) else { return close(connection) }
    connection.tls = session
    connection.phase = .handshake
    setDeadline(of: connection, tick &+ ticks(configuration.handshakeTimeout))
  }

  func close(_ connection: Connection) {
    if connection.phase == .closed { return }
    connection.phase = .closed
    connection.flag.cancel()
    connection.request = nil
    recycleParser(of: connection)
    connection.tls = nil
    Foundation.close(connection.descriptor)
    connections[connection.slot] = nil
    deadlines[connection.slot] = Self.never
    freeSlots.append(connection.slot)
    connectionCount -= 1
    onConnectionCount(connectionCount)
    if let key = connection.countedPeer {
      let count = peerCounts[key, default: 1] - 1
      peerCounts[key] = count == 0 ? nil : count
    }
    resumeAccepting()
    finishDrainIfDone()
  }

  func recycleParser(of connection: Connection) {
    guard var parser = connection.parser else { return }
    connection.parser = nil
    if parsers.count < 64 {
      parser.reset()
      parsers.append(parser)
    }
  }
}
