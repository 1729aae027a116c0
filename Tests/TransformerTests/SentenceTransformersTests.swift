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
  func fixtures() { #expect(SavedModel.all.count >= 52) }

  @Test("Gives what sentence-transformers 6 gives, to 1e-5", arguments: SavedModel.all)
  fileprivate func answers(saved: SavedModel) throws {
    try saved.withDirectory { directory, expected in
      let model = try TextModel.load(directory: directory)
      let inputs = try #require(expected["inputs"]?.arrayValue).map { input in
        input.stringValue.map { TextInput($0) }
          ?? TextInput(input[0]?.stringValue ?? "", pair: input[1]?.stringValue)
      }
      let wanted = try #require(expected["values"])
      let sides =
        wanted.objectValue == nil
        ? ["none"] : ["none", "query", "document"].filter { wanted[$0] != nil }
      for side in sides {
        let parameters = try TaskParameters(
          side == "none" ? [:] : ["input_type": .string(side)], task: model.task,
          model: model.signature)
        let all = try #require((wanted[side] ?? wanted).arrayValue)
        let asked = inputs.map { TextInput($0.text, pair: $0.pair, parameters: parameters) }
        for (index, prediction) in try model.predict(asked).enumerated() {
          let (numbers, want) = (Self.numbers(prediction.value), Self.numbers(all[index]))
          #expect(numbers.count == want.count, "\(side) \(index)")
          for (a, b) in zip(numbers, want) { #expect(abs(a - b) < 1e-5, "\(side) \(index)") }
        }
      }
      if case .vector(let vector) = try model.predict([inputs[0]])[0].value {
        #expect(model.configuration.embeddingDimension == vector.count)
      }
    }
  }

  /// All numbers of an answer, in order.
  private static func numbers(_ value: Prediction.Value) -> [Double] {
    switch value {
    case .vector(let all), .scores(let all): all.map(Double.init)
    case .sparse(let vector): vector.ids.map(Double.init) + vector.weights.map(Double.init)
    case .vectors(let all): all.flatMap { $0.map(Double.init) }
    default: []
    }
  }

  private static func numbers(_ json: JSONValue) -> [Double] {
    json.arrayValue.map { $0.flatMap(numbers) } ?? [json.doubleValue ?? .nan]
  }

  @Test("Layers beside an encoder give other tasks, and pickles say how to convert them")
  func tokenLayers() throws {
    try SavedModel(name: "token-layers").withDirectory { directory, expected in
      let inputs = (expected["inputs"]?.arrayValue ?? []).map { TextInput($0.stringValue ?? "") }
      for (name, task) in [
        ("sparse", ModelTask.sparseEmbedding), ("vectors", .multiVectorEmbedding),
      ] {
        try Data("{\"task\": \"\(task.rawValue)\"}".utf8)
          .write(to: URL(fileURLWithPath: directory + "/martlet.json"))
        let model = try TextModel.load(directory: directory)
        #expect(model.task == task)
        for (index, prediction) in try model.predict(inputs).enumerated() {
          let want = Self.numbers(expected["tasks"]?[name]?[index] ?? .null)
          let numbers = Self.numbers(prediction.value)
          #expect(numbers.count == want.count)
          for (a, b) in zip(numbers, want) { #expect(abs(a - b) < 1e-5, "\(name) \(index)") }
        }
      }
      let layer = directory + "/colbert_linear"
      try FileManager.default.moveItem(atPath: layer + ".safetensors", toPath: layer + ".pt")
      do {
        _ = try TextModel.load(directory: directory)
        Issue.record("a pickle is read")
      } catch {
        #expect("\(error.localizedDescription)".contains("save_file"))
      }
    }
  }

  @Test("A text has the same bits in a batch with texts of both sides")
  func bitsOfSides() throws {
    for name in ["multi-vector", "sparse-queries-without-layers"] {
      try SavedModel(name: name).withDirectory { directory, _ in
        let model = try TextModel.load(directory: directory)
        let inputs = try ["query", "document"].flatMap { side in
          let parameters = try TaskParameters(
            ["input_type": .string(side)], task: model.task, model: model.signature)
          return ["w1 w2 w3", "w4"].map { TextInput($0, parameters: parameters) }
        }
        let mixed = [inputs[2], inputs[0], inputs[3], inputs[1]]
        let together = try model.predict(mixed)
        for (input, answer) in zip(mixed, together) {
          #expect(try model.predict([input]) == [answer])
        }
      }
    }
  }

  @Test("Prompts and widths are as the request says")
  func parameters() throws {
    try SavedModel(name: "prompts-by-side").withDirectory { directory, _ in
      let model = try TextModel.load(directory: directory)
      func vector(_ members: JSONObject, _ text: String = "w2 w3") throws -> [Float] {
        let parameters = try TaskParameters(members, task: model.task, model: model.signature)
        guard
          case .vector(let vector) = try model.predict([
            TextInput(text, parameters: parameters)
          ])[0].value
        else { return [] }
        return vector
      }
      #expect(try vector(["prompt_name": "query"]) == vector(["input_type": "query"]))
      #expect(try vector(["prompt": "w7 w8 "]) == vector(["prompt_name": "query"]))
      #expect(try vector([:]) == vector(["prompt_name": "classify"]))
      #expect(try vector([:]) != vector(["prompt": ""]))
      #expect(try vector(["dimensions": 5]) == Array(vector([:]).prefix(5)))
      let unit = try vector(["dimensions": 5, "normalize": true])
      #expect(abs(unit.reduce(0) { $0 + $1 * $1 } - 1) < 1e-5)
      for wrong: JSONObject in [
        ["dimensions": 0], ["dimensions": 17], ["prompt_name": "qwery"],
        ["prompt_name": "query", "prompt": "w1 "], ["input_type": "both"],
      ] {
        #expect(throws: InputProblem.self) { try vector(wrong) }
      }
      do throws(InputProblem) {
        _ = try TaskParameters(["prompt_name": "x"], task: model.task, model: model.signature)
        Issue.record("an unknown prompt is taken")
      } catch {
        #expect(error.mend?.contains("classify, document, query") ?? false, "\(error)")
      }
    }
  }

  @Test(
    "What is not known is refused by name",
    arguments: [
      ("cross-encoder-sigmoid", "config_sentence_transformers.json", "Sigmoid", "Softplus"),
      ("dense-residual", "2_Dense/config.json", "Tanh", "Mish"),
      (
        "dense-residual", "2_Dense/config.json", #""module_output_name": "sentence_embedding""#,
        #""module_output_name": "token_embeddings""#
      ),
      (
        "norms-and-layers", "modules.json", "sentence_transformers.base.modules.dense.Dense",
        "sentence_transformers.models.WeightedLayerPooling"
      ),
      ("norms-and-layers", "4_LayerNorm/config.json", "12", "13"),
      (
        "prompt-included", "config_sentence_transformers.json",
        #""default_prompt_name": "query""#, #""default_prompt_name": "qwery""#
      ),
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
