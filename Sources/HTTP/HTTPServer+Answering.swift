import CEvents
import Foundation

/// From the parser to the handler, and from its answer to the socket.
extension HTTPServer {
  private static let flushThreshold = 65536

  /// What the parser has come to.
  func actOnParser(_ connection: Connection) {
    switch connection.parser?.state {
    case .complete:
      dispatch(connection)
      connection.parser?.reset()
      if outgoing.count > Self.flushThreshold { flush(connection) }
    case .refused:
      refuse(connection, connection.parser?.refusal ?? .badLineEnd)
    default:
      break
    }
  }

  func dispatch(_ connection: Connection) {
    guard let parser = connection.parser else { return }
    var request = parser.makeRequest(peer: connection.peer, arrival: connection.arrival)
    request.isSecure = connection.tls != nil
    if connection.isTrustedProxy && parser.hasForwarding {
      let origin = configuration.forwarding.origin(
        of: request, from: connection.peer, trusted: configuration.trustedProxies)
      request.peer = origin.peer
      request.isSecure = origin.isSecure ?? request.isSecure
    }
    if !parser.keepsAlive { connection.isClosing = true }
    nextSerial += 1
    connection.serial = nextSerial
    let responder = Responder(
      server: self, slot: connection.slot, serial: nextSerial, flag: connection.flag,
      acceptsGzip: request.acceptsGzip)
    if let response = handler(request, responder) {
      answer(connection, request, response)
    } else {
      connection.request = request
    }
  }

  /// Takes an answer from any queue to the connection that waits for it, if it still does.
  func deliver(_ response: Response, slot: Int, serial: UInt64) {
    loop.post { [self] in
      guard let connection = connections[slot], connection.serial == serial,
        let request = connection.request
      else { return }
      connection.request = nil
      answer(connection, request, response)
      flush(connection)
      advance(connection)
    }
  }

  func answer(_ connection: Connection, _ request: Request, _ plain: Response) {
    let response = compressor?.encode(plain, acceptsGzip: request.acceptsGzip) ?? plain
    if isDraining || response.closesConnection || closesConnections() {
      connection.isClosing = true
    }
    let before = outgoing.count
    writer.write(
      response,
      framing: ResponseWriter.Framing(
        isHead: request.method == .head, minorVersion: request.minorVersion,
        keepsAlive: !connection.isClosing),
      identity: request.identity, to: &outgoing)
    observer(
      Exchange(
        request: request, isHead: request.method == .head, identity: request.identity,
        response: response,
        byteCount: outgoing.count - before,
        duration: cevents_monotonic() - request.arrival, peer: request.peer))
  }

  /// - Parameter isHead: whether the method is known to be HEAD, where no parser knows it.
  func refuse(_ connection: Connection, _ refusal: Refusal, isHead: Bool = false) {
    let id = RequestID.make()
    let before = outgoing.count
    connection.isClosing = true
    let isHead = isHead || connection.parser?.isHead == true
    var response = refusal.problem.response(requestID: id.description)
    response.fields += refusal.fields
    writer.write(
      response,
      framing: ResponseWriter.Framing(isHead: isHead, minorVersion: 1, keepsAlive: false),
      identity: id, to: &outgoing)
    observer(
      Exchange(
        request: nil, isHead: isHead, identity: id, response: response,
        byteCount: outgoing.count - before,
        duration: cevents_monotonic() - connection.arrival, peer: connection.peer))
  }

  // MARK: - Writing

  /// Sends what has been gathered in `outgoing`; what the socket does not take waits its turn.
  func flush(_ connection: Connection) {
    if outgoing.isEmpty { return }
    if connection.phase != .closed {
      if connection.output.isEmpty {
        let sent = send(connection, outgoing, from: 0)
        if sent < outgoing.count && connection.phase != .closed {
          connection.output = Array(outgoing[sent...])
          connection.outputOffset = 0
          connection.bytesWritten = 0
          connection.phaseStart = tick
        }
      } else {
        connection.output += outgoing
      }
    }
    outgoing.removeAll(keepingCapacity: outgoing.capacity <= 1 << 20)
  }

  func writeHeldUp(_ connection: Connection) {
    let sent = send(connection, connection.output, from: connection.outputOffset)
    connection.outputOffset += sent
    connection.bytesWritten += sent
    if connection.outputOffset == connection.output.count {
      connection.output = []
      connection.outputOffset = 0
    }
  }

  /// Writes until the socket is full. Returns how much it took; an error closes the connection.
  func send(_ connection: Connection, _ bytes: [UInt8], from start: Int) -> Int {
    var offset = start
    while offset < bytes.count {
      let sent = bytes.withUnsafeBytes {
        transmit(connection, UnsafeRawBufferPointer(rebasing: $0[offset...]))
      }
      if sent >= 0 {
        offset += sent
      } else if sent == -Int(EAGAIN) {
        break
      } else if sent != -Int(EINTR) {
        close(connection)
        break
      }
    }
    return offset - start
  }

  /// One write. Returns how many bytes, or the negative error.
  private func transmit(_ connection: Connection, _ bytes: UnsafeRawBufferPointer) -> Int {
    guard let tls = connection.tls else {
      return Int(cevents_send(connection.descriptor, bytes.baseAddress, bytes.count))
    }
    switch tls.write(bytes) {
    case .bytes(let count): return count
    case .wait: return -Int(EAGAIN)
    case .ended, .plainHTTP, .failed: return -Int(EPIPE)
    }
  }
}
