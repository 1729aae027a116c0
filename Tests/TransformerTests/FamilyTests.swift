import Foundation
import JSON
import Tensor
import Testing
import Tokenization
import Transformer

/// Tiny models of every family and task with what transformers and sentence-transformers say of
/// them, made by families.py, encoder_families.py and own_families.py of Tests/Reference.
struct FamilyCase: Sendable, CustomTestStringConvertible {
  let json: JSONValue
  var testDescription: String { json["name"]?.stringValue ?? "" }

  static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("Fixtures/families")

  static let all: [FamilyCase] = ["families.json", "encoders.json", "own.json"].flatMap { name in
    let file = fixtures.appendingPathComponent(name)
    guard let data = try? Data(contentsOf: file), let json = try? JSONValue(parsing: data) else {
      return [FamilyCase]()
    }
    return (json.arrayValue ?? []).map { FamilyCase(json: $0) }
  }

  /// Lays the case out as a model directory.
  func withDirectory(_ body: (String) throws -> Void) throws {
    let directory = FileManager.default.temporaryDirectory
      .appendingPathComponent("martlet-family-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: directory) }
    func place(_ name: String) throws -> URL {
      let url = directory.appendingPathComponent(name)
      try FileManager.default.createDirectory(
        at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
      return url
    }
    for (name, source) in try #require(json["weights"]?.objectValue) {
      try FileManager.default.copyItem(
        at: Self.fixtures.appendingPathComponent(try #require(source.stringValue)),
        to: place(name))
    }
    for (name, text) in try #require(json["files"]?.objectValue) {
      try Data(try #require(text.stringValue).utf8).write(to: place(name))
    }
    let words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + (5..<48).map { "w\($0)" }
    try Data((words.joined(separator: "\n") + "\n").utf8).write(to: place("vocab.txt"))
    try body(directory.path)
  }

  var encodings: [(Encoding, [Double])] {
    (json["rows"]?.arrayValue ?? []).map { row in
      func integers(_ key: String) -> [Int32] {
        row[key]?.arrayValue?.compactMap(\.intValue).map { Int32($0) } ?? []
      }
      return (
        Encoding(
          ids: integers("ids"), typeIDs: integers("types"), isTruncated: false, unknownCount: 0),
        row["value"]?.arrayValue?.compactMap(\.doubleValue) ?? []
      )
    }
  }
}

@Suite("Families and tasks")
struct FamilyTests {
  @Test("The fixtures are there")
  func fixtures() { #expect(FamilyCase.all.count >= 170) }

  @Test("Each gives the numbers of transformers to 1e-4", arguments: FamilyCase.all)
  func outputs(family: FamilyCase) throws {
    try family.withDirectory { directory in
      let configuration = try ModelDirectory.describe(directory)
      #expect(configuration.task.rawValue == family.json["task"]?.stringValue)
      for set in InstructionSet.available {
        let model = try TextModel(
          configuration, checkpoint: Checkpoint(directory: directory),
          tokenizer: Tokenizer.load(directory: directory), kernels: try #require(Kernels(set)))
        let rows = family.encodings
        #expect(rows.count == 4)
        let predictions = try model.predict(encoded: rows.map(\.0))
        for ((encoding, want), prediction) in zip(rows, predictions) {
          check(prediction, want, encoding, "\(set)")
          // Batch mates, and a sibling on the same weights, change no bit.
          #expect(try model.sibling().predict(encoded: [encoding]) == [prediction])
        }
      }
    }
  }

  @Test("Each is near that in bfloat16, with and without a CPU for it", arguments: FamilyCase.all)
  func inBFloat16(family: FamilyCase) throws {
    func numbers(_ prediction: Prediction) -> [Float] {
      switch prediction.value {
      case .label(_, let probabilities), .labels(_, let probabilities): probabilities
      case .scores(let scores): scores
      case .vector(let vector): vector
      case .tokens(let tokens): tokens.map(\.probability)
      default: []
      }
    }
    try family.withDirectory { directory in
      let checkpoint = try Checkpoint(directory: directory)
      let set = try #require(InstructionSet.available.last)
      func predictions(_ kernels: Kernels?) throws -> [Prediction] {
        let model = try TextModel(
          ModelDirectory.describe(directory), checkpoint: checkpoint,
          tokenizer: Tokenizer.load(directory: directory), kernels: try #require(kernels))
        let encodings = family.encodings.map(\.0)
        let together = try model.predict(encoded: encodings)
        for (encoding, answer) in zip(encodings, together) {
          #expect(try model.sibling().predict(encoded: [encoding]) == [answer])
        }
        return together
      }
      let wanted = try predictions(Kernels(set)).flatMap(numbers)
      for isNative in [true, false] {
        let kernels = Kernels(set, usesBFloat16: true, multipliesBFloat16: isNative)
        let found = try predictions(kernels).flatMap(numbers)
        #expect(found != wanted)
        for (x, y) in zip(found, wanted) { #expect(abs(x - y) < 0.05 * max(1, abs(y))) }
      }
    }
  }

  private func check(
    _ prediction: Prediction, _ want: [Double], _ encoding: Encoding, _ set: String
  ) {
    func compare(_ got: [Float]) {
      #expect(got.count == want.count)
      for (a, b) in zip(got, want) { #expect(abs(Double(a) - b) < 1e-4, "\(set)") }
    }
    switch prediction.value {
    case .label(let top, let probabilities):
      compare(probabilities)
      #expect(want.firstIndex(of: want.max() ?? 0) == top)
    case .labels(let chosen, let probabilities):
      compare(probabilities)
      #expect(chosen == want.indices.filter { want[$0] >= 0.5 })
    case .texts: Issue.record("an encoder writes no texts")
    case .scores(let scores): compare(scores)
    case .vector(let vector): compare(vector)
    case .tokens(let tokens):
      // The fixture has every token's probability and then every token's label.
      let count = encoding.ids.count
      let places = encoding.ids.indices.filter { ![2, 3].contains(encoding.ids[$0]) }
      #expect(tokens.count == places.count && want.count == 2 * count)
      for (token, place) in zip(tokens, places) {
        #expect(abs(Double(token.probability) - want[place]) < 1e-4, "\(set)")
        #expect(token.labelIndex == Int(want[count + place]))
        #expect(token.token == (encoding.ids[place] == 4 ? "[MASK]" : "w\(encoding.ids[place])"))
      }
    default: Issue.record("\(set): an answer of another kind")
    }
  }

  @Test(
    "The temperature in martlet.json divides a classifier's scores before softmax, and only those")
  func temperature() throws {
    let family = try #require(
      FamilyCase.all.first { $0.testDescription == "bert text-classification" })
    try family.withDirectory { directory in
      let encodings = family.encodings.map(\.0)
      func answers(_ settings: String) throws -> [Classification] {
        try settings.write(toFile: directory + "/martlet.json", atomically: true, encoding: .utf8)
        return try TextModel.load(directory: directory).predict(encoded: encodings)
          .compactMap(\.classification)
      }
      let plain = try answers("{}")
      #expect(plain.count == encodings.count)
      for (hot, cold) in zip(try answers(#"{"temperature": 2}"#), plain) {
        #expect(hot.labelIndex == cold.labelIndex)
        // Softmax at temperature 2 is the square roots of the shares, scaled to sum to 1.
        let roots = cold.probabilities.map { Double($0).squareRoot() }
        let total = roots.reduce(0, +)
        for (probability, root) in zip(hot.probabilities, roots) {
          #expect(abs(Double(probability) - root / total) < 1e-6)
        }
      }
      for bad in ["0", "-1", "1e9", "\"hot\""] {
        #expect(throws: ModelError.self) { try answers("{\"temperature\": \(bad)}") }
      }
    }
  }

  @Test("An embedding model reads its longest input from sentence_bert_config.json")
  func maximumTokens() throws {
    let embedding = try #require(
      FamilyCase.all.first { $0.testDescription == "bert sentence-embedding, cls" })
    try embedding.withDirectory { directory in
      let model = try TextModel.load(directory: directory)
      #expect(model.maximumTokens == 22)
      let long = try model.predict([TextInput(String(repeating: "w7 ", count: 50))])
      #expect(long[0].tokenCount == 22 && long[0].isTruncated)
      #expect(model.configuration.embeddingDimension == 12)
    }
  }

  @Test("Pooling can be chosen for any encoder")
  func chosenPooling() throws {
    let (plain, cls) = (
      FamilyCase.all.first,
      FamilyCase.all.first { $0.testDescription == "bert sentence-embedding, max" }
    )
    try #require(cls).withDirectory { reference in
      try #require(plain).withDirectory { directory in
        let chosen = try TextModel.load(directory: directory, pooling: .max, normalizes: true)
        let wanted = try TextModel.load(directory: reference)
        let inputs = [TextInput("w7 w8 w9")]
        #expect(chosen.task == .embedding)
        #expect(try chosen.predict(inputs) == wanted.predict(inputs))
      }
    }
  }
}

@Suite("What does not fit is refused by name")
struct ModelRefusalTests {
  private func refusal(
    _ start: String = "bert text-classification", _ change: (String) throws -> Void
  ) throws -> String {
    let family = try #require(FamilyCase.all.first { $0.testDescription == start })
    var message = "nothing was refused"
    try family.withDirectory { directory in
      try change(directory)
      do { _ = try TextModel.load(directory: directory) } catch {
        message = error.localizedDescription
      }
    }
    return message
  }

  private func replace(_ old: String, _ new: String, in path: String) throws {
    let text = try String(contentsOfFile: path, encoding: .utf8)
    #expect(text.contains(old))
    try Data(text.replacingOccurrences(of: old, with: new).utf8).write(
      to: URL(fileURLWithPath: path))
  }

  @Test(
    "Of config.json",
    arguments: [
      ("BertForSequenceClassification", "BertForMultipleChoice", "BertForTokenClassification"),
      (#""model_type": "bert""#, #""model_type": "gpt2""#, "\"gpt2\" is not supported"),
      (#""num_hidden_layers": 2"#, #""num_hidden_layers": 1"#, "\"bert.encoder.layer.1."),
      (#""num_hidden_layers": 2"#, #""num_hidden_layers": 3"#, "3 layers"),
      (#""hidden_size": 16"#, #""hidden_size": 8"#, "word_embeddings.weight\" is F32 [48, 16]"),
      (#""intermediate_size": 32"#, #""intermediate_size": 31"#, "[31, 16]"),
      (#""layer_norm_eps": 1e-12"#, #""layer_norm_eps": 1e-60"#, "between 0 and 1"),
      (#""vocab_size": 48"#, #""vocab_size": -1"#, "vocab_size"),
      (#""type_vocab_size": 2"#, #""type_vocab_size": -2"#, "type_vocab_size"),
      (#""2": "blue""#, #""2": 5"#, "id2label"),
      (#""hidden_act": "gelu""#, #""hidden_act": "mish""#, "mish"),
    ])
  func configuration(old: String, new: String, said: String) throws {
    let message = try refusal { directory in
      try replace(old, new, in: directory + "/config.json")
    }
    #expect(message.contains(said), "\(message)")
  }

  @Test("An index that leads out of the folder, or names a tensor that its shard lacks")
  func index() throws {
    let name = "/model.safetensors.index.json"
    let outside = try refusal("xlm-roberta text-classification") { directory in
      try replace("model-00001", "../model-00001", in: directory + name)
    }
    #expect(outside.contains("no safetensors file in this folder"), "\(outside)")
    let missing = try refusal("xlm-roberta text-classification") { directory in
      try replace("classifier.dense.bias", "classifier.dense.bios", in: directory + name)
    }
    #expect(missing.contains("classifier.dense.bios"), "\(missing)")
  }

  @Test("A module that is not known, with the list of those that are")
  func module() throws {
    let message = try refusal("bert sentence-embedding, cls") { directory in
      try replace("models.Dense", "models.LSTM", in: directory + "/modules.json")
    }
    #expect(message.contains("LSTM") && message.contains("Pooling, Dense"), "\(message)")
  }

  @Test("Weights in a pickle")
  func pickle() throws {
    let message = try refusal { directory in
      try FileManager.default.moveItem(
        atPath: directory + "/model.safetensors", toPath: directory + "/pytorch_model.bin")
    }
    #expect(message.contains("pickle"), "\(message)")
  }
}
