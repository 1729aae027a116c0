import Foundation
import HTTP
import LoopbackClient
import TestDaemon
import Testing

/// Limits of connections, each from both sides.
@Suite struct ConnectionLimitTests {
  private static let get = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"

  /// Asks on new connections until one is answered, for a minute at most: the server learns of a client's end in its own time.
  private func isServedInTime(_ server: ServerFixture) -> Bool {
    BuiltMartlet.wait {
      let client = server.client
      client.send(Self.get)
      return client.readAnswer()?.status == 200
    }
  }

  @Test func onePeerHasItsConnectionsAndNoMore() throws {
    let server = try ServerFixture {
      $0.maximumConnectionsPerPeer = 2
      $0.trustedProxies = TrustedPeers()
    }
    var held = [server.client, server.client]
    for client in held {
      client.send(Self.get)
      #expect(client.readAnswer()?.status == 200)
    }
    #expect(server.client.readToEnd() == "")
    // Those that were there are not touched, and one that ends makes room for one.
    for client in held {
      client.send(Self.get)
      #expect(client.readAnswer()?.status == 200)
    }
    held.removeLast()
    #expect(isServedInTime(server))
  }

  @Test func aTrustedProxyIsNotCountedAsAPeer() throws {
    let server = try ServerFixture { $0.maximumConnectionsPerPeer = 1 }
    let held = (0..<5).map { _ in server.client }
    for client in held {
      client.send(Self.get)
      #expect(client.readAnswer()?.status == 200)
    }
  }

  /// Waits until the server has closed every connection, for a minute at most.
  private func cutsAll(_ server: ServerFixture) -> Bool {
    BuiltMartlet.wait { connectionCount(server) == 0 }
  }

  private func connectionCount(_ server: ServerFixture) -> Int {
    server.server.queue.sync { server.server.connectionCount }
  }

  /// A body of which a half comes at once, and the other half after a pause, if it is waited for.
  private func statusOfSlowBody(minimumRate: Double, isWaitedFor: Bool) throws -> Int {
    let server = try ServerFixture {
      $0.bodyTimeout = 0.3
      $0.minimumRate = minimumRate
    }
    let client = server.client
    client.send(
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200\r\n\r\n"
        + String(repeating: "b", count: 100))
    if isWaitedFor {
      #expect(BuiltMartlet.wait { connectionCount(server) == 1 })
      // Longer than a body has without the rate.
      #expect(BuiltMartlet.stays(for: .seconds(1)) { connectionCount(server) == 1 })
      client.send(String(repeating: "b", count: 100))
    }
    return try #require(client.readAnswer()).status
  }

  @Test func aBodyMustMoveAtTheMinimumRate() throws {
    // A hundred bytes are a hundred seconds at one rate, and nothing at the other.
    #expect(try statusOfSlowBody(minimumRate: 1, isWaitedFor: true) == 200)
    #expect(try statusOfSlowBody(minimumRate: 1e9, isWaitedFor: false) == 408)
  }

  /// Beyond what a client reads at first and what the kernel may hold of the rest: Linux lets a receiving
  /// socket grow to 32 MB by default, a sending one to 4.
  private static let answerSize = 96 << 20

  /// How much of a large answer a client gets that reads a part, rests, and reads on.
  private func bytesTaken(minimumRate: Double, timeout: Double, isCut: Bool) throws -> Int {
    let server = try ServerFixture {
      $0.writeTimeout = timeout
      $0.minimumRate = minimumRate
      $0.compressionMinimumSize = nil
    } handler: { _, _ in
      Response(contentType: "a/b", body: [UInt8](repeating: 0x2E, count: Self.answerSize))
    }
    let client = server.client
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    // More than the sockets hold, so that the server has written on since it began to wait.
    let first = client.read(16 << 20)
    if isCut {
      #expect(cutsAll(server))
    } else {
      _ = BuiltMartlet.stays(for: .seconds(6)) { connectionCount(server) == 1 }
    }
    return first + client.read(.max)
  }

  @Test func anAnswerMustBeTakenAtTheMinimumRate() throws {
    // A machine that gives the server no time for five seconds on end may cut one client, not three.
    #expect(
      try (0..<3).contains { _ in
        try bytesTaken(minimumRate: 1, timeout: 5, isCut: false) > Self.answerSize
      })
    #expect(
      try bytesTaken(minimumRate: 1e12, timeout: 0.3, isCut: true) < Self.answerSize)
  }

  @Test func aClientThatTakesNoMoreIsCut() throws {
    let server = try ServerFixture {
      $0.writeTimeout = 0.3
      $0.compressionMinimumSize = nil
    } handler: { _, _ in
      Response(contentType: "a/b", body: [UInt8](repeating: 0x2E, count: Self.answerSize))
    }
    let client = server.client
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    // A byte says that the server has taken the connection, and more than the sockets hold is left.
    #expect(client.read(1) > 0)
    #expect(cutsAll(server))
    #expect(client.read(.max) < Self.answerSize)
    #expect(isServed(server))
  }

  /// Whether others are served still, by the head of their answer.
  private func isServed(_ server: ServerFixture) -> Bool {
    let other = server.client
    other.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    return other.read(1) > 0
  }
}
