import Foundation
import JSON
import LoopbackClient
import Testing

/// Versions, tokens and limits over a whole pool of the real binary.
@Suite(
  .serialized, .enabled(if: BuiltMartlet.isThere, "needs the built martlet and Models/sms-spam"))
struct ModelsTests {
  /// A daemon with these arguments, on a free port, and a folder of its own.
  private final class Daemon {
    let port: UInt16
    let process = Process()

    init(_ arguments: [String]) throws {
      process.executableURL = BuiltMartlet.binary
      process.arguments =
        ["serve"] + arguments + ["-w", "2", "-b", "127.0.0.1:0", "--admin-bind", "none"]
      let output = Pipe()
      process.standardOutput = output
      process.standardError = output
      try process.run()
      var text = ""
      // "try: curl -s http://127.0.0.1:PORT/predict"
      while !text.contains("/predict") {
        let data = output.fileHandleForReading.availableData
        try #require(!data.isEmpty, "\(text)")
        text += String(decoding: data, as: UTF8.self)
      }
      let rest = text.components(separatedBy: "http://127.0.0.1:").last ?? ""
      port = try #require(UInt16(rest.prefix { $0.isNumber }), "\(text)")
      output.fileHandleForReading.readabilityHandler = { _ = $0.availableData }
    }

    func stop() {
      process.terminate()
      process.waitUntilExit()
    }

    func reload() { kill(process.processIdentifier, SIGHUP) }

    func predict(_ fields: String = "") throws -> LoopbackClient.Answer {
      let body = #"{"input":"Call now to claim your prize"}"#
      let client = LoopbackClient(port: port)
      client.send(
        "POST /predict HTTP/1.1\r\nHost: a\r\n\(fields)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
      )
      return try #require(client.readAnswer())
    }

    /// Asks until the answer is as wanted, a minute at most.
    func waits(_ fields: String = "", until isWanted: (LoopbackClient.Answer) -> Bool) throws
      -> Bool
    {
      for _ in 0..<1200 {
        if isWanted(try predict(fields)) { return true }
        usleep(50_000)
      }
      return false
    }
  }

  private static func folder() throws -> String {
    let path = NSTemporaryDirectory() + "martlet-models-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    return path
  }

  @Test func aNewFolderAndHUPSwitchVersionsAndABadOneDoesNot() throws {
    let folder = try Self.folder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    func add(_ version: String) throws {
      try FileManager.default.createSymbolicLink(
        atPath: "\(folder)/\(version)", withDestinationPath: BuiltMartlet.model)
    }
    try add("1")
    let daemon = try Daemon(["spam=\(folder)"])
    defer { daemon.stop() }
    #expect(try daemon.predict().fields["x-model-version"] == "spam/1")
    try add("2")
    #expect(try daemon.predict().fields["x-model-version"] == "spam/1")
    daemon.reload()
    #expect(try daemon.waits { $0.fields["x-model-version"] == "spam/2" })
    try FileManager.default.createDirectory(
      atPath: folder + "/3", withIntermediateDirectories: false)
    try "{".write(toFile: folder + "/3/config.json", atomically: true, encoding: .utf8)
    daemon.reload()
    usleep(500_000)
    let answer = try daemon.predict()
    #expect(answer.status == 200)
    #expect(answer.fields["x-model-version"] == "spam/2")
  }

  @Test func tokensChangeAtHUPAndALimitHoldsForThePool() throws {
    let folder = try Self.folder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let path = folder + "/tokens"
    func write(_ text: String) throws {
      try text.write(toFile: path, atomically: true, encoding: .utf8)
    }
    try write("a:0123456789abcdef\nb:fedcba9876543210 5/h\n")
    let daemon = try Daemon([BuiltMartlet.model, "--token-file", path])
    defer { daemon.stop() }
    let (old, new) = (
      "Authorization: Bearer 0123456789abcdef\r\n", "Authorization: Bearer aaaaaaaaaaaaaaaa\r\n"
    )
    #expect(try daemon.predict().status == 401)
    #expect(try daemon.predict(old).status == 200)
    // Twenty connections over two workers, and five requests an hour.
    let statuses = try (0..<20).map { _ in
      try daemon.predict("Authorization: Bearer fedcba9876543210\r\n").status
    }
    #expect(statuses.count { $0 == 200 } == 5)
    #expect(statuses.count { $0 == 429 } == 15)
    try write("a:aaaaaaaaaaaaaaaa\n")
    daemon.reload()
    #expect(try daemon.waits(new) { $0.status == 200 })
    #expect(try daemon.waits(old) { $0.status == 401 })
    // A file without a token is refused, and the tokens that were stay.
    try write("nothing\n")
    daemon.reload()
    usleep(500_000)
    #expect(try daemon.predict(new).status == 200)
  }
}
