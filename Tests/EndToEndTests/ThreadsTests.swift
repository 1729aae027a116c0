import Foundation
import JSON
import LoopbackClient
import TestDaemon
import Testing

/// `serve --threads` through the binary.
@Suite(.enabled(if: BuiltMartlet.isThere, "needs the built martlet and Models/sms-spam"))
struct ThreadsTests {
  /// Long enough that products are shared by threads.
  private static let text = String(
    repeating: "call now to claim your prize of 1000 pounds ", count: 20)

  private func names(_ process: Int32) -> [String] {
    let folder = "/proc/\(process)/task"
    let threads = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return threads.map {
      String(
        decoding: FileManager.default.contents(atPath: "\(folder)/\($0)/comm") ?? Data(),
        as: UTF8.self)
    }
  }

  private func scores(_ daemon: ServeProcess) throws -> JSONValue {
    let body = #"{"input":"\#(Self.text)"}"#
    let client = LoopbackClient(port: daemon.port)
    client.send(
      "POST /predict?scores=true HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
    )
    let answer = try #require(client.readAnswer())
    return try #require(try JSONValue(parsing: answer.body)["scores"])
  }

  @Test("A worker computes over so many threads, with the same bits", arguments: ["f32", "bf16"])
  func sameAnswers(precision: String) throws {
    let one = try ServeProcess(["-w", "1", "--precision", precision])
    let two = try ServeProcess(["-w", "1", "--threads", "3", "--precision", precision])
    #expect(try scores(one) == scores(two))
    func team(_ daemon: ServeProcess) -> Int {
      daemon.workers.flatMap(names).filter { $0 == "compute-team\n" }.count
    }
    #expect(team(one) == 0)
    #expect(team(two) == 2)
    #expect(names(two.processIdentifier).count == 1, "the arbiter has one thread")
    #expect(two.output.contains("1 workers of 3 threads"), "\(two.output)")
    // The settings are read anew, and forking goes on.
    #expect(two.reload())
    #expect(try scores(one) == scores(two))
  }

  @Test("More threads than cores are named in the log")
  func crowding() throws {
    let cores = ProcessInfo.processInfo.activeProcessorCount
    let daemon = try ServeProcess(["-w", "2", "--threads", "\(cores + 1)"])
    #expect(daemon.output.contains("will wait for one another"), "\(daemon.output)")
  }
}
