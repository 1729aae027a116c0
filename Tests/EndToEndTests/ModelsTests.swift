import Foundation
import JSON
import LoopbackClient
import TestDaemon
import Testing

/// Versions, tokens and limits over a whole pool of the real binary.
@Suite(
  .serialized, .enabled(if: BuiltMartlet.isThere, "needs the built martlet and Models/sms-spam"))
struct ModelsTests {
  private func predict(
    _ daemon: ServeProcess, _ fields: String = ""
  ) throws -> LoopbackClient.Answer {
    let body = #"{"input":"Call now to claim your prize"}"#
    let client = LoopbackClient(port: daemon.port)
    client.send(
      "POST /predict HTTP/1.1\r\nHost: a\r\n\(fields)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
    )
    return try #require(client.readAnswer())
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
    let daemon = try ServeProcess(["-w", "2"], models: ["spam=\(folder)"])
    #expect(try predict(daemon).fields["x-model-version"] == "spam/1")
    try add("2")
    #expect(try predict(daemon).fields["x-model-version"] == "spam/1")
    #expect(daemon.reload())
    // Old workers answer while they drain.
    #expect(BuiltMartlet.wait { daemon.workers.count == 2 })
    #expect(try predict(daemon).fields["x-model-version"] == "spam/2")
    try FileManager.default.createDirectory(
      atPath: folder + "/3", withIntermediateDirectories: false)
    try "{".write(toFile: folder + "/3/config.json", atomically: true, encoding: .utf8)
    #expect(!daemon.reload())
    let answer = try predict(daemon)
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
    let daemon = try ServeProcess(["-w", "2", "--token-file", path])
    let (old, new) = (
      "Authorization: Bearer 0123456789abcdef\r\n", "Authorization: Bearer aaaaaaaaaaaaaaaa\r\n"
    )
    #expect(try predict(daemon).status == 401)
    #expect(try predict(daemon, old).status == 200)
    // Twenty connections over two workers, and five requests an hour.
    let statuses = try (0..<20).map { _ in
      try predict(daemon, "Authorization: Bearer fedcba9876543210\r\n").status
    }
    #expect(statuses.count { $0 == 200 } == 5)
    #expect(statuses.count { $0 == 429 } == 15)
    try write("a:aaaaaaaaaaaaaaaa\n")
    #expect(daemon.reload())
    // Old workers answer while they drain.
    #expect(BuiltMartlet.wait { daemon.workers.count == 2 })
    #expect(try predict(daemon, new).status == 200)
    #expect(try predict(daemon, old).status == 401)
    // A file without a token is refused, and the tokens that were stay.
    try write("nothing\n")
    #expect(!daemon.reload())
    #expect(try predict(daemon, new).status == 200)
  }
}
