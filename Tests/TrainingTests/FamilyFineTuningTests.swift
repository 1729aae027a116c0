import Foundation
import JSON
import Tensor
import Testing
import Tokenization
import Training
import Transformer

/// A tiny model of one family, made by the scripts of Tests/Reference for TransformerTests.
struct TinyModel: Sendable, CustomTestStringConvertible {
  let json: JSONValue
  var testDescription: String { json["name"]?.stringValue ?? "" }

  private static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("../TransformerTests/Fixtures/families")

  /// Every family with every set of keys that changes its mathematics.
  static let all: [TinyModel] = ["families.json", "encoders.json", "own.json"].flatMap { name in
    guard let data = try? Data(contentsOf: fixtures.appendingPathComponent(name)),
      let cases = (try? JSONValue(parsing: data))?.arrayValue
    else { return [TinyModel]() }
    return cases.map(TinyModel.init).filter {
      $0.testDescription.hasSuffix(" text-classification")
    }
  }

  /// Lays the model out as a directory, with a tokenizer of 48 tokens, and removes it and what begins with its name.
  func withDirectory(_ body: (String) throws -> Void) throws {
    let folder = NSTemporaryDirectory() + "martlet-tiny-\(UUID().uuidString)"
    let manager = FileManager.default
    defer { try? manager.removeItem(atPath: folder) }
    let directory = folder + "/base"
    try manager.createDirectory(atPath: directory, withIntermediateDirectories: true)
    for (name, source) in try #require(json["weights"]?.objectValue) {
      try manager.copyItem(
        atPath: Self.fixtures.appendingPathComponent(try #require(source.stringValue)).path,
        toPath: directory + "/" + name)
    }
    for (name, text) in try #require(json["files"]?.objectValue) {
      try #require(text.stringValue).write(
        toFile: directory + "/" + name, atomically: true, encoding: .utf8)
    }
    let words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + (5..<48).map { "w\($0)" }
    try (words.joined(separator: "\n") + "\n").write(
      toFile: directory + "/vocab.txt", atomically: true, encoding: .utf8)
    try body(directory)
  }

  /// Rows whose label one word tells.
  static func rows(_ count: Int) -> LabeledDataset {
    LabeledDataset(
      path: "tiny.tsv",
      rows: (0..<count).map { index in
        LabeledText(
          label: ["no", "yes"][index % 2],
          text: "w\(5 + index % 2) w\(20 + index % 19) w\(30 + index % 11)", line: index + 1)
      })
  }
}

@Suite("Fine-tuning from every family")
struct FamilyFineTuningTests {
  @Test(
    "The loss falls, and what is written is read again with the same answers",
    arguments: TinyModel.all)
  func learns(tiny: TinyModel) throws {
    try tiny.withDirectory { base in
      let job = try ClassifierTraining(
        training: TinyModel.rows(48), validation: TinyModel.rows(16), from: base,
        maximumTokens: 24, dropout: 0)
      var options = TrainingOptions.fineTuning
      (options.epochs, options.batchSize, options.learningRate) = (6, 8, 5e-3)
      // What falls is to be the encoder's work too.
      (options.warmsHead, options.layerDecay) = (false, 1)
      let kernels = try Kernels.best()
      let result = try job.run(options: options, kernels: kernels) { _ in }
      let losses = result.history.looks.map(\.trainingLoss)
      #expect(losses.count == 6)
      #expect((losses.last ?? 9) < 0.9 * (losses.first ?? 0), "\(losses)")
      let start = job.startingParameters(seed: options.seed)
      let key = ParameterKey(.block(0), .attentionInput, .weight)
      #expect(start[key]?.values != result.parameters[key]?.values)
      let target = base + "-written"
      try ModelDirectory.write(result.parameters, to: target)
      try job.writeTokenizer(to: target)
      let model = try TextModel.load(directory: target)
      #expect(model.labels == ["no", "yes"])
      let encoder = Encoder(PackedWeights(result.parameters, kernels: kernels), kernels: kernels)
      for row in TinyModel.rows(6).rows {
        let encoded = try model.encode(TextInput(row.text))
        let logits = encoder.logits(try TokenBatch([encoded.encoding.ids])).row(0)
        guard case .label(_, let probabilities)? = try model.predict([encoded]).first?.get().value
        else { return #expect(Bool(false), "a classifier says a label") }
        let share = 1 / (1 + exp(Double(logits[1] - logits[0])))
        #expect(abs(Double(probabilities[0]) - share) < 1e-6)
      }
    }
  }
}
