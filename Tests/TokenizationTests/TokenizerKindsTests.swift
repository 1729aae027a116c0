import Foundation
import JSON
import Testing
import Tokenization

/// Ids of Hugging Face's `tokenizers` for every component that is read, made by
/// Tests/Reference/tokenizer_fixtures.py.
struct TokenizerFixture: Sendable {
  struct Layout: Sendable, CustomTestStringConvertible {
    var name: String
    var json: JSONValue
    var ids: [String]
    var pairs: [JSONValue]
    var testDescription: String { name }
  }

  let texts: [String]
  let layouts: [Layout]
  let truncations: [JSONValue]

  static let shared = try? TokenizerFixture()

  /// One layout of each model, and the pipelines of known models.
  var pipelines: [Layout] {
    layouts.enumerated().filter { $0.offset < 3 || $0.element.name.hasPrefix("as ") }.map(\.element)
  }

  init() throws {
    let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Fixtures/tokenizers.json")
    let fixture = try JSONValue(parsing: Data(contentsOf: url))
    let bases = fixture["bases"]?.arrayValue ?? []
    texts = fixture["texts"]?.arrayValue?.compactMap(\.stringValue) ?? []
    layouts = (fixture["layouts"]?.arrayValue ?? []).map { layout in
      var object = bases[layout["base"]?.intValue ?? 0].objectValue ?? JSONObject()
      for (name, value) in layout["parts"]?.objectValue ?? JSONObject() {
        guard name == "model", var model = object["model"]?.objectValue else {
          object[name] = value
          continue
        }
        for (key, setting) in value.objectValue ?? JSONObject() { model[key] = setting }
        object["model"] = .object(model)
      }
      return Layout(
        name: layout["name"]?.stringValue ?? "", json: .object(object),
        ids: layout["ids"]?.arrayValue?.compactMap(\.stringValue) ?? [],
        pairs: layout["pairs"]?.arrayValue ?? [])
    }
    truncations = fixture["truncations"]?.arrayValue ?? []
  }
}

@Suite("Kinds of tokenizers")
struct TokenizerKindsTests {
  @Test(
    "Ids equal those of Hugging Face tokenizers, for each model and each component",
    arguments: TokenizerFixture.shared?.layouts ?? [])
  func ids(layout: TokenizerFixture.Layout) throws {
    let fixture = try #require(TokenizerFixture.shared)
    let tokenizer = try Tokenizer.parse(layout.json.serializedBytes())
    #expect(layout.ids.count >= 80)
    for (text, ids) in zip(fixture.texts, layout.ids) {
      let found = tokenizer.encode(text).ids.map(String.init).joined(separator: " ")
      #expect(found == ids, "\(text.debugDescription)")
    }
    for (index, row) in layout.pairs.enumerated() {
      let encoding = tokenizer.encode(fixture.texts[index], pair: fixture.texts[index + 10])
      #expect(encoding.ids.map(Int.init) == row["ids"]?.arrayValue?.compactMap(\.intValue))
      #expect(encoding.typeIDs.map(Int.init) == row["types"]?.arrayValue?.compactMap(\.intValue))
    }
  }

  @Test("There is a layout for each model and component")
  func coverage() throws {
    #expect(try #require(TokenizerFixture.shared).layouts.count >= 65)
    #expect(try #require(TokenizerFixture.shared).pipelines.count >= 28)
  }

  @Test("Pairs are cut as Hugging Face tokenizers cuts them, by strategy and side")
  func truncations() throws {
    let fixture = try #require(TokenizerFixture.shared)
    let base = try #require(fixture.layouts.first?.json.objectValue)
    #expect(fixture.truncations.count > 60)
    for row in fixture.truncations {
      var object = base
      object["truncation"] = [
        "max_length": row["length"] ?? 0, "strategy": row["strategy"] ?? .null,
        "direction": row["direction"] ?? .null, "stride": 0,
      ]
      let tokenizer = try Tokenizer.parse(JSONValue.object(object).serializedBytes())
      let length = try #require(tokenizer.truncation?.maximumLength)
      let encoding = tokenizer.encode(
        row["a"]?.stringValue ?? "", pair: row["b"]?.stringValue, maximumLength: length)
      #expect(
        encoding.ids.map(Int.init) == row["ids"]?.arrayValue?.compactMap(\.intValue),
        "\(row.serialized())")
      #expect(encoding.typeIDs.map(Int.init) == row["types"]?.arrayValue?.compactMap(\.intValue))
    }
  }

  @Test(
    "A limit gives the start of the whole, so work may stop early",
    arguments: TokenizerFixture.shared?.pipelines ?? [])
  func limits(layout: TokenizerFixture.Layout) throws {
    let fixture = try #require(TokenizerFixture.shared)
    let tokenizer = try Tokenizer.parse(layout.json.serializedBytes())
    let long = fixture.texts.joined(separator: " the ")
    let text = String(repeating: long + " now ", count: 40)
    #expect(text.utf8.count > 1 << 17)
    let whole = tokenizer.encode(text, addsSpecialTokens: false)
    for length in [0, 1, 7, 500, 20_000, whole.ids.count - 1] {
      let cut = tokenizer.encode(text, maximumLength: length, addsSpecialTokens: false)
      #expect(cut.ids == Array(whole.ids.prefix(length)))
      #expect(cut.isTruncated)
    }
  }

  @Test(
    "Work grows with a text's length and no faster, for one giant word as well",
    arguments: TokenizerFixture.shared?.pipelines ?? [])
  func linearity(layout: TokenizerFixture.Layout) throws {
    let tokenizer = try Tokenizer.parse(layout.json.serializedBytes())
    for unit in ["price", "the free ", "é世", "ab", "\u{301}", " "] {
      let small = tokenizer.stepCount(String(repeating: unit, count: 2000))
      let large = tokenizer.stepCount(String(repeating: unit, count: 32000))
      #expect(large <= small * 17 + 1000, "\(unit.debugDescription): \(small) and \(large) steps")
    }
  }

  @Test(
    "What is not supported is refused by name, with what is",
    arguments: [
      (#""normalizer":{"type":"Magic"}"#, "normalizer \"Magic\""),
      (
        #""normalizer":{"type":"Replace","pattern":{"Regex":"(a|b)+^"},"content":""}"#,
        "expression \"(a|b)+^\": \"^\""
      ),
      (
        #""normalizer":{"type":"Prepend","prepend":"\#(String(repeating: "a", count: 5000))"}"#,
        "5001 times as long"
      ),
      (#""pre_tokenizer":{"type":"UnicodeScripts"}"#, "pre_tokenizer \"UnicodeScripts\""),
      (#""post_processor":{"type":"Magic"}"#, "post_processor \"Magic\""),
      (#""truncation":{"max_length":4,"strategy":"Never"}"#, "strategy \"Never\""),
    ])
  func refusals(member: String, reason: String) throws {
    let model = #""model":{"type":"BPE","vocab":{"a":0,"b":1},"merges":[]}"#
    let error = #expect(throws: TokenizationError.self) {
      try Tokenizer.parse(Array("{\(member),\(model)}".utf8))
    }
    let message = error?.localizedDescription ?? ""
    #expect(message.contains(reason) && message.contains("Supported"))
  }

  @Test(
    "A model that cannot be is refused with what is wrong",
    arguments: [
      (#"{"type":"BPE","dropout":0.1,"vocab":{},"merges":[]}"#, "dropout"),
      (
        #"{"type":"BPE","continuing_subword_prefix":"@@","vocab":{"a":0,"@@b":1},"merges":["a @@b"]}"#,
        "\"ab\""
      ),
      (#"{"type":"BPE","vocab":{"a":0,"b":1},"merges":["a b"]}"#, "\"ab\""),
      (#"{"type":"BPE","vocab":{"a":0,"b":1},"merges":["a  b"]}"#, "two tokens"),
      (#"{"type":"BPE","vocab":{"a":0,"b":0},"merges":[]}"#, "have the id 0"),
      (#"{"type":"BPE","vocab":{"a":0,"a":1},"merges":[]}"#, "two ids"),
      (#"{"type":"BPE","vocab":{"\ud800":0},"merges":[]}"#, "surrogate"),
      (#"{"type":"BPE","unk_token":"?","vocab":{"a":0},"merges":[]}"#, "\"?\""),
      (#"{"type":"Unigram","vocab":[["a",-1]]}"#, "unk_id"),
      (#"{"type":"Unigram","unk_id":1,"vocab":[["a",-1]]}"#, "unk_id"),
      (#"{"type":"Unigram","unk_id":0,"vocab":[["a","b"]]}"#, "number"),
      (#"{"type":"Unigram","unk_id":0,"vocab":[["a",-1],["b",1e999]]}"#, "number"),
      (#"{"type":"WordLevel","vocab":{"a":0}}"#, "WordLevel"),
    ])
  func brokenModels(model: String, reason: String) throws {
    let error = #expect(throws: TokenizationError.self) {
      try Tokenizer.parse(Array("{\"model\":\(model)}".utf8))
    }
    #expect(error?.localizedDescription.contains(reason) == true, "\(String(describing: error))")
  }

  @Test("vocab.json with merges.txt is RoBERTa, as its tokenizer.json would be")
  func robertaLists() throws {
    let layout = try #require(TokenizerFixture.shared?.layouts.first { $0.name == "bpe" })
    let directory = NSTemporaryDirectory() + "martlet-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    let model = try #require(layout.json["model"])
    let merges = (model["merges"]?.arrayValue ?? []).map {
      ($0[0]?.stringValue ?? "") + " " + ($0[1]?.stringValue ?? "")
    }
    try Data((model["vocab"] ?? .null).serializedBytes())
      .write(to: URL(fileURLWithPath: directory + "/vocab.json"))
    try Data(("#version: 0.2\n" + merges.joined(separator: "\n") + "\n").utf8)
      .write(to: URL(fileURLWithPath: directory + "/merges.txt"))
    let listed = try Tokenizer.load(directory: directory)
    let whole = try Tokenizer.parse(layout.json.serializedBytes())
    for text in try #require(TokenizerFixture.shared).texts where !text.contains("<mask>") {
      #expect(listed.encode(text, pair: "b") == whole.encode(text, pair: "b"))
    }
    #expect(listed.encode("a <mask>").ids.count == 4, "the mask takes the space before it")
    let copy = directory + "-copy"
    defer { try? FileManager.default.removeItem(atPath: copy) }
    try listed.write(to: copy)
    #expect(try Tokenizer.load(directory: copy).encode("the price") == whole.encode("the price"))
  }

  @Test("Several threads get the same ids from one tokenizer")
  func threads() async throws {
    let layout = try #require(TokenizerFixture.shared?.layouts.first { $0.name == "unigram" })
    let tokenizer = try Tokenizer.parse(layout.json.serializedBytes())
    let texts = try #require(TokenizerFixture.shared).texts
    let expected = texts.map { tokenizer.encode($0).ids }
    await withTaskGroup(of: [[Int32]].self) { group in
      for _ in 0..<4 { group.addTask { texts.map { tokenizer.encode($0).ids } } }
      for await found in group { #expect(found == expected) }
    }
  }
}
