import Foundation
import JSON
import LoopbackClient
import TestDaemon
import Testing

/// Heads over one trunk, through a pool of the real binary.
@Suite(
  .serialized, .enabled(if: BuiltMartlet.isThere, "needs the built martlet and Models/sms-spam"))
struct HeadsTests {
  private static let texts = [
    "Call now to claim your prize", "See you at seven", "Call now to claim your prize",
  ]

  /// The embedded model with each of the head's last weights times `factor`, as a head that was trained anew has them.
  private func head(_ name: String, in folder: String, factor: Float) throws -> String {
    let path = "\(folder)/\(name)"
    try? FileManager.default.removeItem(atPath: path)
    try FileManager.default.copyItem(atPath: BuiltMartlet.model, toPath: path)
    let file = URL(fileURLWithPath: path + "/model.safetensors")
    var data = try Data(contentsOf: file)
    let length = data.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
    let header = try JSONValue(parsing: data[8..<8 + length])
    let place = try #require(header["classifier.weight"]?["data_offsets"]?.arrayValue)
      .compactMap(\.intValue)
    for start in stride(from: 8 + length + place[0], to: 8 + length + place[1], by: 4) {
      let bits = (0..<4).reduce(UInt32(0)) { $0 | UInt32(data[start + $1]) << (8 * UInt32($1)) }
      let changed = (Float(bitPattern: bits) * factor).bitPattern
      for byte in 0..<4 { data[start + byte] = UInt8(truncatingIfNeeded: changed >> (8 * byte)) }
    }
    try data.write(to: file)
    return "\(name)=\(path)"
  }

  private func post(
    _ daemon: ServeProcess, _ path: String, _ body: JSONValue
  ) throws -> LoopbackClient.Answer {
    let client = LoopbackClient(port: daemon.port)
    let bytes = body.serializedBytes()
    client.send(
      Array("POST \(path) HTTP/1.1\r\nHost: a\r\nContent-Length: \(bytes.count)\r\n\r\n".utf8)
        + bytes)
    return try #require(client.readAnswer())
  }

  private var input: JSONValue { .array(Self.texts.map { .string($0) }) }

  @Test func severalHeadsAnswerTogetherWhatEachAnswersAlone() throws {
    let folder = NSTemporaryDirectory() + "martlet-heads-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let models = [
      try head("a", in: folder, factor: 1), try head("b", in: folder, factor: -0.5),
      try head("c", in: folder, factor: 0.25),
    ]
    var alone: [String: (body: JSONValue, version: String)] = [:]
    for (name, model) in zip(["a", "b", "c"], models) {
      let daemon = try ServeProcess(["-w", "1"], models: [model])
      let answer = try post(daemon, "/predict?scores=true", ["input": input])
      alone[name] = (
        try JSONValue(parsing: answer.body), answer.fields["x-model-version"] ?? ""
      )
    }
    // A head's version is its own, though most of the file is the trunk's.
    #expect(Set(alone.values.map { $0.version.dropFirst(2) }).count == 3)
    let daemon = try ServeProcess(["-w", "1"], models: models, admin: "127.0.0.1:0")
    let answer = try post(
      daemon, "/predict?scores=true", ["input": input, "models": ["c", "a", "b"]])
    #expect(answer.status == 200)
    let together = try JSONValue(parsing: answer.body)["predictions"]
    for (name, own) in alone { #expect(together?[name] == own.body, "\(name)") }
    #expect(
      answer.fields["x-model-version"]
        == ["c", "a", "b"].map { alone[$0]?.version ?? "" }.joined(separator: ", "))
    #expect(try post(daemon, "/predict", ["input": "x", "models": ["a", "none"]]).status == 404)
    try expectTexts(daemon, ["a": 3, "b": 3, "c": 3])

    // A head that is trained anew is served by a reload; the others stay what they were.
    _ = try head("b", in: folder, factor: 3)
    #expect(daemon.reload())
    #expect(BuiltMartlet.wait { daemon.workers.count == 1 })
    let after = try post(
      daemon, "/predict?scores=true", ["input": input, "models": ["a", "b"]])
    let now = try JSONValue(parsing: after.body)["predictions"]
    #expect(now?["a"] == alone["a"]?.body && now?["b"] != alone["b"]?.body)
    let versions = after.fields["x-model-version"] ?? ""
    #expect(versions.hasPrefix(alone["a"]?.version ?? "-"))
    #expect(!versions.contains(alone["b"]?.version ?? ""))
  }

  /// Each model's texts are counted as its own.
  private func expectTexts(_ daemon: ServeProcess, _ wanted: [String: Int]) throws {
    let client = LoopbackClient(port: daemon.adminPort)
    client.send("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
    let lines = try #require(client.readAnswer()).body.split(separator: "\n")
    for (name, count) in wanted {
      let line = lines.first {
        $0.hasPrefix("martlet_model_texts_total{model=\"\(name)\"")
      }
      #expect(line?.split(separator: " ").last == "\(count)", "\(name)")
    }
  }
}
