import Foundation
import JSON
import Testing
import Tokenization

private let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
  .deletingLastPathComponent().deletingLastPathComponent()
private let model = root.appendingPathComponent("Models/sms-spam").path

@Suite("WordPiece")
struct TokenizerTests {
  @Test("Ids equal those of Hugging Face tokenizers, over scripts, accents and control characters")
  func idsOfTokenizers() throws {
    let tokenizer = try Tokenizer.load(directory: model)
    let fixture = try JSONValue(
      parsing: Data(
        contentsOf: root.appendingPathComponent(
          "Tests/TokenizationTests/Fixtures/sms-spam-ids.json")))
    for row in try #require(fixture["rows"]?.arrayValue) {
      let text = try #require(row["text"]?.stringValue)
      let ids = tokenizer.encode(text, maximumLength: 1000).ids.map(Int.init)
      #expect(ids == row["ids"]?.arrayValue?.compactMap(\.intValue), "\(text.debugDescription)")
    }
    for row in try #require(fixture["pairs"]?.arrayValue) {
      let (a, b) = (row["a"]?.stringValue ?? "", row["b"]?.stringValue)
      let encoding = tokenizer.encode(a, pair: b, maximumLength: 1000)
      #expect(encoding.ids.map(Int.init) == row["ids"]?.arrayValue?.compactMap(\.intValue))
      #expect(encoding.typeIDs.map(Int.init) == row["types"]?.arrayValue?.compactMap(\.intValue))
    }
  }

  @Test("tokenizer.json and vocab.txt give the same tokenizer, and writing keeps it")
  func files() throws {
    let tokenizer = try Tokenizer.load(directory: model)
    let directory = NSTemporaryDirectory() + "martlet-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try tokenizer.write(to: directory)
    let whole = try Tokenizer.load(directory: directory)
    try FileManager.default.removeItem(atPath: directory + "/tokenizer.json")
    let listed = try Tokenizer.load(directory: directory)
    for text in ["WINNER! Ünïcödé 你好", "[SEP] x"] {
      let ids = tokenizer.encode(text, maximumLength: 64)
      #expect(whole.encode(text, maximumLength: 64) == ids)
      #expect(listed.encode(text, maximumLength: 64) == ids)
    }
  }

  @Test("A megabyte of text is cut to the model's length, and said so")
  func truncation() throws {
    let tokenizer = try Tokenizer.load(directory: model)
    let long = tokenizer.encode(String(repeating: "free prize ", count: 95_000), maximumLength: 32)
    #expect(long.ids.count == 32 && long.isTruncated)
    #expect(long.ids.last == tokenizer.specialTokens.separator)
    #expect(
      tokenizer.encode("free", maximumLength: 3) == tokenizer.encode("free", maximumLength: 9))
    #expect(!tokenizer.encode("free", maximumLength: 3).isTruncated)
    #expect(tokenizer.encode("free free", maximumLength: 3).isTruncated)
  }

  @Test(
    "A learned vocabulary is the same each time, merges what is frequent, and covers the corpus")
  func learning() throws {
    let corpus = (0..<50).map { "lowest lower newest widest number\($0 % 7)" }
    let options = VocabularyLearningOptions(size: 80)
    let tokenizer = try Tokenizer.learn(corpus: corpus, options: options)
    let again = try Tokenizer.learn(corpus: corpus, options: options)
    #expect(tokenizer.json == again.json)
    #expect(tokenizer.vocabularySize <= 80)
    #expect(tokenizer.encode("lowest", maximumLength: 9).ids.count == 3)
    #expect(tokenizer.encode("lowest lower newest", maximumLength: 99).unknownCount == 0)
    #expect(tokenizer.encode("Ж", maximumLength: 9).unknownCount == 1)
    #expect(throws: TokenizationError.emptyCorpus) { try Tokenizer.learn(corpus: ["", " "]) }
  }

  @Test("Where ideographs prevail, words of several are learned, and a rare one costs only itself")
  func ideographs() throws {
    let corpus = (0..<40).map { index in
      ["高考作文指导", "北京高考", "作文大赛", "北京天气，很好"][index % 4] + (index == 7 ? "龘" : "")
    }
    let tokenizer = try Tokenizer.learn(corpus: corpus)
    #expect(tokenizer.modelName == "BPE")
    func tokens(_ text: String) -> [String] {
      tokenizer.encode(text, addsSpecialTokens: false).ids.map { tokenizer.token(for: $0) ?? "" }
    }
    #expect(tokens("北京作文") == ["北京", "作文"])
    #expect(tokens("北京龘作文") == ["北京", "[UNK]", "作文"])
    #expect(tokens("ABC") == ["[UNK]", "[UNK]", "[UNK]"])
    let directory = NSTemporaryDirectory() + "martlet-pairs-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try tokenizer.write(to: directory)
    let read = try Tokenizer.load(directory: directory)
    for text in corpus + ["北京龘作文", "高考 ABC。", "[SEP] x"] {
      #expect(read.encode(text) == tokenizer.encode(text))
    }
    #expect(read.specialTokens == tokenizer.specialTokens)
    #expect(
      try Tokenizer.learn(corpus: ["plain words with one 字", "plain words"]).modelName
        == "WordPiece")
  }

  @Test(
    "A broken tokenizer.json is refused with its reason",
    arguments: [
      ("{}", "model type"), (#"{"model":{"type":"WordLevel"}}"#, "WordLevel"),
      (
        #"{"model":{"type":"WordPiece","vocab":{"[UNK]":5}}}"#, "not below the vocabulary's size"
      ),
      (#"{"model":{"type":"WordPiece","vocab":{"[PAD]":0}}}"#, "[UNK]"),
      (#"{"model":{"type":"WordPiece","vocab":{"a":0,}}}"#, "string"),
      (#"{"model":{"type":"WordPiece","vocab":{"a":0}},}"#, "JSON"),
      (
        #"{"model":{"type":"WordPiece","vocab":{"[UNK]":0}},"post_processor":{"type":"BertProcessing"}}"#,
        "cls"
      ),
    ])
  func refusals(text: String, reason: String) throws {
    let error = #expect(throws: TokenizationError.self) { try Tokenizer.parse(Array(text.utf8)) }
    #expect(error?.localizedDescription.contains(reason) == true)
  }
}
