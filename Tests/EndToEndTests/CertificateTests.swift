import Foundation
import TestDaemon
import Testing

/// The certificate of a running daemon is replaced.
@Suite(
  .serialized, .enabled(if: BuiltMartlet.isThere, "needs the built martlet and Models/sms-spam"))
struct CertificateTests {
  private let folder = NSTemporaryDirectory() + "martlet-certificate-\(UUID().uuidString)"

  /// A client that speaks TLS and sends what it is told, when it is told.
  private final class Client {
    private let process = Process()
    private let input = Pipe()
    private let path: String

    init(port: UInt16, folder: String) throws {
      path = "\(folder)/client-\(UUID().uuidString)"
      _ = FileManager.default.createFile(atPath: path, contents: nil)
      process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
      process.arguments = [
        "timeout", "120", "openssl", "s_client", "-connect", "127.0.0.1:\(port)", "-ign_eof",
      ]
      let output = FileHandle(forWritingAtPath: path)
      process.standardInput = input
      process.standardOutput = output
      process.standardError = output
      try process.run()
    }

    deinit { process.terminate() }

    var output: String { (try? String(contentsOfFile: path, encoding: .utf8)) ?? "" }

    func send(_ text: String) { input.fileHandleForWriting.write(Data(text.utf8)) }

    func hears(_ text: String) -> Bool { BuiltMartlet.wait { output.contains(text) } }
  }

  private func makeCertificate(_ name: String) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [
      "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
      "-days", "2", "-subj", "/CN=\(name)", "-keyout", "\(folder)/key.pem", "-out",
      "\(folder)/certificate.pem",
    ]
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0)
  }

  /// Whether new connections come to see a certificate.
  private func isShown(_ name: String, _ daemon: ServeProcess) throws -> Bool {
    try BuiltMartlet.wait {
      let client = try Client(port: daemon.port, folder: folder)
      #expect(client.hears("subject=CN"))
      return client.output.contains("CN = \(name)") || client.output.contains("CN=\(name)")
    }
  }

  @Test func aReloadShowsTheNewCertificateAndOldConnectionsLiveOn() throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try makeCertificate("one")
    let daemon = try ServeProcess([
      "-w", "1", "--certfile", "\(folder)/certificate.pem", "--keyfile", "\(folder)/key.pem",
    ])
    #expect(try isShown("one", daemon))
    let old = try Client(port: daemon.port, folder: folder)
    #expect(old.hears("Verify return code"))
    let body = #"{"input":"see you at the shop"}"#
    // The head alone; the daemon waits for the body.
    old.send("POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.utf8.count)\r\n")
    old.send("Expect: 100-continue\r\n\r\n")
    #expect(old.hears("100 Continue"))

    try makeCertificate("two")
    #expect(daemon.reload())
    #expect(try isShown("two", daemon))
    old.send(body)
    #expect(old.hears("HTTP/1.1 200 OK"))
    #expect(old.hears(#""prediction""#))

    // A certificate that is none: the reload is refused, and the last good one stays.
    try "no certificate".write(
      toFile: "\(folder)/certificate.pem", atomically: true, encoding: .utf8)
    #expect(!daemon.reload(), "\(daemon.output)")
    #expect(daemon.output.contains("certificate.pem"))
    #expect(try isShown("two", daemon))
    #expect(daemon.stop() == 0)
  }
}
