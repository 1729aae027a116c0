import Foundation
import HTTP
import LoopbackClient
import Testing

@Suite struct PeerTests {
  @Test(arguments: [
    "127.0.0.1", "255.1.2.3", "::1", "2001:db8::ff00:42:8329", "fe80::1:0:0:1",
  ])
  func addressesReadBackAsTheyAreWritten(_ text: String) {
    #expect(Peer(text)?.description == text)
  }

  @Test(arguments: ["", "1.2.3", "1.2.3.4.5", "1.2.3.256", "a", ":::", "1.2.3.4 ", "[::1]", "1\0"])
  func whatIsNoAddressIsNone(_ text: String) {
    #expect(Peer(text) == nil)
  }

  @Test func aMappedAddressIsTheOneThatItMaps() {
    #expect(Peer("::ffff:10.1.2.3") == Peer("10.1.2.3"))
  }

  @Test func networksHoldToTheBit() throws {
    let trusted = try TrustedPeers("10.0.0.0/9, 192.168.1.7,2001:db8::/33")
    func contains(_ text: String) -> Bool? { Peer(text).map(trusted.contains) }
    #expect(contains("10.127.255.255") == true)
    #expect(contains("10.128.0.0") == false)
    #expect(contains("192.168.1.7") == true)
    #expect(contains("192.168.1.6") == false)
    #expect(contains("2001:db8:7fff::1") == true)
    #expect(contains("2001:db8:8000::1") == false)
    #expect(contains("::") == false)
    #expect(try TrustedPeers("0.0.0.0/0").contains(#require(Peer("9.9.9.9"))))
    #expect(try !TrustedPeers("0.0.0.0/0").contains(#require(Peer("::1"))))
    #expect(try TrustedPeers("*").contains(#require(Peer("::1"))))
    #expect(TrustedPeers.loopback.contains(.none))
    #expect(try TrustedPeers.loopback.contains(#require(Peer("127.0.0.1"))))
    #expect(try !TrustedPeers.loopback.contains(#require(Peer("127.0.0.2"))))
  }

  @Test(arguments: [
    "a", "1.2.3.4/33", "1.2.3.4/-1", "1.2.3.4/", "1.2.3.4/+8", "::/129", "1.2.3.4/8/9",
  ])
  func malformedNetworksAreRefused(_ text: String) {
    #expect(throws: HTTPError.badAddress(text)) { try TrustedPeers(text) }
  }
}

@Suite struct ForwardingTests {
  private func client(_ fields: String, _ adjust: (inout HTTPServerConfiguration) throws -> Void)
    throws -> String
  {
    let server = try ServerFixture(adjust)
    let client = server.client
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n")
    return try #require(client.readAnswer()).body
  }

  @Test(arguments: [
    ("X-Forwarded-For: 9.8.7.6\r\n", "http 9.8.7.6"),
    ("X-Forwarded-For: 9.8.7.6:1234\r\nX-Forwarded-Proto: https\r\n", "https 9.8.7.6"),
    ("X-Forwarded-For: [2001:db8::1]:80\r\nX-Forwarded-Proto: HTTP\r\n", "http 2001:db8::1"),
    ("X-Forwarded-For: 2001:db8::1\r\n", "http 2001:db8::1"),
    // What the client wrote itself stands first and is not believed.
    ("X-Forwarded-For: 1.1.1.1, 9.8.7.6\r\n", "http 9.8.7.6"),
    ("X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 9.8.7.6\r\n", "http 9.8.7.6"),
    ("X-Forwarded-For: 1.1.1.1, 9.8.7.6, 10.0.0.1\r\n", "http 9.8.7.6"),
    ("X-Forwarded-For: 10.0.0.2, 10.0.0.1\r\n", "http 10.0.0.2"),
    ("X-Forwarded-For: 9.8.7.6, rubbish\r\n", "http 127.0.0.1"),
    ("X-Forwarded-For: 9.8.7.6, rubbish, 10.0.0.1\r\n", "http 10.0.0.1"),
    ("X-Forwarded-For: 9.8.7.6,\r\n", "http 127.0.0.1"),
    ("X-Forwarded-For: 9.8.7.6:99999\r\n", "http 127.0.0.1"),
    ("X-Forwarded-Proto: https, http\r\n", "http 127.0.0.1"),
    ("Forwarded: for=9.8.7.6;proto=https\r\n", "http 127.0.0.1"),
  ])
  func aTrustedProxyIsBelieved(_ fields: String, _ expected: String) throws {
    let body = try client(fields) { $0.trustedProxies = try TrustedPeers("127.0.0.1,10.0.0.0/8") }
    #expect(body == expected + " / ")
  }

  @Test(arguments: [
    ("Forwarded: for=9.8.7.6;proto=https\r\n", "https 9.8.7.6"),
    ("Forwarded: For=\"[2001:db8:cafe::17]:4711\"\r\n", "http 2001:db8:cafe::17"),
    ("Forwarded: for=192.0.2.60;proto=http;by=203.0.113.43\r\n", "http 192.0.2.60"),
    ("Forwarded: for=192.0.2.43, for=198.51.100.17\r\n", "http 198.51.100.17"),
    ("Forwarded: for=192.0.2.43\r\nForwarded: for=10.1.1.1\r\n", "http 192.0.2.43"),
    ("Forwarded: for=\"_gazonk\"\r\n", "http 127.0.0.1"),
    ("Forwarded: for=unknown\r\n", "http 127.0.0.1"),
    ("Forwarded: for=\"9.8.7.6\r\n", "http 127.0.0.1"),
    ("Forwarded: for=9.8.7.6;for=1.1.1.1\r\n", "http 127.0.0.1"),
    ("Forwarded: for=9.8.7.6 proto=https\r\n", "http 127.0.0.1"),
    ("X-Forwarded-For: 9.8.7.6\r\n", "http 127.0.0.1"),
  ])
  func theFieldOfRFC7239IsReadWhereItIsAskedFor(_ fields: String, _ expected: String) throws {
    let body = try client(fields) {
      $0.trustedProxies = try TrustedPeers("127.0.0.1,10.0.0.0/8")
      $0.forwarding = .forwarded
    }
    #expect(body == expected + " / ")
  }

  @Test func anybodyElseIsNot() throws {
    let fields = "X-Forwarded-For: 9.8.7.6\r\nX-Forwarded-Proto: https\r\n"
    #expect(try client(fields) { $0.trustedProxies = TrustedPeers() } == "http 127.0.0.1 / ")
  }
}

@Suite struct ProxyHeaderTests {
  private static let signature: [UInt8] = [
    0x0D, 0x0A, 0x0D, 0x0A, 0, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A,
  ]

  private static func version2(_ command: UInt8, _ family: UInt8, _ body: [UInt8]) -> [UInt8] {
    signature + [command, family, UInt8(body.count >> 8), UInt8(body.count & 255)] + body
  }

  private static let ipv4: [UInt8] = [9, 8, 7, 6, 127, 0, 0, 1, 0x30, 0x39, 0, 80]
  private static let ipv6 =
    [0x20, 0x01, 0x0D, 0xB8] + [UInt8](repeating: 0, count: 11) + [7]
    + [UInt8](repeating: 0, count: 15) + [1, 0x30, 0x39, 0, 80]

  /// A header and the client that it names; nil for one that must not be taken.
  private static let examples: [([UInt8], String?)] = [
    (Array("PROXY TCP4 9.8.7.6 127.0.0.1 12345 80\r\n".utf8), "9.8.7.6:12345"),
    (Array("PROXY TCP6 2001:db8::7 ::1 12345 80\r\n".utf8), "2001:db8::7:12345"),
    (Array("PROXY UNKNOWN\r\n".utf8), "none"),
    (Array("PROXY UNKNOWN anything at all\r\n".utf8), "none"),
    (Array("PROXY TCP4 9.8.7.6 127.0.0.1 012345 80\r\n".utf8), nil),
    (Array("PROXY TCP4 9.8.7.6 127.0.0.1 65536 80\r\n".utf8), nil),
    (Array("PROXY TCP4 9.8.7.6 127.0.0.1 -1 80\r\n".utf8), nil),
    (Array("PROXY TCP4 9.8.7.6 127.0.0.1 12345\r\n".utf8), nil),
    (Array("PROXY TCP4 9.8.7.6  127.0.0.1 12345 80\r\n".utf8), nil),
    (Array("PROXY TCP4 2001:db8::7 ::1 12345 80\r\n".utf8), nil),
    (Array("PROXY TCP6 9.8.7.6 127.0.0.1 12345 80\r\n".utf8), nil),
    (Array("PROXY TCP5 9.8.7.6 127.0.0.1 12345 80\r\n".utf8), nil),
    (Array("PROXY TCP4 9.8.7.6 127.0.0.1 12345 80\n".utf8), nil),
    (Array("proxy TCP4 9.8.7.6 127.0.0.1 12345 80\r\n".utf8), nil),
    (Array(("PROXY UNKNOWN " + String(repeating: "a", count: 91) + "\r\n").utf8), "none"),
    (Array(("PROXY UNKNOWN " + String(repeating: "a", count: 92) + "\r\n").utf8), nil),
    (Array("GET / HTTP/1.1\r\n".utf8), nil),
    (version2(0x21, 0x11, ipv4), "9.8.7.6:12345"),
    (version2(0x21, 0x11, ipv4 + [0x04, 0, 1, 0]), "9.8.7.6:12345"),
    (version2(0x21, 0x21, ipv6), "2001:db8::7:12345"),
    (version2(0x20, 0x11, ipv4), "none"),
    (version2(0x20, 0x00, []), "none"),
    (version2(0x21, 0x00, [1, 2, 3]), "none"),
    (version2(0x21, 0x31, [UInt8](repeating: 0, count: 216)), "none"),
    (version2(0x21, 0x31, [UInt8](repeating: 0, count: 215)), nil),
    (version2(0x21, 0x11, Array(ipv4.dropLast())), nil),
    (version2(0x21, 0x21, Array(ipv6.dropLast())), nil),
    (version2(0x21, 0x12, ipv4), nil),
    (version2(0x22, 0x11, ipv4), nil),
    (version2(0x11, 0x11, ipv4), nil),
    (version2(0x20, 0x00, [UInt8](repeating: 0, count: 2032)), "none"),
    (version2(0x20, 0x00, [UInt8](repeating: 0, count: 2033)), nil),
  ]

  @Test(arguments: examples)
  func headersAreReadWholeAndWaitedForUntilThen(_ bytes: [UInt8], _ client: String?) {
    let rest = Array("GET / HTTP/1.1".utf8)
    switch (ProxyHeader.read((bytes + rest)[...]), client) {
    case (.malformed, nil): return
    case (.complete(let header), let client?):
      #expect(header.byteCount == bytes.count)
      #expect((header.client.map { "\($0):\($0.port)" } ?? "none") == client)
    case (let reading, _): Issue.record("\(reading) instead of \(client ?? "malformed")")
    }
    for count in 0..<bytes.count {
      #expect(ProxyHeader.read(bytes[..<count]) == .incomplete, "\(count) bytes")
    }
  }

  @Test func anyBytesAreReadWithoutHarm() {
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<20_000 {
      var bytes = Self.examples.randomElement(using: &generator)?.0 ?? []
      for _ in 0..<3 where !bytes.isEmpty {
        bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(in: 0...255)
      }
      bytes.removeLast(Int.random(in: 0...bytes.count, using: &generator))
      if case .complete(let header) = ProxyHeader.read(bytes[...]) {
        #expect(header.byteCount <= bytes.count)
      }
    }
  }

  private static let get = Array("GET /p HTTP/1.1\r\nHost: a\r\n\r\n".utf8)

  @Test func theClientIsTakenFromABalancerThatIsTrusted() throws {
    let server = try ServerFixture { $0.proxyProtocol = try TrustedPeers("127.0.0.1") }
    for (bytes, name) in Self.examples {
      let client = server.client
      client.send(bytes + Self.get)
      let answer = client.readAnswer()
      if let name {
        let address = name == "none" ? "127.0.0.1" : String(name.dropLast(6))
        #expect(answer?.body == "http \(address) /p ")
      } else {
        #expect(answer?.status == 400)
      }
    }
    let slow = server.client
    for byte in Self.examples[0].0 {
      slow.send([byte])
      usleep(500)
    }
    slow.send(Self.get)
    #expect(slow.readAnswer()?.body == "http 9.8.7.6 /p ")
  }

  @Test func nobodyElseMayNameAClient() throws {
    let server = try ServerFixture { $0.proxyProtocol = try TrustedPeers("10.0.0.1") }
    let client = server.client
    client.send(Self.examples[0].0 + Self.get)
    #expect(client.readAnswer()?.status == 400)
  }

  @Test func aHeaderThatDoesNotComeIsCut() throws {
    let server = try ServerFixture {
      $0.proxyProtocol = try TrustedPeers("127.0.0.1")
      $0.handshakeTimeout = 0.3
    }
    let client = server.client
    client.send("PROXY TC")
    #expect(client.readToEnd() == "")
  }
}
