import Foundation
import JSON
import Testing
import Transformer

/// Tiny models of each family with a head for masked words, and what FillMaskPipeline says: Tests/Reference/masked_words.py.
@Suite("Masked words")
struct MaskedWordsTests {
  private static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("Fixtures/masked-words")
  static let families =
    ((try? FileManager.default.contentsOfDirectory(atPath: fixtures.path)) ?? []).sorted()

  private static func model(_ family: String) throws -> TextModel {
    try TextModel.load(directory: fixtures.appendingPathComponent(family).path)
  }

  private static func input(
    _ text: String, _ parameters: JSONObject, _ model: TextModel
  ) throws -> TextInput {
    TextInput(
      text,
      parameters: try TaskParameters(parameters, task: model.task, model: model.signature))
  }

  /// The words of one mask, as the pipeline writes them.
  private static func check(_ words: [FilledWord], _ wanted: JSONValue) throws {
    let wanted = try #require(wanted.arrayValue)
    #expect(words.count == wanted.count)
    for (word, want) in zip(words, wanted) {
      #expect(Int(word.token) == want["token"]?.intValue)
      #expect(word.text == want["token_str"]?.stringValue)
      #expect(word.sequence == want["sequence"]?.stringValue)
      let score = try #require(want["score"]?.doubleValue)
      #expect(abs(Double(word.score) - score) < 1e-6)
    }
  }

  @Test("The fixtures are there")
  func complete() { #expect(Self.families.count >= 13) }

  @Test("Are those of transformers' pipeline: ids, words, sequences, scores", arguments: families)
  func pipeline(family: String) throws {
    let model = try Self.model(family)
    #expect(model.task == .maskedWords)
    let path = Self.fixtures.appendingPathComponent("\(family)/expected.json")
    let requests = try #require(try JSONValue(parsing: Data(contentsOf: path)).arrayValue)
    for request in requests {
      let input = try Self.input(
        request["text"]?.stringValue ?? "", request["parameters"]?.objectValue ?? [:], model)
      guard case .words(let masks) = try model.predict([input])[0].value else {
        Issue.record("no words")
        continue
      }
      let answer = request["answer"] ?? .null
      if masks.count == 1 {
        try Self.check(masks[0], answer)
      } else {
        for (index, words) in masks.enumerated() { try Self.check(words, answer[index] ?? .null) }
      }
    }
  }

  @Test("A word of which the first token was taken says which word that was")
  func targets() throws {
    let model = try Self.model("bert")
    let input = try Self.input("the [MASK] ran", ["targets": ["cat", "unhappy"]], model)
    guard case .words(let masks) = try model.predict([input])[0].value else { return }
    let targets = Dictionary(
      masks[0].map { ($0.text, $0.target ?? "") }, uniquingKeysWith: { first, _ in first })
    #expect(targets == ["cat": "", "un": "unhappy"])
  }

  @Test("A text without a mask is refused with the mask's name", arguments: ["bert", "roberta"])
  func noMask(family: String) throws {
    let model = try Self.model(family)
    let mask = family == "bert" ? "[MASK]" : "<mask>"
    #expect(throws: RejectedInput(index: 0, reason: .noMask(mask))) {
      try model.predict([TextInput("the cat ran")])
    }
    let long = String(repeating: "cat ", count: 60) + mask
    #expect(throws: RejectedInput.self) { try model.predict([TextInput(long)]) }
    #expect(throws: InputProblem.self) { try Self.input("a \(mask)", ["top_k": 0], model) }
  }

  @Test("A wish for embeddings takes the encoder alone")
  func embeddings() throws {
    let path = Self.fixtures.appendingPathComponent("bert").path
    let model = try TextModel.load(directory: path, pooling: .mean)
    guard case .vector(let vector) = try model.predict([TextInput("the cat")])[0].value else {
      Issue.record("no vector")
      return
    }
    #expect(vector.count == 16)
  }
}
