import Foundation
import JSON
import Testing
import Transformer

@Suite("Labels are bytes")
struct LabelBytesTests {
  private func load(_ labels: String) throws -> TextModel {
    let count = labels.split(separator: ",").count
    let directory = try OddModel.write(labels: (0..<count).map { "l\($0)" })
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let path = directory + "/config.json"
    var json = try #require(
      try JSONValue(parsing: Data(contentsOf: URL(fileURLWithPath: path))).objectValue)
    json["id2label"] = try JSONValue(parsing: "{\(labels)}")
    try Data(JSONValue.object(json).serializedBytes()).write(to: URL(fileURLWithPath: path))
    return try TextModel.load(directory: directory)
  }

  @Test(
    "Two labels of the same bytes, and an empty one, are refused by name",
    arguments: [
      (#""0": "x", "1": "x""#, #"labels 0 and 1 the same name "x""#),
      (#""0": "x", "1": "y", "2": "x""#, "labels 0 and 2"),
      (#""0": "x", "1": """#, "label 1 an empty name"),
    ])
  func duplicates(labels: String, said: String) throws {
    do {
      _ = try load(labels)
      Issue.record("nothing was refused")
    } catch {
      #expect(error.localizedDescription.contains(said), "\(error.localizedDescription)")
      #expect(error.localizedDescription.contains("id2label"))
    }
  }

  @Test(
    "Labels that Unicode takes for one are two",
    arguments: [
      ("caf\u{E9}", "cafe\u{301}"), ("\u{C5}", "\u{212B}"),
      ("\u{D55C}", "\u{1112}\u{1161}\u{11AB}"),
      ("x", "x "), ("a", "A"),
    ])
  func canonicallyEqual(first: String, second: String) throws {
    let model = try load(#""0": "\#(first)", "1": "\#(second)""#)
    #expect(model.labels.map { Array($0.utf8) } == [Array(first.utf8), Array(second.utf8)])
  }
}
