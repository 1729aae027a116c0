import CEvents
import Foundation

/// The life of one connection: read, parse, hand over, write, and again.
extension HTTPServer {
  /// Reads of one connection in a row; then others have their turn.
  private static let readsPerTurn = 16
  private static let flushThreshold = 65536
  private static let continueLine: StaticString = "HTTP/1.1 100 Continue\r\n\r\n"

  /// Takes the connection as far as it goes without waiting.
  func advance(_ connection: Connection) {
    if !connection.output.isEmpty { writeHeldUp(connection) }
    var reads = 0
    while true {
      if connection.phase == .lingering {
        if !connection.isReadable || !discard(connection) { break }
        reads += 1
      } else if !connection.mayParse {
        break
      } else if connection.hasPending {
        parsePending(connection)
      } else if connection.isReadable {
        read(connection)
        reads += 1
      } else {
        break
      }
      if reads >= Self.readsPerTurn {
        let token = connection.token
        let slot = connection.slot
        loop.post { [weak self] in
          guard let self, let connection = connections[slot], connection.token == token else {
            return
          }
          advance(connection)
        }
        break
      }
    }
    settle(connection)
  }

  // MARK: - Reading

  private func read(_ connection: Connection) {
    let count = receive(connection)
    if count == 0 {
      // No more requests come; what was answered before is still written.
      connection.isClosing = true
      connection.hasPeerClosed = true
    }
    if count <= 0 { return }
    var offset = 0
    while offset < count && connection.mayParse {
      offset += scratch.withUnsafeBufferPointer {
        parse(connection, UnsafeBufferPointer(rebasing: $0[offset..<count]))
      }
      actOnParser(connection)
    }
    if offset < count && !connection.isClosing {
      connection.pending = Array(scratch[offset..<count])
      connection.pendingOffset = 0
    }
  }

  /// Reads into `scratch`.
  /// - Returns: how many bytes; 0 if the client has ended, -1 if there is nothing now.
  private func receive(_ connection: Connection) -> Int {
    let count = scratch.withUnsafeMutableBytes {
      Int(cevents_receive(connection.descriptor, $0.baseAddress, $0.count))
    }
    if count > 0 {
      // Less than asked for means that the socket is empty (epoll(7), edge-triggered).
      if count < scratch.count && !connection.hasPeerClosed { connection.isReadable = false }
      return count
    }
    if count == -Int(EINTR) { return -1 }
    connection.isReadable = false
    if count < 0 && count != -Int(EAGAIN) { close(connection) }
    return count == 0 ? 0 : -1
  }

  /// Drops what a client sends after its last answer. False once there is no more for now.
  private func discard(_ connection: Connection) -> Bool {
    let count = receive(connection)
    if count == 0 { close(connection) }
    return count != 0 && connection.phase != .closed
  }

  private func parsePending(_ connection: Connection) {
    while connection.hasPending && connection.mayParse {
      let bytes = connection.pending
      let offset = connection.pendingOffset
      connection.pendingOffset += bytes.withUnsafeBufferPointer {
        parse(connection, UnsafeBufferPointer(rebasing: $0[offset...]))
      }
      actOnParser(connection)
    }
    if !connection.hasPending {
      connection.pending = []
      connection.pendingOffset = 0
    }
  }

  private func parse(_ connection: Connection, _ bytes: UnsafeBufferPointer<UInt8>) -> Int {
    if connection.parser == nil {
      connection.parser = parsers.popLast() ?? RequestParser(limits: configuration.limits)
      connection.arrival = cevents_monotonic()
      connection.hasSentContinue = false
    } else if connection.parser?.hasBegun == false {
      connection.arrival = cevents_monotonic()
      connection.hasSentContinue = false
    }
    return connection.parser?.consume(bytes) ?? bytes.count
  }

  private func actOnParser(_ connection: Connection) {
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

  // MARK: - Answering

  private func dispatch(_ connection: Connection) {
    guard let parser = connection.parser else { return }
    let request = parser.makeRequest(peer: connection.peer, arrival: connection.arrival)
    if !parser.keepsAlive { connection.isClosing = true }
    nextSerial += 1
    connection.serial = nextSerial
    let responder = Responder(
      server: self, slot: connection.slot, serial: nextSerial, flag: connection.flag)
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

  private func answer(_ connection: Connection, _ request: Request, _ response: Response) {
    if isDraining || response.closesConnection { connection.isClosing = true }
    let before = outgoing.count
    writer.write(
      response,
      framing: ResponseWriter.Framing(
        isHead: request.method == .head, minorVersion: request.minorVersion,
        keepsAlive: !connection.isClosing),
      requestID: request.id, to: &outgoing)
    observer(
      Exchange(
        request: request, requestID: request.id, response: response,
        byteCount: outgoing.count - before,
        duration: cevents_monotonic() - request.arrival, peer: connection.peer))
  }

  private func refuse(_ connection: Connection, _ refusal: Refusal) {
    let id = RequestID.make()
    let before = outgoing.count
    connection.isClosing = true
    let response = refusal.problem.response(requestID: id)
    writer.write(
      response,
      framing: ResponseWriter.Framing(isHead: false, minorVersion: 1, keepsAlive: false),
      requestID: id, to: &outgoing)
    observer(
      Exchange(
        request: nil, requestID: id, response: response, byteCount: outgoing.count - before,
        duration: cevents_monotonic() - connection.arrival, peer: connection.peer))
  }

  // MARK: - Writing

  /// Sends what has been gathered in `outgoing`; what the socket does not take waits its turn.
  private func flush(_ connection: Connection) {
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

  private func writeHeldUp(_ connection: Connection) {
    let sent = send(connection, connection.output, from: connection.outputOffset)
    connection.outputOffset += sent
    connection.bytesWritten += sent
    if connection.outputOffset == connection.output.count {
      connection.output = []
      connection.outputOffset = 0
    }
  }

  /// Writes until the socket is full. Returns how much it took; an error closes the connection.
  private func send(_ connection: Connection, _ bytes: [UInt8], from start: Int) -> Int {
    var offset = start
    while offset < bytes.count {
      let sent = bytes.withUnsafeBytes {
        Int(
          cevents_send(
            connection.descriptor, $0.baseAddress?.advanced(by: offset), $0.count - offset))
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

  // MARK: - Phases and their time limits

  /// Once nothing more can be done now: sends, decides what the connection waits for, until when.
  private func settle(_ connection: Connection) {
    if connection.phase == .closed { return }
    sendContinueIfAwaited(connection)
    flush(connection)
    if connection.phase == .closed || connection.phase == .lingering { return }
    if !connection.output.isEmpty {
      connection.phase = .writing
      deadlines[connection.slot] = movingDeadline(
        connection, timeout: configuration.writeTimeout, bytes: connection.bytesWritten)
    } else if connection.request != nil {
      if connection.parser?.hasBegun == false { recycleParser(of: connection) }
      connection.phase = .handler
      deadlines[connection.slot] = Self.never
    } else if connection.isClosing {
      linger(connection)
    } else if let parser = connection.parser, parser.hasBegun {
      settleReading(connection, isBody: parser.isReadingBody, bytes: parser.bodyCount)
    } else if connection.phase != .idle || connection.parser != nil {
      recycleParser(of: connection)
      connection.phase = .idle
      let rest = isDraining ? configuration.drainGrace : configuration.keepAliveTimeout
      deadlines[connection.slot] = tick &+ ticks(rest)
    }
  }

  private func settleReading(_ connection: Connection, isBody: Bool, bytes: Int) {
    if !isBody && connection.phase != .head {
      connection.phase = .head
      deadlines[connection.slot] = tick &+ ticks(configuration.headTimeout)
    } else if isBody {
      if connection.phase != .body {
        connection.phase = .body
        connection.phaseStart = tick
      }
      deadlines[connection.slot] = movingDeadline(
        connection, timeout: configuration.bodyTimeout, bytes: bytes)
    }
  }

  /// A deadline that each byte puts off by as much as the minimum rate allows.
  private func movingDeadline(_ connection: Connection, timeout: Double, bytes: Int) -> UInt32 {
    connection.phaseStart &+ ticks(timeout + Double(bytes) / configuration.minimumRate)
  }

  private func sendContinueIfAwaited(_ connection: Connection) {
    guard let parser = connection.parser, parser.isReadingBody, parser.expectsContinue,
      parser.bodyCount == 0, !connection.hasSentContinue
    else { return }
    connection.hasSentContinue = true
    outgoing.append(Self.continueLine)
  }

  /// After the last answer: says so, and reads until the client has read it (RFC 9112 section 9.6).
  private func linger(_ connection: Connection) {
    recycleParser(of: connection)
    connection.pending = []
    connection.pendingOffset = 0
    if connection.hasPeerClosed && !connection.isReadable { return close(connection) }
    _ = cevents_shutdown_write(connection.descriptor)
    connection.phase = .lingering
    deadlines[connection.slot] = tick &+ ticks(configuration.lingerTimeout)
    // A large upload may still be on its way: begin to drop it.
    connection.isReadable = true
    advance(connection)
  }

  /// A time limit has passed.
  func expire(_ connection: Connection) {
    switch connection.phase {
    case .head, .body:
      refuse(connection, .timeout)
      settle(connection)
    case .idle, .writing, .lingering, .handler, .closed:
      close(connection)
    }
  }
}
