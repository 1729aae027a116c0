import Foundation
import LoopbackClient
import TestDaemon
import Testing

/// How the real daemon ends, and what it refuses at a reload.
@Suite(
  .serialized, .enabled(if: BuiltMartlet.isThere, "needs the built martlet and Models/sms-spam"))
struct DrainTests {
  private static let request =
    "POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 31\r\n\r\n"
    + #"{"input":"see you at the shop"}"#

  @Test func keptAndSilentConnectionsDoNotHoldUpTheEnd() throws {
    let daemon = try ServeProcess(["-w", "2"])
    let (kept, silent, half) = (
      LoopbackClient(port: daemon.port), LoopbackClient(port: daemon.port),
      LoopbackClient(port: daemon.port)
    )
    kept.send(Self.request)
    #expect(kept.readAnswer()?.status == 200)
    half.send("POST /predict HTTP/1.1\r\nHo")
    let start = ContinuousClock.now
    daemon.signal(SIGTERM)
    // One request after the other: all are answered, and one of them is told to be the last.
    var last: LoopbackClient.Answer?
    repeat {
      kept.send(Self.request)
      last = kept.readAnswer()
      #expect(last?.status == 200)
    } while last != nil && last?.fields["connection"] != "close"
    #expect(half.readAnswer()?.status == 503)
    #expect(silent.readToEnd() == "")
    #expect(daemon.stop() == 0)
    // Without the bounds: --header-timeout, 10 s, and --keep-alive, 75 s.
    #expect(ContinuousClock.now - start < .seconds(8))
  }

  @Test func duringTheDelayThePoolServesButIsNotReady() throws {
    let daemon = try ServeProcess(["-w", "1", "--drain-delay", "3600"])
    func ready() -> Int? {
      let client = LoopbackClient(port: daemon.port)
      client.send("GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n")
      return client.readAnswer()?.status
    }
    #expect(BuiltMartlet.wait { ready() == 200 })
    daemon.signal(SIGTERM)
    #expect(BuiltMartlet.wait { ready() == 503 })
    let client = LoopbackClient(port: daemon.port)
    client.send(Self.request)
    let answer = client.readAnswer()
    #expect(answer?.status == 200)
    #expect(answer?.fields["connection"] == "close")
    #expect(daemon.stop() == 0)
  }

  @Test func aFileThatCannotBeOpenedRefusesTheReloadAndTheCheck() throws {
    let folder = NSTemporaryDirectory() + "martlet-reload-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let file = folder + "/martlet.toml"
    func set(_ line: String) throws {
      try line.write(toFile: file, atomically: true, encoding: .utf8)
    }
    try set("")
    let daemon = try ServeProcess(["-w", "1", "-c", file])
    let workers = daemon.workers
    let changes =
      [
        "access_logfile", "error_logfile", "pid", "token_file", "admin_token_file",
      ].map { "\($0) = \"\(folder)/none/x\"" } + ["access_logfile = \"\(folder)\""]
    for (index, change) in changes.enumerated() {
      try set(change)
      daemon.signal(SIGHUP)
      #expect(
        BuiltMartlet.wait {
          daemon.output.components(separatedBy: "reload refused").count == index + 2
        }, "\(change): \(daemon.output)")
      let check = try run([
        BuiltMartlet.binary.path, "serve", BuiltMartlet.model, "-c", file, "--check-config",
      ])
      #expect(check.status != 0, "\(change): \(check.output)")
      #expect(check.output.contains(folder), "\(change): \(check.output)")
    }
    #expect(daemon.workers == workers)
    try set("access_logfile = \"\(folder)/access\"")
    let check = try run([
      BuiltMartlet.binary.path, "serve", BuiltMartlet.model, "-c", file, "--check-config",
    ])
    #expect(check.status == 0, "\(check.output)")
    #expect(!FileManager.default.fileExists(atPath: folder + "/access"), "a check makes no file")
    daemon.signal(SIGHUP)
    #expect(
      BuiltMartlet.wait { daemon.workers.isDisjoint(with: workers) && daemon.workers.count == 1 })
    #expect(daemon.stop() == 0)
  }

  private func run(_ command: [String]) throws -> (status: Int32, output: String) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: command[0])
    process.arguments = Array(command.dropFirst())
    let output = Pipe()
    (process.standardOutput, process.standardError) = (output, output)
    try process.run()
    let text = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: text, as: UTF8.self))
  }
}
