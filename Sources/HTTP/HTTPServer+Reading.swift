import CEvents
import Foundation

/// From the socket to the parser.
extension HTTPServer {
  func read(_ connection: Connection) {
    let count = receive(connection)
    if connection.isClosing { return }
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
  func receive(_ connection: Connection) -> Int {
    if let tls = connection.tls { return receive(connection, tls) }
    return receiveRaw(connection)
  }

  /// The same, decrypted. A session may hold bytes when the socket has none, so it is read until
  /// it says that it waits.
  private func receive(_ connection: Connection, _ tls: TLSSession) -> Int {
    // A session that finds HTTP without TLS has taken the bytes that say which method it is.
    let isHead = connection.phase == .handshake && startsWithHead(connection)
    switch scratch.withUnsafeMutableBytes({ tls.read(into: $0) }) {
    case .bytes(let count): return count
    case .wait:
      connection.isReadable = false
      return -1
    case .ended:
      connection.isReadable = false
      return 0
    case .plainHTTP:
      // The session took the bytes; the answer goes out as they came in.
      connection.arrival = cevents_monotonic()
      connection.tls = nil
      refuse(connection, .plainHTTPOnTLSPort, isHead: isHead)
      return -1
    case .failed:
      // An alert that says why is on its way: the client is to read it before the end.
      connection.isClosing = true
      return -1
    }
  }

  private func startsWithHead(_ connection: Connection) -> Bool {
    let word = "HEAD ".utf8
    let count = scratch.withUnsafeMutableBytes {
      Int(cevents_peek(connection.descriptor, $0.baseAddress, word.count))
    }
    return count == word.count && scratch.starts(with: word)
  }

  /// The same, as the socket has it.
  private func receiveRaw(_ connection: Connection) -> Int {
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
  func discard(_ connection: Connection) -> Bool {
    let count = receiveRaw(connection)
    if count == 0 { close(connection) }
    return count != 0 && connection.phase != .closed
  }

  func parsePending(_ connection: Connection) {
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

  func parse(_ connection: Connection, _ bytes: UnsafeBufferPointer<UInt8>) -> Int {
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

  // MARK: - Before the first byte

  /// Reads the header that a load balancer writes first, and nothing behind it.
  /// - Returns: whether the connection can go on.
  func passProxyHeader(_ connection: Connection) -> Bool {
    if !connection.isReadable { return false }
    let count = scratch.withUnsafeMutableBytes {
      Int(cevents_peek(connection.descriptor, $0.baseAddress, ProxyHeader.maximumByteCount))
    }
    if count == -Int(EAGAIN) || count == -Int(EINTR) {
      connection.isReadable = count == -Int(EINTR)
      return false
    }
    if count <= 0 {
      close(connection)
      return false
    }
    switch ProxyHeader.read(scratch[..<count]) {
    case .incomplete:
      if connection.hasPeerClosed { close(connection) } else { connection.isReadable = false }
      return false
    case .malformed:
      connection.phase = .idle
      refuseProxyHeader(connection)
      return true
    case .complete(let header):
      _ = scratch.withUnsafeMutableBytes {
        cevents_receive(connection.descriptor, $0.baseAddress, header.byteCount)
      }
      if let client = header.client { connection.peer = client }
      connection.isTrustedProxy = configuration.trustedProxies.contains(connection.peer)
      connection.phase = .idle
      begin(connection)
      return connection.phase != .closed
    }
  }

  func refuseProxyHeader(_ connection: Connection) {
    connection.arrival = cevents_monotonic()
    if configuration.tls == nil {
      refuse(connection, .badProxyHeader)
    } else {
      connection.isClosing = true
    }
  }
}
