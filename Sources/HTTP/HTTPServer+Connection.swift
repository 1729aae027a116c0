import CEvents
import Foundation

/// The life of one connection: read, parse, hand over, write, and again.
extension HTTPServer {
  /// Reads of one connection in a row; then others have their turn.
  private static let readsPerTurn = 16
  private static let continueLine: StaticString = "HTTP/1.1 100 Continue\r\n\r\n"

  /// Takes the connection as far as it goes without waiting.
  func advance(_ connection: Connection) {
    if !connection.output.isEmpty { writeHeldUp(connection) }
    if connection.phase == .proxyHeader && !passProxyHeader(connection) { return }
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

  // MARK: - Phases and their time limits

  /// Once nothing more can be done now: sends, decides what the connection waits for, until when.
  func settle(_ connection: Connection) {
    if connection.phase == .closed { return }
    sendContinueIfAwaited(connection)
    flush(connection)
    if connection.phase == .closed || connection.phase == .lingering { return }
    if connection.phase == .handshake && !connection.isClosing && !connection.isEstablished {
      return
    }
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
      setDeadline(of: connection, tick &+ ticks(configuration.keepAliveTimeout))
    }
  }

  private func settleReading(_ connection: Connection, isBody: Bool, bytes: Int) {
    if !isBody && connection.phase != .head {
      connection.phase = .head
      setDeadline(of: connection, tick &+ ticks(configuration.headTimeout))
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
    connection.tls?.end()
    if connection.hasPeerClosed && !connection.isReadable { return close(connection) }
    _ = cevents_shutdown_write(connection.descriptor)
    connection.phase = .lingering
    setDeadline(of: connection, tick &+ ticks(configuration.lingerTimeout))
    // A large upload may still be on its way: begin to drop it.
    connection.isReadable = true
    advance(connection)
  }

  private func end(_ connection: Connection) {
    connection.isClosing = true
    linger(connection)
  }

  /// A time limit has passed.
  func expire(_ connection: Connection) {
    switch connection.phase {
    case .head, .body:
      refuse(connection, connection.phase == .head && isDraining ? .stopping : .timeout)
      settle(connection)
    case .idle:
      // What came this moment is read first; and what comes after the end has been said must not be answered by a reset.
      connection.isReadable = true
      advance(connection)
      if connection.phase == .idle { end(connection) }
    case .proxyHeader, .handshake:
      end(connection)
    case .writing, .lingering, .handler, .closed:
      close(connection)
    }
  }
}
