import Foundation
import JSON
import LoopbackClient
import TestDaemon
import Testing

/// `--precision` through the binary.
@Suite(.enabled(if: BuiltMartlet.isThere, "needs the built martlet and Models/sms-spam"))
struct PrecisionCommandTests {
  private static let text = "Call now to claim your prize"

  private func run(_ arguments: [String]) throws -> (code: Int32, output: String, error: String) {
    let (output, error) = (Pipe(), Pipe())
    let process = try BuiltMartlet.start(arguments, output: output, error: error)
    let said = output.fileHandleForReading.readDataToEndOfFile()
    let told = error.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (
      process.terminationStatus, String(decoding: said, as: UTF8.self),
      String(decoding: told, as: UTF8.self)
    )
  }

  /// The probabilities that `predict` writes.
  private func predicted(_ further: [String]) throws -> JSONValue {
    let outcome = try run(
      ["predict", BuiltMartlet.model, "--text", Self.text, "--scores", "--output-format", "jsonl"]
        + further)
    #expect(outcome.code == 0, "\(outcome)")
    return try #require(try JSONValue(parsing: Array(outcome.output.utf8))["scores"])
  }

  @Test("predict and serve give the same answer in each precision, and say which it is")
  func sameAnswers() throws {
    for precision in ["auto", "f32", "bf16"] {
      let daemon = try ServeProcess(
        ["-w", "1", "--precision", precision], models: ["spam=\(BuiltMartlet.model)"])
      let body = #"{"input":"\#(Self.text)"}"#
      let client = LoopbackClient(port: daemon.port)
      client.send(
        "POST /predict?scores=true HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
      )
      let served = try #require(client.readAnswer())
      let answer = try JSONValue(parsing: served.body)
      let scores = try predicted(["--precision", precision])
      #expect(answer["scores"] == scores, "\(precision)")
      if precision != "auto" {
        #expect(daemon.output.contains("ready: spam (\(precision)) on "), "\(daemon.output)")
        #expect(daemon.ready?["models"]?[0]?["precision"]?.stringValue == precision)
      }
    }
    let (plain, auto) = (try predicted([]), try predicted(["--precision", "auto"]))
    #expect(plain == auto)
    let (whole, half) = (
      try predicted(["--precision", "f32"]), try predicted(["--precision", "bf16"])
    )
    #expect(whole != half)
  }

  @Test("A precision that the model does not have is refused with the mend")
  func refusals() throws {
    let folder = NSTemporaryDirectory() + "martlet-precision-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let rows = folder + "/rows.tsv"
    try "spam\tWIN a FREE prize now\nham\tSee you at noon\n".write(
      toFile: rows, atomically: true, encoding: .utf8)
    let small = folder + "/small"
    let quantized = try run(
      ["quantize", BuiltMartlet.model, "-o", small, "--validation", rows, "--max-drop", "100"])
    #expect(quantized.code == 0, "\(quantized)")
    for (model, precision, mend) in [
      (BuiltMartlet.model, "int8", "martlet quantize"), (small, "f32", "Use int8 or auto"),
      (small, "bf16", "Use int8 or auto"), (BuiltMartlet.model, "f16", "--precision"),
    ] {
      for command in [
        ["predict", model, "--text", "a"], ["eval", model, rows], ["bench", "forward", model],
        ["serve", model, "--check-config"],
      ] {
        let outcome = try run(command + ["--precision", precision])
        #expect(outcome.code != 0 && outcome.error.contains(mend), "\(command): \(outcome)")
      }
    }
    let served = try run(["predict", small, "--text", "a", "--precision", "int8"])
    #expect(served.code == 0, "\(served)")
  }
}
