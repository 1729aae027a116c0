import Foundation
import Tensor
import Testing
import Tokenization
import Training
import Transformer

private func dataset(_ labels: [String], count: Int = 40) -> LabeledDataset {
  let words = ["alpha", "beta", "gamma", "delta"]
  return LabeledDataset(
    path: "d.tsv",
    rows: (0..<count).map { index in
      LabeledText(
        label: labels[index % labels.count],
        text: "\(words[index % labels.count]) and \(words[index / 2 % 4])", line: index + 1)
    })
}

/// A small model of the family `modelType` in a folder of its own.
private func model(
  _ modelType: String, labels: [String]
) throws -> String {
  let folder = NSTemporaryDirectory() + "martlet-base-\(UUID().uuidString)"
  let tokenizer = try Tokenizer.learn(corpus: dataset(["a"]).rows.map(\.text))
  let isRoBERTa = modelType != "distilbert" && modelType != "bert"
  let shape = ModelShape(
    modelType: modelType, vocabularySize: tokenizer.vocabularySize, hiddenSize: 16, layerCount: 2,
    headCount: 2, feedForwardSize: 32, maximumTokens: 24, labels: labels,
    placement: modelType == "roberta-prelayernorm" ? .pre : .post, positionalEncoding: .learned,
    positionOffset: isRoBERTa ? 2 : 0, tokenTypeCount: modelType == "distilbert" ? 0 : 1,
    paddingID: isRoBERTa ? 1 : 0)
  let parameters = ModelParameters(shape)
  parameters.initialize(seed: 9)
  try ModelDirectory.write(parameters, to: folder)
  try tokenizer.write(to: folder)
  return folder
}

@Suite("Going on from another model")
struct FineTuningTests {
  @Test(
    "Every family learns a new head, keeps its encoder's bits at the start, and loads again",
    arguments: [
      "bert", "distilbert", "roberta", "xlm-roberta", "camembert", "data2vec-text",
      "roberta-prelayernorm",
    ])
  func families(modelType: String) throws {
    let base = try model(modelType, labels: ["x", "y", "z"])
    let target = base + "-tuned"
    defer {
      try? FileManager.default.removeItem(atPath: base)
      try? FileManager.default.removeItem(atPath: target)
    }
    let job = try ModelTraining(
      training: dataset(["a", "b"]), validation: dataset(["a", "b"], count: 10), from: base,
      maximumTokens: 256, dropout: nil)
    let stored = try ModelDirectory.read(base)
    let start = job.startingParameters(seed: 1)
    for tensor in start.tensors where tensor.key.place != .head {
      let old = try #require(stored[tensor.key])
      #expect(start.matrix(tensor).values == old.values, "\(tensor.key)")
    }
    #expect(start[.head, .classifier, .weight]?.rows == 2)
    // BERT's pooler belongs to its encoder; the others' first layer is new.
    let kept = start[.head, .pool, .weight]?.values == stored[.head, .pool, .weight]?.values
    #expect(kept == (modelType == "bert"))
    var options = TrainingOptions.fineTuning
    (options.epochs, options.learningRate, options.batchSize) = (12, 3e-3, 8)
    let result = try job.run(options: options, kernels: Kernels.best()) { _ in }
    #expect(result.validation.score == 1)
    try ModelDirectory.write(result.parameters, to: target)
    try job.writeTokenizer(to: target)
    let loaded = try TextClassifier.load(directory: target)
    #expect(loaded.labels == ["a", "b"])
    let answers = try loaded.classify(["alpha and beta", "beta and beta"])
    #expect(answers.map(\.labelIndex) == [0, 1])
  }

  @Test("A head with the same labels stays, unless a new one is asked for")
  func sameLabels() throws {
    let base = try model("bert", labels: ["a", "b"])
    defer { try? FileManager.default.removeItem(atPath: base) }
    func start(fresh: Bool) throws -> [Float] {
      try ModelTraining(
        training: dataset(["a", "b"]), validation: dataset(["a", "b"]), from: base,
        maximumTokens: 16, dropout: nil, freshHead: fresh
      ).startingParameters(seed: 1)[.head, .classifier, .weight]?.values ?? []
    }
    let stored = try ModelDirectory.read(base)[.head, .classifier, .weight]?.values
    #expect(try start(fresh: false) == stored)
    #expect(try start(fresh: true) != stored)
  }

  @Test(
    "A new head is first fitted to the encoder as it is, with the same bits at any number of threads"
  )
  func warmHead() throws {
    let base = try model("bert", labels: [])
    defer { try? FileManager.default.removeItem(atPath: base) }
    let job = try ModelTraining(
      training: dataset(["a", "b"]), validation: dataset(["a", "b"], count: 10), from: base,
      maximumTokens: 16, dropout: nil)
    /// The best of one epoch at a rate so low that what was fitted before is all there is.
    func run(_ warms: Bool, threads: Int = 1) throws -> TrainingResult {
      var options = TrainingOptions.fineTuning
      (options.epochs, options.learningRate, options.batchSize) = (1, 1e-9, 8)
      options.warmsHead = warms
      return try job.run(options: options, kernels: Kernels.best(threads: threads)) { _ in }
    }
    let warm = try run(true)
    #expect(warm.validation.score == 1)
    #expect(try run(false).validation.loss > 0.6)
    let two = try run(true, threads: 2)
    #expect(
      warm.parameters[.head, .classifier, .weight]?.values
        == two.parameters[.head, .classifier, .weight]?.values)
    #expect(
      warm.parameters[.head, .classifier, .bias]?.values
        == two.parameters[.head, .classifier, .bias]?.values)
  }

  @Test(
    "The pooler of a sentence-transformers model, which that never used, gives way to the identity")
  func unusedPooler() throws {
    let base = try model("bert", labels: [])
    defer { try? FileManager.default.removeItem(atPath: base) }
    let modules = """
      [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
       {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}]
      """
    try FileManager.default.createDirectory(
      atPath: base + "/1_Pooling", withIntermediateDirectories: true)
    try #"{"word_embedding_dimension": 16, "pooling_mode_mean_tokens": true}"#
      .write(toFile: base + "/1_Pooling/config.json", atomically: true, encoding: .utf8)
    try modules.write(toFile: base + "/modules.json", atomically: true, encoding: .utf8)
    let job = try ModelTraining(
      training: dataset(["a", "b"]), validation: dataset(["a", "b"]), from: base,
      maximumTokens: 16, dropout: nil)
    let weight = try #require(job.startingParameters(seed: 1)[.head, .pool, .weight])
    #expect(
      (0..<16).allSatisfy { row in (0..<16).allSatisfy { weight[row, $0] == (row == $0 ? 1 : 0) } })
  }

  @Test("Small sets get more epochs than large ones")
  func epochs() {
    let counts = [1, 3_000, 9_000, 15_000, 67_000, 10_000_000]
      .map(TrainingOptions.fineTuningEpochs)
    #expect(counts == [10, 10, 4, 3, 2, 2])
    let fromNothing = [1, 3_000, 9_000, 16_000, 67_000, 10_000_000].map(TrainingOptions.epochs)
    #expect(fromNothing == [20, 20, 20, 11, 6, 6])
  }

  @Test("A wider encoder gets a lower rate, and what was asked for stays")
  func rates() throws {
    var options = TrainingOptions.fineTuning
    let rates = [128, 384, 768, 1024].map { options.defaultRate(width: $0, isFineTuning: true) }
    for (rate, wanted) in zip(rates, [3e-4, 2e-4, 5e-5, 2.8125e-5]) {
      #expect(abs(rate - wanted) < 1e-12)
    }
    (options.learningRate, options.epochs) = (7e-5, 5)
    try options.adapt(
      width: 768, rows: 9000, isFineTuning: true, choosesRate: false, choosesEpochs: false,
      choosesBatch: false)
    #expect(options.learningRate == 7e-5 && options.epochs == 5)
    try options.adapt(
      width: 768, rows: 9000, isFineTuning: true, choosesRate: true, choosesEpochs: true,
      choosesBatch: true)
    #expect(abs(options.learningRate - 5e-5) < 1e-12 && options.epochs == 4)
  }

  @Test("Masked-word training lowers its loss, leaves the head alone and is the same for a seed")
  func pretraining() throws {
    let job = try ModelTraining(
      training: dataset(["a", "b"], count: 64), validation: dataset(["a", "b"], count: 10),
      size: {
        var size = ModelSize()
        (size.width, size.layers, size.heads, size.feedForward) = (32, 1, 2, 64)
        return size
      }())
    let special = job.tokenizer.specialTokens
    func run() throws -> (ModelParameters, [Double]) {
      let parameters = job.startingParameters(seed: 1)
      var losses: [Double] = []
      try Pretraining(epochs: 12, seed: 1).run(
        parameters, examples: job.tokenised.training, maskID: special.mask ?? 0,
        special: Set([special.classification, special.separator].compactMap { $0 }),
        kernels: try Kernels.best()
      ) { losses.append($1) }
      return (parameters, losses)
    }
    let (one, losses) = try run()
    #expect(losses.count == 12)
    #expect((losses.last ?? 9) < 0.85 * (losses.first ?? 0), "\(losses)")
    let start = job.startingParameters(seed: 1)
    #expect(one[.head, .pool, .weight]?.values == start[.head, .pool, .weight]?.values)
    #expect(one.words.values != start.words.values)
    let (two, _) = try run()
    #expect(one.buffer.values(0..<one.buffer.count) == two.buffer.values(0..<two.buffer.count))
  }
}
