import Foundation
import JSON
import Testing
import Tokenization

/// Calls `body` with a directory that holds `files`.
private func inDirectory(_ files: [String: String], _ body: (String) throws -> Void) throws {
  let directory = NSTemporaryDirectory() + "martlet-lists-\(UUID().uuidString)"
  defer { try? FileManager.default.removeItem(atPath: directory) }
  try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
  for (name, content) in files {
    try Data(content.utf8).write(to: URL(fileURLWithPath: directory + "/" + name))
  }
  try body(directory)
}

@Suite("Tokenizers of lists")
struct TokenizerListTests {
  @Test("vocab.txt gives the ids of the class in transformers that tokenizer_config.json names")
  func classes() throws {
    // Made by Tests/Reference/tokenizer_lists.py.
    let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Fixtures/lists.json")
    let rows = try #require(try JSONValue(parsing: Data(contentsOf: path)).arrayValue)
    #expect(rows.count >= 5)
    for row in rows {
      let vocabulary = (row["vocabulary"]?.arrayValue ?? []).compactMap(\.stringValue)
      let texts = (row["texts"]?.arrayValue ?? []).compactMap(\.stringValue)
      try inDirectory([
        "vocab.txt": vocabulary.joined(separator: "\n") + "\n",
        "tokenizer_config.json": row["settings"]?.serialized() ?? "",
      ]) { directory in
        let tokenizer = try Tokenizer.load(directory: directory)
        for (index, text) in texts.enumerated() {
          let ids = tokenizer.encode(text).ids.map(Int.init)
          #expect(ids == row["ids"]?[index]?.arrayValue?.compactMap(\.intValue), "\(text)")
          let pair = tokenizer.encode(text, pair: texts[0] + "A the").ids.map(Int.init)
          #expect(pair == row["pairs"]?[index]?.arrayValue?.compactMap(\.intValue), "\(text)")
        }
      }
    }
  }

  @Test(
    "A class that makes other tokens of the same files is refused by name, with what is read",
    arguments: [
      ("BertJapaneseTokenizer", ["vocab.txt": "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n"]),
      ("RoFormerTokenizer", ["vocab.txt": "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n"]),
      (
        "RoFormerTokenizerFast",
        ["tokenizer.json": #"{"model":{"type":"BPE","vocab":{"a":0},"merges":[]}}"#]
      ),
      ("Qwen2Tokenizer", ["vocab.json": #"{"a":0}"#, "merges.txt": ""]),
      ("T5Tokenizer", ["spiece.model": ""]), ("DebertaV2Tokenizer", ["spm.model": ""]),
    ])
  func otherClasses(name: String, files: [String: String]) throws {
    let settings = ["tokenizer_config.json": #"{"tokenizer_class":"\#(name)"}"#]
    try inDirectory(files.merging(settings) { $1 }) { directory in
      let error = #expect(throws: TokenizationError.self) {
        try Tokenizer.load(directory: directory)
      }
      let message = error?.localizedDescription ?? ""
      #expect(message.contains("Supported: ") && message.contains("tokenizer.json"))
      #expect(
        message.contains(name.replacing("Fast", with: ""))
          || files.keys.contains { $0.hasSuffix(".model") })
    }
  }
}
