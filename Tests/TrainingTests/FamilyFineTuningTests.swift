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
      let job = try ModelTraining(
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

  private func job(_ base: String, lowRank: LowRankOptions? = nil) throws -> ModelTraining {
    try ModelTraining(
      training: TinyModel.rows(48), validation: TinyModel.rows(16), from: base, maximumTokens: 24,
      dropout: 0, lowRank: lowRank)
  }

  private func options(_ learns: TrainingOptions.Learned) -> TrainingOptions {
    var options = TrainingOptions.fineTuning
    (options.epochs, options.batchSize, options.learningRate) = (6, 8, 1e-2)
    (options.warmsHead, options.layerDecay, options.learns) = (false, 1, learns)
    return options
  }

  @Test(
    "A frozen encoder is written with its own bytes, whatever their type, under a head that learned",
    arguments: TinyModel.all)
  func frozen(tiny: TinyModel) throws {
    try tiny.withDirectory { base in
      let job = try job(base)
      let kernels = try Kernels.best()
      let result = try job.run(options: options(.head), kernels: kernels) { _ in }
      let losses = result.history.looks.map(\.trainingLoss)
      #expect((losses.last ?? 9) < (losses.first ?? 0), "\(losses)")
      let target = base + "-head"
      try ModelDirectory.write(result.parameters, to: target, headOver: base)
      try job.writeTokenizer(to: target)
      // The run measured what the files say, and another head over the encoder shares its memory.
      let figures = try Evaluation.report(
        Encoder(PackedWeights(try ModelDirectory.read(target), kernels: kernels), kernels: kernels),
        labels: job.labels, examples: job.tokenised.validation)
      #expect(abs(figures.loss - result.validation.loss) < 1e-5)
      let other = base + "-other"
      try #require(result.parameters[.head, .classifier, .weight])[0, 0] += 1
      try ModelDirectory.write(result.parameters, to: other, headOver: base)
      try job.writeTokenizer(to: other)
      let trunks = SharedTrunks(kernels: kernels)
      let models = try [target, other].map { try TextModel.load(directory: $0, sharing: trunks) }
      #expect(models[0].sharesWeights(with: models[1]))
      #expect(models[1].labels == ["no", "yes"])
      let types = Set(try Checkpoint(directory: base).types)
      #expect(Set(try Checkpoint(directory: target).types) == types.union(["F32"]))
    }
  }

  @Test("Low-rank additions learn over a base that stays as it is", arguments: TinyModel.all)
  func additions(tiny: TinyModel) throws {
    try tiny.withDirectory { base in
      let job = try job(base, lowRank: LowRankOptions(rank: 2))
      let kernels = try Kernels.best()
      let result = try job.run(options: options(.additions), kernels: kernels) { _ in }
      let losses = result.history.looks.map(\.trainingLoss)
      #expect((losses.last ?? 9) < 0.9 * (losses.first ?? 0), "\(losses)")
      let stored = try ModelDirectory.read(base)
      var learned = 0
      for tensor in result.parameters.tensors {
        let values = result.parameters.matrix(tensor).values
        if tensor.key.isLowRank { learned += values.contains { $0 != 0 } ? 1 : 0 }
        guard tensor.key.place != .head, !tensor.key.isLowRank else { continue }
        #expect(values == stored[tensor.key]?.values, "\(tensor.key)")
      }
      #expect(learned == 2 * (result.parameters.shape.adapter?.additions.count ?? 0))
      let target = base + "-adapter"
      try ModelDirectory.writeAdapter(result.parameters, base: base, to: target)
      let model = try TextModel.load(directory: target)
      let encoder = Encoder(PackedWeights(result.parameters, kernels: kernels), kernels: kernels)
      for row in TinyModel.rows(6).rows {
        let encoded = try model.encode(TextInput(row.text))
        let logits = encoder.logits(try TokenBatch([encoded.encoding.ids])).row(0)
        guard case .label(_, let probabilities)? = try model.predict([encoded]).first?.get().value
        else { return #expect(Bool(false), "a classifier says a label") }
        let share = 1 / (1 + exp(Double(logits[1] - logits[0])))
        #expect(abs(Double(probabilities[0]) - share) < 1e-5)
      }
    }
  }

  @Test(
    "A resumed run of additions or of a head alone ends with the bits of an unbroken one, at any number of threads",
    arguments: [TrainingOptions.Learned.additions, .head])
  func resumed(learns: TrainingOptions.Learned) throws {
    let tiny = try #require(TinyModel.all.first)
    try tiny.withDirectory { base in
      let lowRank = learns == .additions ? LowRankOptions(rank: 2, dropout: 0.1) : nil
      let job = try job(base, lowRank: lowRank)
      var options = options(learns)
      let whole = try job.run(options: options, kernels: .best()) { _ in }
      let folder = base + "-checkpoint"
      options.stopAfterEpochs = 3
      let store = try CheckpointStore(directory: folder, resumes: false)
      _ = try job.run(options: options, kernels: .best(threads: 2), checkpoints: store) { _ in }
      // What does not learn has no place in it.
      let bytes = try Data(contentsOf: URL(fileURLWithPath: store.path)).count
      let all = 4 * job.shape.parameterCount
      #expect(bytes < 2 * all)
      options.stopAfterEpochs = nil
      let resumed = try job.run(
        options: options, kernels: .best(),
        checkpoints: CheckpointStore(directory: folder, resumes: true)
      ) { _ in }
      let count = whole.parameters.buffer.count
      #expect(
        whole.parameters.buffer.values(0..<count) == resumed.parameters.buffer.values(0..<count))
      // Over another base the checkpoint means something else.
      let file = URL(fileURLWithPath: base + "/model.safetensors")
      var data = try Data(contentsOf: file)
      let place = try #require(
        SafeTensors(path: file.path).entries["bert.embeddings.word_embeddings.weight"]
      ).bytes
      data[place.lowerBound] ^= 1
      try data.write(to: file)
      #expect(throws: CheckpointError.self) {
        try self.job(base, lowRank: lowRank).run(
          options: options, kernels: .best(),
          checkpoints: CheckpointStore(directory: folder, resumes: true)
        ) { _ in }
      }
    }
  }
}
