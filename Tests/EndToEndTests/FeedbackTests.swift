import Foundation
import JSON
import LoopbackClient
import TestDaemon
import Testing

/// Reads the store beside the binary.
private let python = "/usr/bin/python3"

/// Labels that come after a restart, over a whole pool of the real binary with a store.
@Suite(
  .serialized,
  .enabled(
    if: BuiltMartlet.isThere && FileManager.default.isExecutableFile(atPath: python),
    "needs the built martlet, Models/sms-spam and python3"))
struct FeedbackTests {
  /// A pool of two workers with a store, and what the test asks of it.
  private struct Daemon {
    let process: ServeProcess

    init(store: String, models: [String]? = nil) throws {
      process = try ServeProcess(
        ["-w", "2", "--store", store],
        models: models ?? ["spam", "other"].map { "\($0)=\(BuiltMartlet.model)" },
        admin: "127.0.0.1:0")
    }

    func post(
      _ path: String, _ body: String, _ fields: String = ""
    ) throws -> (status: Int, json: JSONValue) {
      let client = LoopbackClient(port: process.port)
      client.send(
        "POST \(path) HTTP/1.1\r\nHost: a\r\n\(fields)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
      )
      let answer = try #require(client.readAnswer())
      return (answer.status, try JSONValue(parsing: answer.body))
    }

    func predict(_ id: String, path: String = "/predict") throws {
      let answer = try post(
        path, #"{"input":"Call now to claim your prize"}"#, "X-Request-Id: \(id)\r\n")
      #expect(answer.status == 200)
    }

    /// Sends a label until the health process has an answer, a minute at most.
    func feedback(_ body: String) throws -> (status: Int, json: JSONValue) {
      var answer = try post("/feedback", body)
      _ = try BuiltMartlet.wait {
        if answer.status == 503 { answer = try post("/feedback", body) }
        return answer.status != 503
      }
      return answer
    }

    func monitor() throws -> JSONValue {
      let client = LoopbackClient(port: process.adminPort)
      client.send("GET /monitor.json HTTP/1.1\r\nHost: a\r\n\r\n")
      return try JSONValue(parsing: try #require(client.readAnswer()).body)
    }
  }

  /// Waits until a query has this answer, a minute at most.
  private func waits(_ store: String, _ query: String, for wanted: String) throws -> Bool {
    try BuiltMartlet.wait {
      let process = Process()
      process.executableURL = URL(fileURLWithPath: python)
      process.arguments = [
        "-c",
        "import sqlite3,sys; print(*sqlite3.connect(sys.argv[1]).execute(sys.argv[2]).fetchone())",
        store, query,
      ]
      let output = Pipe()
      process.standardOutput = output
      process.standardError = FileHandle.nullDevice
      try process.run()
      let data = output.fileHandleForReading.readDataToEndOfFile()
      process.waitUntilExit()
      return String(decoding: data, as: UTF8.self) == wanted + "\n"
    }
  }

  @Test(
    "labels count after kill -9 and a restart, once, for every model; what is unknown is refused")
  func lateLabels() throws {
    let folder = NSTemporaryDirectory() + "martlet-feedback-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let store = folder + "/health.sqlite"
    let first = try Daemon(store: store)
    for id in ["a", "b", "c"] { try first.predict(id) }
    try first.predict("a", path: "/models/other/predict")
    try first.predict("d", path: "/models/other/predict")
    #expect(try first.feedback(#"{"request_id":"a","label":"spam"}"#).json["correct"] == true)
    #expect(
      try waits(store, "SELECT count(*), count(label) FROM prediction", for: "5 1"))
    first.process.killAll()

    let second = try Daemon(store: store)
    let repeated = try second.feedback(#"{"request_id":"a","label":"spam"}"#)
    #expect(repeated.status == 202 && repeated.json["already_counted"] == true, "\(repeated)")
    let replaced = try second.feedback(#"{"request_id":"a","label":"ham"}"#)
    #expect(replaced.json["replaced"] == "spam" && replaced.json["correct"] == false, "\(replaced)")
    let other = try second.feedback(#"{"request_id":"a","label":"ham","model":"other"}"#)
    #expect(other.status == 202 && other.json["correct"] == false, "\(other)")
    #expect(try second.feedback(#"{"request_id":"nobody","label":"ham"}"#).status == 404)
    let bulk = try second.feedback(
      #"{"feedback":[{"request_id":"b","label":"spam"},{"request_id":"d","label":"spam"},{"request_id":"x","label":"ham"},{"request_id":"c","label":"eggs"},{"request_id":"b","label":"spam"}]}"#
    )
    #expect(bulk.status == 200 && bulk.json["counted"] == 2, "\(bulk)")
    #expect(bulk.json["already_counted"] == 1 && bulk.json["refused"] == 2)
    #expect(bulk.json["errors"]?.arrayValue?.map { $0["status"]?.intValue } == [404, 422])
    let monitor = try second.monitor()
    #expect(monitor["store"]?.stringValue == store)
    #expect(
      monitor["labels"]?["counted"] == 2 && monitor["labels"]?["replaced"] == 1,
      "\(monitor["labels"] ?? .null)")
    #expect(monitor["other_models"]?[0]?["labels"] == 2)
    #expect(
      try waits(
        store, "SELECT count(label), sum(labelled_at > time) FROM prediction", for: "4 4"))
  }

  @Test(
    "a label for what the model before a reload said is taken, and not counted against the new one")
  func labelsAcrossAReload() throws {
    let files = FileManager.default
    let folder = NSTemporaryDirectory() + "martlet-reload-\(UUID().uuidString)"
    defer { try? files.removeItem(atPath: folder) }
    try files.createDirectory(atPath: folder, withIntermediateDirectories: true)
    // The same weights with and without a profile are two models to the health process.
    let (live, plain) = (folder + "/live", folder + "/plain")
    try files.copyItem(atPath: BuiltMartlet.model, toPath: plain)
    try files.removeItem(atPath: plain + "/reference.json")
    try files.createSymbolicLink(atPath: live, withDestinationPath: BuiltMartlet.model)
    let daemon = try Daemon(store: "none", models: [live])
    for id in ["a", "b"] + (0..<200).map({ "old-\($0)" }) { try daemon.predict(id) }
    try files.removeItem(atPath: live)
    try files.createSymbolicLink(atPath: live, withDestinationPath: plain)
    #expect(daemon.process.reload())
    // The new health process has no reference to compare with.
    #expect(
      BuiltMartlet.wait {
        (try? daemon.monitor())?["performance"]?["reference_accuracy"]?.isNull ?? false
      })
    let label = #"{"request_id":"a","label":"spam"}"#
    var answer = try daemon.feedback(label)
    #expect(answer.status == 202 && answer.json["correct"] == true, "\(answer)")
    answer = try daemon.feedback(label)
    #expect(answer.json["already_counted"] == true, "\(answer)")
    // Its own prediction counts. Old workers may still drain, and count for the old model.
    let isCounted = BuiltMartlet.wait {
      let id = "new-\(UInt64.random(in: .min ... .max))"
      guard (try? daemon.predict(id)) != nil,
        (try? daemon.feedback(#"{"request_id":"\#(id)","label":"ham"}"#)) != nil
      else { return false }
      return (try? daemon.monitor())?["labels"]?["counted"]?.intValue ?? 0 > 0
    }
    #expect(isCounted)
    // One for each look, because the old health process may have taken in the first ones before it ended.
    var next = 0
    let isCountedApart = BuiltMartlet.wait {
      next += 1
      _ = try? daemon.feedback(#"{"request_id":"old-\#(next % 200)","label":"spam"}"#)
      return (try? daemon.monitor())?["labels"]?["earlier_model"]?.intValue ?? 0 >= 1
    }
    #expect(isCountedApart)
    let other = try daemon.feedback(#"{"request_id":"b","label":"ham"}"#)
    #expect(other.json["correct"] == false, "\(other)")
  }
}
