import Foundation
import JSON
import Tensor
import Testing
import Transformer

/// Tiny models as sentence-transformers 6 saves them, and what it says of texts: Tests/Reference/sentence_transformers_fixtures.py.
private struct SavedModel: Sendable, CustomTestStringConvertible {
  let name: String
  var testDescription: String { name }

  static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("Fixtures/sentence-transformers")

  static let all: [SavedModel] =
    ((try? FileManager.default.contentsOfDirectory(atPath: fixtures.path)) ?? [])
    .filter { $0 != "shared" }.sorted().map { SavedModel(name: $0) }

  /// A model directory, and inputs with answers.
  func withDirectory(_ body: (String, JSONValue) throws -> Void) throws {
    let directory = FileManager.default.temporaryDirectory
      .appendingPathComponent("martlet-saved-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: directory) }
    try FileManager.default.copyItem(
      at: Self.fixtures.appendingPathComponent(name), to: directory)
    let expected = try JSONValue(
      parsing: try Data(contentsOf: directory.appendingPathComponent("expected.json")))
    for (file, shared) in try #require(expected["shared"]?.objectValue) {
      try FileManager.default.copyItem(
        at: Self.fixtures.appendingPathComponent("shared/\(shared.stringValue ?? "")"),
        to: directory.appendingPathComponent(file))
    }
    try body(directory.path, expected)
  }
}

@Suite("What sentence-transformers saves")
struct SentenceTransformersTests {
  @Test("The fixtures are there")
  func fixtures() { #expect(SavedModel.all.count >= 26) }

  @Test("Gives what sentence-transformers 6 gives, to 1e-5", arguments: SavedModel.all)
  fileprivate func answers(saved: SavedModel) throws {
    try saved.withDirectory { directory, expected in
      let model = try TextModel.load(directory: directory)
      let inputs = try #require(expected["inputs"]?.arrayValue).map { input in
        input.stringValue.map { TextInput($0) }
          ?? TextInput(input[0]?.stringValue ?? "", pair: input[1]?.stringValue)
      }
      let wanted = try #require(expected["values"]?.arrayValue)
      for (index, prediction) in try model.predict(inputs).enumerated() {
        let numbers: [Float]
        switch prediction.value {
        case .vector(let all), .scores(let all): numbers = all
        default: numbers = []
        }
        let want = wanted[index].arrayValue?.compactMap(\.doubleValue) ?? []
        #expect(numbers.count == want.count)
        for (a, b) in zip(numbers, want) { #expect(abs(Double(a) - b) < 1e-5, "text \(index)") }
      }
      if case .vector(let vector) = try model.predict([inputs[0]])[0].value {
        #expect(model.configuration.embeddingDimension == vector.count)
      }
    }
  }

  @Test(
    "What is not known is refused by name",
    arguments: [
      ("cross-encoder-sigmoid", "config_sentence_transformers.json", "Sigmoid", "Softplus"),
      ("dense-residual", "2_Dense/config.json", "Tanh", "Mish"),
      ("dense-residual", "2_Dense/config.json", "sentence_embedding", "token_embeddings"),
      (
        "cut-width", "config_sentence_transformers.json", #""truncate_dim": 7"#,
        #""truncate_dim": 0"#
      ),
      (
        "length-of-tokenizer", "tokenizer_config.json", #""model_max_length": 9"#,
        #""model_max_length": 0"#
      ),
      (
        "length-of-tokenizer", "tokenizer_config.json", #""model_max_length": 9"#,
        #""model_max_length": 2"#
      ),
    ])
  func refusals(model: String, file: String, old: String, new: String) throws {
    try SavedModel(name: model).withDirectory { directory, _ in
      let path = "\(directory)/\(file)"
      let text = try String(contentsOfFile: path, encoding: .utf8)
      #expect(text.contains(old))
      try Data(text.replacingOccurrences(of: old, with: new).utf8).write(
        to: URL(fileURLWithPath: path))
      #expect(throws: ModelError.self) { try TextModel.load(directory: directory) }
    }
  }
}
