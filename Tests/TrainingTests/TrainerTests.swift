import Files
import Foundation
import Tensor
import Testing
import Training
import Transformer

/// Rows whose label is the word they begin with: learnable in a few steps.
private func rows(_ count: Int, seed: UInt64) -> [TrainingExample] {
  var generator = SeededGenerator(seed: seed)
  return (0..<count).map { _ in
    let label = Int(generator.next() % 2)
    let noise = (0..<Int(generator.next() % 6)).map { _ in Int32(10 + generator.next() % 20) }
    return TrainingExample(ids: [2, Int32(5 + label)] + noise + [3], label: label)
  }
}

private func train(
  _ options: TrainingOptions, threads: Int, checkpoints: CheckpointStore? = nil
) throws -> TrainingResult {
  let parameters = ModelParameters(
    ModelShape(
      vocabularySize: 30, hiddenSize: 32, layerCount: 2, headCount: 2, feedForwardSize: 64,
      maximumTokens: 16, labels: ["a", "b"]))
  parameters.initialize(seed: options.seed)
  let trainer = try Trainer(
    parameters: parameters, options: options, kernels: Kernels.best(threads: threads), maskID: 1,
    maskable: { $0 > 3 })
  trainer.checkpoints = checkpoints
  return try trainer.train(rows(200, seed: 1), validation: rows(50, seed: 2)) { _ in }
}

@Suite("Trainer")
struct TrainerTests {
  @Test("It learns a task that a sentence's first word decides")
  func learns() throws {
    var options = TrainingOptions()
    (options.epochs, options.wordDropout) = (8, 0)
    let result = try train(options, threads: 1)
    #expect(result.validation.score > 0.97)
  }

  @Test("The same seed gives the same bits at one and at two threads; another seed does not")
  func deterministic() throws {
    var options = TrainingOptions()
    options.epochs = 2
    let one = try train(options, threads: 1).parameters.buffer
    let two = try train(options, threads: 2).parameters.buffer
    #expect(one.values(0..<one.count) == two.values(0..<two.count))
    options.seed = 2
    let other = try train(options, threads: 1).parameters.buffer
    #expect(one.values(0..<one.count) != other.values(0..<other.count))
  }

  @Test("Two passes over each row learn as well, to the same bits at one and at two threads")
  func consistency() throws {
    var options = TrainingOptions()
    (options.epochs, options.wordDropout, options.consistency) = (8, 0, 1)
    let one = try train(options, threads: 1)
    #expect(one.validation.score > 0.97)
    let two = try train(options, threads: 2).parameters.buffer
    #expect(
      one.parameters.buffer.values(0..<two.count) == two.values(0..<two.count))
    options.consistency = 0
    let other = try train(options, threads: 1).parameters.buffer
    #expect(other.values(0..<other.count) != two.values(0..<two.count))
  }

  @Test("Rates that make no sense are refused by name", arguments: [0, -1, .nan, 1e9, .infinity])
  func badRates(rate: Double) throws {
    var options = TrainingOptions()
    options.learningRate = rate
    let error = #expect(throws: TrainingError.self) { try options.validate() }
    #expect(error?.localizedDescription.contains("--learning-rate") == true)
  }

  @Test("A rate that ruins an unwatched run ends a watched one within 2 points of the usual")
  func highRate() throws {
    var options = TrainingOptions()
    (options.epochs, options.wordDropout) = (10, 0)
    let usual = try train(options, threads: 1).validation.score
    func ruins(_ rate: Double) -> Bool {
      options.learningRate = rate
      options.watchesLoss = false
      // No number at all is ruin as well.
      let accuracy = (try? train(options, threads: 1).validation.score) ?? 0
      return accuracy < usual - 0.02
    }
    let rate = try #require([0.03, 0.1, 0.3, 1, 3].first(where: ruins))
    options.learningRate = rate
    options.watchesLoss = true
    let watched = try train(options, threads: 1)
    #expect(watched.validation.score > usual - 0.02, "at \(rate)")
    #expect(!watched.history.events.isEmpty)
  }

  @Test("A batch is at most all rows, and is refused above them where it was asked for")
  func largeBatch() throws {
    var options = TrainingOptions()
    (options.batchSize, options.epochs) = (201, 1)
    #expect(try train(options, threads: 1).steps == 1)
    func adapt(chosen: Bool) throws {
      try options.adapt(
        width: 32, rows: 26, isFineTuning: false, choosesRate: true, choosesEpochs: true,
        choosesBatch: !chosen)
    }
    #expect(throws: TrainingError.self) { try adapt(chosen: true) }
    try adapt(chosen: false)
    #expect(options.batchSize == 26)
  }

  @Test("A warm-up longer than the run is refused")
  func outgrown() throws {
    var options = TrainingOptions()
    (options.epochs, options.warmup) = (1, .steps(7))
    #expect(throws: TrainingError.self) { try train(options, threads: 1) }
  }

  @Test("A run that was broken off and resumed has the bits of an unbroken one")
  func resuming() throws {
    let folder = NSTemporaryDirectory() + "martlet-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    for kind in [OptimizerOptions.Kind.adamw, .adafactor] {
      var options = TrainingOptions()
      (options.epochs, options.averageDecay, options.optimizer.kind) = (4, 0.9, kind)
      let whole = try train(options, threads: 1).parameters.buffer
      options.stopAfterEpochs = 2
      let part = try train(
        options, threads: 2, checkpoints: CheckpointStore(directory: folder, resumes: false))
      #expect(part.epochs == 2)
      options.stopAfterEpochs = nil
      let rest = try train(
        options, threads: 1, checkpoints: CheckpointStore(directory: folder, resumes: true)
      )
      #expect(rest.epochs == 4)
      let buffer = rest.parameters.buffer
      #expect(whole.values(0..<whole.count) == buffer.values(0..<buffer.count))
    }
  }

  @Test(
    "A checkpoint of other options, or one that was cut, is refused; a folder that cannot be written is named"
  )
  func badCheckpoints() throws {
    let folder = NSTemporaryDirectory() + "martlet-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    var options = TrainingOptions()
    (options.epochs, options.stopAfterEpochs) = (3, 1)
    let store = try CheckpointStore(directory: folder, resumes: false)
    _ = try train(options, threads: 1, checkpoints: store)
    options.weightDecay = 0.5
    #expect(throws: CheckpointError.otherRun(path: store.path)) {
      try train(
        options, threads: 1, checkpoints: CheckpointStore(directory: folder, resumes: true))
    }
    let data = try Data(contentsOf: URL(fileURLWithPath: store.path))
    try data.dropLast(100).write(to: URL(fileURLWithPath: store.path))
    #expect(throws: CheckpointError.self) {
      try train(
        options, threads: 1, checkpoints: CheckpointStore(directory: folder, resumes: true))
    }
    let error = #expect(throws: FileError.self) {
      try CheckpointStore(directory: "/proc/nowhere", resumes: false)
    }
    #expect(error?.localizedDescription.contains("/proc/nowhere") == true)
  }

  @Test("Frozen tensors keep their bits, the others learn")
  func freezing() throws {
    func changed(_ set: (inout TrainingOptions) -> Void) throws -> Set<ParameterKey> {
      var options = TrainingOptions()
      (options.epochs, options.patience) = (2, 0)
      set(&options)
      let result = try train(options, threads: 1)
      let start = ModelParameters(result.parameters.shape)
      start.initialize(seed: options.seed)
      return Set(
        start.tensors.filter {
          start.buffer.values($0.range) != result.parameters.buffer.values($0.range)
        }.map(\.key))
    }
    let all = try changed { _ in }
    let places = Set(all.map(\.place))
    #expect(places == [.embeddings, .block(0), .block(1), .head])
    #expect(
      try changed { $0.freezesEmbeddings = true } == all.filter { $0.place != .embeddings })
    let top = all.filter { $0.place == .block(1) || $0.place == .head }
    #expect(try changed { $0.frozenLayers = 1 } == top)
    #expect(
      try changed {
        $0.headEpochs = 1; $0.stopAfterEpochs = 1
      } == all.filter { $0.place == .head })
    #expect(try changed { $0.unfreezeEpochs = 5 } == top)
  }

  @Test("Lower layers learn at a lower rate under layer-wise decay")
  func layerDecay() throws {
    func change(_ decay: Double, _ key: ParameterKey) throws -> Double {
      var options = TrainingOptions()
      (options.epochs, options.layerDecay, options.weightDecay) = (1, decay, 0)
      let result = try train(options, threads: 1).parameters
      let start = ModelParameters(result.shape)
      start.initialize(seed: options.seed)
      return zip(try #require(start[key]).values, try #require(result[key]).values)
        .reduce(0) { $0 + Double(abs($1.0 - $1.1)) }
    }
    let low = ParameterKey(.block(0), .attentionOutput, .weight)
    #expect(try change(0.1, low) < 0.05 * change(1, low))
    let head = ParameterKey(.head, .classifier, .weight)
    #expect(try change(0.1, head) > 0.5 * change(1, head))
  }

  @Test("Parts that are accumulated make the gradient of the whole batch")
  func accumulation() throws {
    let shape = ModelShape(
      vocabularySize: 30, hiddenSize: 16, layerCount: 1, headCount: 2, feedForwardSize: 32,
      maximumTokens: 16, labels: ["a", "b"], dropout: DropoutShape(0))
    let parameters = ModelParameters(shape)
    parameters.initialize(seed: 3)
    let kernels = try Kernels.best()
    let examples = rows(9, seed: 4)
    func gradient(_ parts: [Range<Int>]) throws -> [Float] {
      let gradients = ModelParameters(shape)
      let tape = EncoderTape(parameters: parameters, gradients: gradients, kernels: kernels)
      for part in parts {
        let batch = examples[part]
        let logits = tape.forward(try TokenBatch(batch.map(\.ids)), dropoutSeed: nil)
        _ = CrossEntropy.loss(
          logits: logits, labels: batch.map(\.label), scale: Double(part.count) / 9,
          gradient: logits)
        tape.backward(logits)
      }
      return gradients.buffer.values(0..<gradients.buffer.count)
    }
    for (a, b) in zip(try gradient([0..<9]), try gradient([0..<4, 4..<8, 8..<9])) {
      #expect(abs(a - b) < 1e-5)
    }
  }

  @Test("Balanced weights are scikit-learn's, and every optimiser learns the task")
  func optimisers() throws {
    #expect(ClassWeighting.balanced([0, 0, 0, 1], classes: 3) == [4 / 6.0, 2, 1])
    for kind in OptimizerOptions.Kind.allCases {
      var options = TrainingOptions()
      (options.epochs, options.wordDropout, options.optimizer.kind) = (12, 0, kind)
      (options.accumulation, options.classWeighting, options.averageDecay) = (2, .balanced, 0.5)
      options.batchSize = 16
      options.learningRate = options.defaultRate(width: 32, isFineTuning: false)
      let accuracy = try train(options, threads: 1).validation.score
      #expect(accuracy > 0.9, "\(kind): \(accuracy)")
    }
  }
}

@Suite("Labelled data")
struct LabeledDatasetTests {
  private func read(_ text: String) throws -> LabeledDataset {
    try LabeledDataset(path: "d.tsv", bytes: Array(text.utf8))
  }

  @Test("Rows, carriage returns and empty lines")
  func reading() throws {
    let data = try read("ham\thello\r\n\nspam\tbuy\tnow\n")
    #expect(data.rows.map(\.label) == ["ham", "spam"] && data.rows.map(\.line) == [1, 3])
    #expect(data.rows[1].text == "buy\tnow" && data.rows[0].text == "hello")
    #expect(try data.trainingLabels() == ["ham", "spam"])
  }

  @Test("Texts that stand there with several labels are found")
  func conflicts() throws {
    let data = try read("a\tx\nb\ty\nb\tx\na\tx\nb\ty\n")
    #expect(data.conflicts.map(\.text) == ["x"])
    #expect(data.conflicts.map(\.lines) == [[1, 3, 4]] && data.conflicts[0].labels == ["a", "b"])
  }

  @Test(
    "What is held out is a share of each label, the same for a seed, and leaves every label a row")
  func holdingOut() throws {
    let text = (0..<100).map { "\($0 % 10 == 0 ? "rare" : "common")\t\($0)\n" }.joined()
    let data = try read(text + "once\tx\n")
    let (training, held) = data.split(share: 0.2, seed: 7)
    #expect(training.rows.count + held.rows.count == 101)
    #expect(held.rows.count { $0.label == "rare" } == 2 && held.rows.count == 20)
    #expect(!held.rows.contains { $0.label == "once" })
    #expect(data.split(share: 0.2, seed: 7).1.rows == held.rows)
    #expect(data.split(share: 0.2, seed: 8).1.rows != held.rows)
  }

  @Test("Each fault names file and line")
  func faults() throws {
    #expect(throws: TrainingError.missingColumn(path: "d.tsv", line: 2)) {
      try read("a\tx\nno tab here\n")
    }
    #expect(throws: TrainingError.noRows(path: "d.tsv")) { try read("\n\n") }
    #expect(throws: TrainingError.emptyLabel(path: "d.tsv", line: 1)) { try read("\tx") }
    #expect(throws: TrainingError.oneClass(path: "d.tsv", label: "a")) {
      try read("a\tx\na\ty").trainingLabels()
    }
    #expect(throws: TrainingError.notUTF8(path: "d.tsv", line: 1)) {
      try LabeledDataset(path: "d.tsv", bytes: [0x61, 0x09, 0xFF])
    }
    let error = #expect(throws: TrainingError.self) {
      try read("a\tx\nc\ty").labelIndices(in: ["a", "b"])
    }
    #expect(error?.localizedDescription.hasPrefix("d.tsv:2: label \"c\"") == true)
    #expect(throws: TrainingError.unreadable(path: "/nowhere.tsv", reason: "no such file")) {
      try LabeledDataset(path: "/nowhere.tsv")
    }
  }
}

@Suite("Classification report")
struct ClassificationReportTests {
  /// Expected values are scikit-learn's `classification_report` of the same rows.
  @Test func figures() {
    let report = ClassificationReport(
      labels: ["a", "b", "c"], truths: [0, 0, 1, 1, 2, 2, 2], predictions: [0, 1, 1, 1, 2, 0, 2],
      loss: 0)
    #expect(abs(report.accuracy - 5.0 / 7) < 1e-12)
    #expect(report.precision(0) == 0.5 && report.recall(0) == 0.5)
    #expect(abs((report.f1(1) ?? 0) - 0.8) < 1e-12 && abs((report.f1(2) ?? 0) - 0.8) < 1e-12)
    #expect(abs(report.macroF1 - (0.5 + 0.8 + 0.8) / 3) < 1e-12)
    #expect(report.confusion == [[1, 1, 0], [0, 2, 0], [1, 0, 2]])
    #expect(report.mistakes(limit: 5).map(\.count) == [1, 1])
    #expect(report.mistakes(limit: 5)[0].truth == 0 && report.mistakes(limit: 5)[0].predicted == 1)
  }

  @Test("Ten thousand classes take no table of their square")
  func manyClasses() {
    let labels = (0..<10_000).map(String.init)
    let report = ClassificationReport(
      labels: labels, truths: Array(0..<10_000), predictions: (0..<10_000).map { $0 / 2 * 2 },
      loss: 1)
    #expect(report.accuracy == 0.5 && report.count == 10_000)
    #expect(report.mistakes(limit: 3).count == 3)
  }
}
