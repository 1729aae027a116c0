import Foundation
import HTTP
import LoopbackClient
import Testing

/// A folder with certificates made for this run by the openssl command.
private final class Certificates: Sendable {
  let folder: URL

  init() throws {
    folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "martlet-tls-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    for name in ["one", "two"] {
      let made = try run([
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
        "-nodes", "-days", "2", "-subj", "/CN=\(name)", "-addext", "subjectAltName=IP:127.0.0.1",
        "-keyout", path("\(name).key"), "-out", path("\(name).pem"),
      ])
      try #require(made.status == 0, "\(made.output)")
    }
    let locked = try run([
      "openssl", "ec", "-aes256", "-passout", "pass:secret", "-in", path("one.key"), "-out",
      path("locked.key"),
    ])
    try #require(locked.status == 0, "\(locked.output)")
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

  func configuration(_ name: String = "one") -> TLSConfiguration {
    TLSConfiguration(certificateFile: path("\(name).pem"), keyFile: path("\(name).key"))
  }

  func context(_ keys: TicketKeys? = nil) throws -> TLSContext {
    try TLSContext(configuration(), tickets: keys ?? Self.keys())
  }

  /// Keys of the present period, so that servers that share them here, as workers do after the fork, have nothing to turn at
  /// the same time.
  static func keys() throws -> TicketKeys { try TicketKeys(now: Int(Date().timeIntervalSince1970)) }
}

@Suite struct TLSTests {
  private let certificates: Certificates

  init() throws { certificates = try Certificates() }

  private func fixture(
    keys: TicketKeys? = nil, _ adjust: (inout HTTPServerConfiguration) -> Void = { _ in }
  ) throws -> ServerFixture {
    try ServerFixture {
      $0.tls = try certificates.context(keys)
      adjust(&$0)
    }
  }

  private func curl(_ fixture: ServerFixture, _ arguments: [String]) throws -> (Int32, String) {
    let url = "https://127.0.0.1:\(fixture.listener.port)/p"
    let result = try run(
      ["curl", "-sS", "--cacert", certificates.path("one.pem")] + arguments + [url])
    return (result.status, result.output)
  }

  private static let get = "GET /p HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

  private func client(_ fixture: ServerFixture, _ arguments: [String]) throws -> String {
    try run(
      ["openssl", "s_client", "-connect", "127.0.0.1:\(fixture.listener.port)", "-ign_eof"]
        + arguments, input: Self.get
    ).output
  }

  @Test(arguments: ["--tlsv1.3", "--tls-max=1.2"])
  func bothVersionsAreSpoken(_ version: String) throws {
    let server = try fixture()
    let arguments = version.split(separator: "=").map(String.init)
    let (status, output) = try curl(server, arguments)
    #expect(status == 0)
    #expect(output == "https 127.0.0.1 /p ")
  }

  @Test func theMinimumVersionHoldsOnBothSides() throws {
    var configuration = certificates.configuration()
    configuration.minimumVersion = .tls13
    let context = try TLSContext(configuration, tickets: Certificates.keys())
    let server = try ServerFixture { $0.tls = context }
    #expect(try curl(server, ["--tlsv1.3"]).0 == 0)
    #expect(try curl(server, ["--tls-max", "1.2"]).0 == 35)
  }

  @Test func oldVersionsAndWeakCiphersAreRefused() throws {
    let server = try fixture()
    for arguments in [
      ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], ["-tls1", "-cipher", "ALL:@SECLEVEL=0"],
      ["-tls1_2", "-cipher", "AES128-SHA"], ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"],
    ] {
      let output = try client(server, arguments)
      #expect(!output.contains("HTTP/1.1 200"), "\(arguments)")
      #expect(output.contains("Cipher is (NONE)"), "\(arguments)")
    }
  }

  @Test func theProtocolIsChosenByALPN() throws {
    let server = try fixture()
    #expect(try client(server, ["-alpn", "h2,http/1.1"]).contains("ALPN protocol: http/1.1"))
    #expect(try client(server, ["-alpn", "h2"]).contains("no application protocol"))
    #expect(try client(server, []).contains("HTTP/1.1 200 OK"))
  }

  @Test(arguments: ["-tls1_2", "-tls1_3"])
  func ticketsOfOneWorkerAreTakenByAnother(_ version: String) throws {
    let keys = try Certificates.keys()
    let first = try fixture(keys: keys)
    let second = try fixture(keys: keys)
    let stranger = try fixture()
    let file = certificates.path("session\(version)")
    let made = try client(first, [version, "-sess_out", file])
    #expect(made.contains("HTTP/1.1 200") && made.contains("New, TLS"))
    #expect(try client(second, [version, "-sess_in", file]).contains("Reused, TLS"))
    #expect(try client(stranger, [version, "-sess_in", file]).contains("New, TLS"))
  }

  @Test func ticketKeysTurnWithTimeAndOpenForOneMorePeriod() throws {
    let keys = try TicketKeys(now: 0)
    let first = keys.name
    keys.advance(to: TicketKeys.periodSeconds - 1)
    #expect(keys.name == first)
    keys.advance(to: TicketKeys.periodSeconds)
    #expect(keys.name != first)
    #expect(keys.previousName == first)
    keys.advance(to: 2 * TicketKeys.periodSeconds)
    #expect(keys.name != first && keys.previousName != first)
  }

  @Test func plainHTTPIsToldToUseTLS() throws {
    let server = try fixture()
    let client = server.client
    client.send(Self.get)
    let answer = client.readToEnd()
    #expect(answer.hasPrefix("HTTP/1.1 400 "))
    #expect(answer.contains("https://"))
    let head = server.client
    head.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(head.readToEnd().hasSuffix("\r\n\r\n"))
  }

  @Test func neitherAStalledHandshakeNorSilenceHoldsUpTheEnd() throws {
    let server = try fixture {
      $0.drainGrace = 0.3
      $0.drainLinger = 0.3
    }
    let (silent, stalled) = (server.client, server.client)
    stalled.send([0x16, 0x03, 0x01, 0x02, 0x00, 0x01])
    let done = DispatchSemaphore(value: 0)
    server.server.drain(deadline: 60) { done.signal() }
    #expect(silent.readToEnd() == "")
    #expect(stalled.readToEnd() == "")
    // The handshake alone would have ten seconds.
    #expect(done.wait(timeout: .now() + 5) == .success)
  }

  @Test func rubbishIsAnsweredWithAnAlertAndClosed() throws {
    let server = try fixture()
    let client = server.client
    // A handshake message that does not exist.
    client.send([0x16, 0x03, 0x01, 0x00, 0x04, 0x63, 0, 0, 0])
    // An alert record: type 21.
    #expect(client.readToEnd().utf8.first == 21)
  }

  @Test func aHandshakeThatDoesNotComeIsCut() throws {
    let server = try fixture { $0.handshakeTimeout = 0.3 }
    let silent = server.client
    #expect(silent.readToEnd() == "")
    let slow = server.client
    slow.send([0x16, 0x03, 0x01])
    #expect(slow.readToEnd() == "")
  }

  @Test func anEndIsSaidBeforeTheConnectionEnds() throws {
    let server = try fixture()
    // Without close_notify OpenSSL's client speaks of an unexpected end.
    let output = try client(server, [])
    #expect(output.contains("HTTP/1.1 200 OK"))
    #expect(!output.contains("unexpected eof"))
  }

  @Test func largeBodiesPassBothWays() throws {
    let server = try ServerFixture {
      $0.tls = try certificates.context()
      $0.compressionMinimumSize = nil
    } handler: { request, _ in
      Response(contentType: "text/plain", body: request.body)
    }
    let body = String(repeating: "0123456789abcdef", count: 1 << 18)
    let file = certificates.path("body")
    try body.write(toFile: file, atomically: true, encoding: .utf8)
    let (status, output) = try curl(server, ["--data-binary", "@\(file)"])
    #expect(status == 0)
    #expect(output == body)
  }

  @Test func filesThatDoNotServeAreNamed() throws {
    func failure(_ change: (inout TLSConfiguration) -> Void) -> HTTPError? {
      var configuration = certificates.configuration()
      change(&configuration)
      do throws(HTTPError) {
        _ = try TLSContext(configuration, tickets: TicketKeys(now: 0))
        return nil
      } catch {
        return error
      }
    }
    #expect(failure { _ in } == nil)
    let missing = failure { $0.certificateFile = "/nowhere.pem" }
    #expect(missing?.errorDescription?.contains("/nowhere.pem") == true)
    let other = failure { $0.keyFile = certificates.path("two.key") }
    #expect(other?.errorDescription?.contains("two.key") == true)
    let locked = failure { $0.keyFile = certificates.path("locked.key") }
    #expect(locked?.errorDescription?.contains("locked.key") == true)
    #expect(failure { $0.ciphers = "NONSENSE" } == .tlsCiphers("NONSENSE"))
    #expect(failure { $0.ciphers = "ECDHE-ECDSA-AES256-GCM-SHA384" } == nil)
  }
}
