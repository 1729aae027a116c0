import Foundation
import JSON
import Tensor
import Testing
import Tokenization
import Transformer

/// What holds for every family, tried on its fixtures with a head on the whole text.
@Suite("Every family")
struct EncoderFamilyTests {
  /// One case a weights file.
  static let cases = FamilyCase.all.filter {
    $0.testDescription.hasSuffix(" text-classification")
  }

  private let batch: [[Int32]] = [
    [2, 7, 9, 3], [2, 3],
    [2, 5, 12, 19, 26, 33, 40, 47, 11, 18, 25, 32, 39, 46, 10, 17, 24, 31, 38, 45, 9, 3],
  ]

  private func withParameters(
    _ family: FamilyCase, _ body: (ModelParameters, String) throws -> Void
  ) throws {
    try family.withDirectory { try body(ModelDirectory.read($0), $0) }
  }

  @Test("Each family of the list has a case")
  func complete() {
    let tried = Set(Self.cases.map(\.modelType))
    // Own code is told by other keys than `model_type`, and has a note behind it here.
    // A table without layers has no head: SentenceTransformersTests.
    for type in Architecture.modelTypes
    where !type.hasSuffix(")") && !Architecture.generatorTypes.contains(type)
      && type != "model2vec"
    {
      #expect(tried.contains(type), "\(type)")
    }
  }

  @Test("A row has the same bits alone, in a batch, and with two threads", arguments: cases)
  func sameBits(family: FamilyCase) throws {
    try withParameters(family) { parameters, _ in
      let (one, two) = (try Kernels.best(), try Kernels.best(threads: 2))
      let encoder = Encoder(PackedWeights(parameters, kernels: one), kernels: one)
      let threaded = Encoder(PackedWeights(parameters, kernels: two), kernels: two)
      let together = encoder.logits(try TokenBatch(batch)).values
      #expect(
        try together == batch.flatMap { encoder.logits(try TokenBatch([$0])).values })
      #expect(threaded.logits(try TokenBatch(batch)).values == together)
    }
  }

  @Test(
    "The gradient is the slope of the loss, and training runs as inference does", arguments: cases)
  func gradient(family: FamilyCase) throws {
    try withParameters(family) { parameters, _ in
      let kernels = try Kernels.best(threads: 2)
      let gradients = ModelParameters(parameters.shape)
      let tape = EncoderTape(parameters: parameters, gradients: gradients, kernels: kernels)
      let (tokens, labels) = (try TokenBatch(batch), [0, 2, 1])
      func loss() -> Double {
        tape.packWeights()
        let logits = tape.forward(tokens, dropoutSeed: nil)
        return CrossEntropy.loss(logits: logits, labels: labels, gradient: logits)
      }
      let served = Encoder(PackedWeights(parameters, kernels: kernels), kernels: kernels)
      for (a, b) in zip(
        tape.forward(tokens, dropoutSeed: nil).values, served.logits(tokens).values)
      { #expect(abs(a - b) < 1e-4) }
      let logits = tape.forward(tokens, dropoutSeed: nil)
      _ = CrossEntropy.loss(logits: logits, labels: labels, gradient: logits)
      tape.backward(logits)
      let total = parameters.tensors.reduce(0.0) { total, tensor in
        total + expectSlope(tensor, of: parameters, gradients: gradients, loss: loss)
      }
      #expect(total > 1e-4)
    }
  }

  @Test("What training writes is read again, and says the same", arguments: cases)
  func written(family: FamilyCase) throws {
    try withParameters(family) { parameters, directory in
      let copy = directory + "/copy"
      try ModelDirectory.write(parameters, to: copy)
      let again = try ModelDirectory.read(copy)
      #expect(again.shape.labels == parameters.shape.labels)
      let (read, written) = (try Checkpoint(directory: directory), try Checkpoint(directory: copy))
      // What transformers writes under other names is written under the family's own, which it reads too.
      let hasOtherNames = family.testDescription.contains("as written")
      for name in written.names
      where !hasOtherNames && !name.hasSuffix("embeddings.position_embeddings.weight") {
        #expect(read[name]?.shape == written[name]?.shape, "\(name)")
      }
      let kernels = try Kernels.best()
      let tokens = try TokenBatch(batch)
      func logits(_ parameters: ModelParameters) -> [Float] {
        Encoder(PackedWeights(parameters, kernels: kernels), kernels: kernels)
          .logits(tokens).values
      }
      #expect(logits(again) == logits(parameters))
    }
  }

  @Test("Packed weights from the disk say the same, and 8-bit layers nearly", arguments: cases)
  func stored(family: FamilyCase) throws {
    try withParameters(family) { parameters, directory in
      let kernels = try Kernels.best()
      let tokens = try TokenBatch(batch)
      func logits(_ weights: PackedWeights) -> [Float] {
        Encoder(weights, kernels: kernels).logits(tokens).values
      }
      let wanted = logits(PackedWeights(parameters, kernels: kernels))
      for _ in 0..<2 {
        let cache = try #require(
          try WeightCache(
            parameters.shape, Checkpoint(directory: directory), directory: directory,
            kernels: kernels, environment: [:], leastParameters: 0))
        #expect(logits(try cache.weights()) == wanted)
      }
      try Quantizer.write(directory, to: directory + "-8bit")
      defer { try? FileManager.default.removeItem(atPath: directory + "-8bit") }
      let small = try ModelDirectory.read(directory + "-8bit")
      #expect(small.quantization != nil)
      let found = logits(PackedWeights(small, kernels: kernels))
      let size = wanted.reduce(0) { max($0, abs($1)) }
      for (a, b) in zip(found, wanted) { #expect(abs(a - b) < 0.25 * size) }
      #expect(found != wanted)
    }
  }

  private static let wrong: [JSONValue?] = [
    nil, .null, -1, 0, 1, 3, JSONValue(4_000_000), JSONValue(Int.max), 0.5, "x", [], [1], [:], true,
    false,
  ]

  /// `json` with each of its keys, and those of objects in it, changed to `value`.
  private static func changed(_ json: JSONObject, to value: JSONValue?) -> [(String, JSONObject)] {
    json.keys.flatMap { key -> [(String, JSONObject)] in
      func with(_ value: JSONValue?) -> JSONObject {
        var copy = JSONObject()
        for (name, old) in json where name != key { copy[name] = old }
        if let value { copy[key] = value }
        return copy
      }
      let inner = json[key]?.objectValue.map { changed($0, to: value) } ?? []
      return [(key, with(value))] + inner.map { ("\(key).\($0.0)", with(.object($0.1))) }
    }
  }

  @Test("A key that is missing or senseless is refused by an error, never a trap", arguments: cases)
  func senseless(family: FamilyCase) throws {
    let text = try #require(family.json["files"]?["config.json"]?.stringValue)
    let json = try #require(try JSONValue(parsing: Data(text.utf8)).objectValue)
    try family.withDirectory { directory in
      let (checkpoint, kernels) = (try Checkpoint(directory: directory), try Kernels.best())
      var refused = 0
      for value in Self.wrong {
        for (_, json) in Self.changed(json, to: value) {
          do {
            let shape = try ModelConfigurationFile.read(.object(json), path: "config.json")
            let parameters = try ModelDirectory.read(shape, checkpoint)
            guard shape.head != nil, shape.maximumTokens > 1 else { continue }
            let encoder = Encoder(PackedWeights(parameters, kernels: kernels), kernels: kernels)
            let row = Array(batch[2].prefix(min(6, shape.maximumTokens)))
            #expect(encoder.logits(try TokenBatch([row])).columns == shape.labels.count)
          } catch let error as ModelError {
            refused += 1
            let message = error.localizedDescription
            #expect(message.contains("config.json") || message.contains("model.safetensors"))
          }
        }
      }
      #expect(refused > 60)
    }
  }
}

extension FamilyCase {
  fileprivate var modelType: String {
    guard let text = json["files"]?["config.json"]?.stringValue,
      let json = try? JSONValue(parsing: Data(text.utf8))
    else { return "" }
    return json["model_type"]?.stringValue ?? ""
  }
}
