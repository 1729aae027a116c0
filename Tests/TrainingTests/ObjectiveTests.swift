import Foundation
import Tensor
import Testing
import Tokenization
import Training
import Transformer

/// Rows whose label follows from their words, by a rule that each test gives.
private func dataset(
  _ name: String, rows count: Int, seed: UInt64 = 5,
  _ row: (inout SeededGenerator) -> (label: String, text: String, pair: String?)
) -> LabeledDataset {
  var generator = SeededGenerator(seed: seed)
  return LabeledDataset(
    path: name,
    rows: (1...count).map {
      let (label, text, pair) = row(&generator)
      return LabeledText(label: label, text: text, pair: pair, line: $0)
    })
}

private func word(_ generator: inout SeededGenerator, _ words: [String]) -> String {
  words[Int(generator.next() % UInt64(words.count))]
}

private let filler = ["one", "two", "three", "four", "five", "six", "seven", "eight"]

private func size() -> ModelSize {
  var size = ModelSize()
  (size.vocabulary, size.width, size.layers, size.heads) = (200, 32, 1, 2)
  (size.feedForward, size.maximumTokens) = (64, 32)
  return size
}

private func options(epochs: Int) -> TrainingOptions {
  var options = TrainingOptions()
  (options.epochs, options.batchSize, options.teacherShare) = (epochs, 16, 0)
  (options.wordDropout, options.subwordDropout, options.learningRate) = (0, 0, 3e-3)
  return options
}

private func train(
  _ task: TrainingTask, _ rows: LabeledDataset, threads: Int = 1, epochs: Int = 12
) throws -> (job: ModelTraining, result: TrainingResult) {
  let (training, validation) = rows.split(share: 0.2, seed: 1)
  let job = try ModelTraining(
    training: training, validation: validation, task: task, size: size())
  let result = try job.run(
    options: options(epochs: epochs), kernels: .best(threads: threads)
  ) { _ in }
  return (job, result)
}

@Suite("Objectives of training")
struct ObjectiveTests {
  /// Each of three marks that occurs in the text is a label.
  private func marks(_ rows: Int) -> LabeledDataset {
    dataset("marks.tsv", rows: rows) { generator in
      var words = (0..<5).map { _ in word(&generator, filler) }
      let names = ["red", "green", "blue"].filter { _ in generator.next() % 2 == 0 }
      let chosen = names.isEmpty ? ["red"] : names
      words += chosen
      return (chosen.joined(separator: "|"), words.joined(separator: " "), nil)
    }
  }

  @Test("Sets of labels are learned, and written as transformers reads them")
  func multiLabel() throws {
    let (job, result) = try train(.multiLabel, marks(400))
    #expect(job.labels == ["blue", "green", "red"])
    #expect(result.validation.score > 0.97)
    let folder = NSTemporaryDirectory() + "multi-label-\(UUID())"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try ModelDirectory.write(result.parameters, to: folder, task: job.objective.modelTask)
    try job.writeTokenizer(to: folder)
    let model = try TextModel.load(directory: folder)
    #expect(model.task == .multiLabelClassification)
    let answer = try model.predict([TextInput("one two green three blue")])[0]
    guard case .labels(let labels, _) = answer.value else { throw CancellationError() }
    #expect(labels.map { model.labels[$0] } == ["blue", "green"])
  }

  @Test("Numbers are learned in the units of the rows")
  func regression() throws {
    let rows = dataset("numbers.tsv", rows: 400) { generator in
      let count = Int(generator.next() % 6)
      var words = (0..<6).map { _ in word(&generator, filler) }
      for place in 0..<count { words[place] = "mark" }
      words.shuffle(using: &generator)
      return ("\(100 + 10 * count).5", words.joined(separator: " "), nil)
    }
    let (job, result) = try train(.regression, rows)
    #expect(result.validation.score > 0.95)
    guard case .regression(let report) = result.validation.report else {
      throw CancellationError()
    }
    // The labels' deviation is 17.
    #expect((report.meanSquaredError ?? .infinity) < 40)
    let folder = NSTemporaryDirectory() + "regression-\(UUID())"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try ModelDirectory.write(result.parameters, to: folder, task: job.objective.modelTask)
    try job.writeTokenizer(to: folder)
    let model = try TextModel.load(directory: folder)
    #expect(model.task == .regression)
    let answer = try model.predict([TextInput("one mark four mark two three")])[0]
    guard case .scores(let scores) = answer.value else { throw CancellationError() }
    #expect(abs(scores[0] - 120.5) < 12)
  }

  @Test("A pair's label may follow from both texts together alone")
  func pairs() throws {
    let rows = dataset("pairs.tsv", rows: 800) { generator in
      let (a, b) = (word(&generator, ["red", "blue"]), word(&generator, ["red", "blue"]))
      return (a == b ? "same" : "other", "one \(a) two", "three \(b)")
    }
    let (job, result) = try train(.classification, rows, epochs: 30)
    #expect(result.validation.score == 1)
    #expect(job.tokenised.training.allSatisfy { $0.typeIDs.contains(1) })
  }

  @Test("The same bits for any number of threads, with several labels")
  func threads() throws {
    let rows = marks(120)
    let one = try train(.multiLabel, rows, threads: 1, epochs: 2).result
    let two = try train(.multiLabel, rows, threads: 2, epochs: 2).result
    #expect(
      one.parameters.buffer.bytes(0..<one.parameters.buffer.count)
        == two.parameters.buffer.bytes(0..<two.parameters.buffer.count))
  }

  @Test(
    "An interrupted run of several labels or of numbers goes on with the same bits",
    arguments: [TrainingTask.multiLabel, .regression])
  func resumption(task: TrainingTask) throws {
    let rows =
      task == .multiLabel
      ? marks(120)
      : dataset("n.tsv", rows: 120) { generator in
        let value = generator.next() % 100
        return ("\(value)", "\(word(&generator, filler)) \(value)", nil)
      }
    let (training, validation) = rows.split(share: 0.2, seed: 1)
    let job = try ModelTraining(
      training: training, validation: validation, task: task, size: size())
    let folder = NSTemporaryDirectory() + "resumption-\(UUID())"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let kernels = try Kernels.best(threads: 1)
    let whole = try job.run(options: options(epochs: 3), kernels: kernels) { _ in }
    var first = options(epochs: 3)
    first.stopAfterEpochs = 1
    _ = try job.run(
      options: first, kernels: kernels,
      checkpoints: CheckpointStore(directory: folder, resumes: false)
    ) { _ in }
    let resumed = try job.run(
      options: options(epochs: 3), kernels: kernels,
      checkpoints: CheckpointStore(directory: folder, resumes: true)
    ) { _ in }
    let count = whole.parameters.buffer.count
    #expect(whole.parameters.buffer.bytes(0..<count) == resumed.parameters.buffer.bytes(0..<count))
  }

  @Test("What the labels look like is found, and classes stay classes")
  func found() {
    func kind(_ labels: [String]) -> TrainingTask? {
      TrainingTask.found(
        in: LabeledDataset(
          path: "x",
          rows: labels.enumerated().map { LabeledText(label: $1, text: "t", line: $0 + 1) }))?.task
    }
    #expect(kind(["ham", "spam"]) == nil)
    #expect(kind(["1", "2", "3", "4", "5"]) == nil)
    #expect(kind((0..<40).map { "\($0)" }) == nil)
    #expect(kind((0..<40).map { "\(Double($0) / 8)" }) == .regression)
    #expect(kind(["a|b", "b|c", "a"]) == .multiLabel)
    #expect(kind(["|", "a"]) == nil)
  }

  @Test("Figures of a ranking are those of the definition, and ties gain nothing")
  func ranking() {
    // Ranked 0, 1, 1 of query 1; a tie in query 2; query 3 has no answer.
    let report = RankingReport([
      (1, 1, 0.5), (1, 0, 0.9), (1, 1, 0.2), (2, 1, 0.3), (2, 0, 0.3), (3, 0, 1),
    ])
    let first = (1 / log2(3.0) + 1 / log2(4.0)) / (1 + 1 / log2(3.0))
    #expect(report.queries == 2 && report.pairs == 6)
    #expect(abs((report.ndcg10 ?? 0) - (first + 1 / log2(3.0)) / 2) < 1e-12)
    #expect(report.mrr10 == 0.5)
    #expect(RankingReport([(1, 1, 0)]).ndcg10 == nil)
  }

  @Test("Texts that answer a query are learned to stand first, and a sigmoid is written")
  func rerank() throws {
    let rows = dataset("answers.tsv", rows: 800) { generator in
      let (a, b) = (word(&generator, ["red", "blue"]), word(&generator, ["red", "blue"]))
      return (a == b ? "1" : "0", "one \(a) \(word(&generator, filler))", "three \(b)")
    }
    let (job, result) = try train(.rerank, rows, epochs: 30)
    #expect(result.validation.score > 0.99)
    let folder = NSTemporaryDirectory() + "rerank-\(UUID())"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try ModelDirectory.write(
      result.parameters, to: folder, task: job.objective.modelTask,
      scoreActivation: job.objective.scoreActivation)
    try job.writeTokenizer(to: folder)
    let model = try TextModel.load(directory: folder)
    let answers = try model.predict([
      TextInput("one red two", pair: "three red"), TextInput("one red two", pair: "three blue"),
    ])
    guard case .scores(let good) = answers[0].value, case .scores(let bad) = answers[1].value else {
      throw CancellationError()
    }
    #expect(good[0] > 0.9 && good[0] <= 1 && bad[0] < 0.1 && bad[0] >= 0)
  }

  @Test("A label that is no number is refused by line, and so are numbers of another count")
  func notNumbers() throws {
    func error(_ labels: [String]) -> TrainingError? {
      let rows = labels.enumerated().map { LabeledText(label: $1, text: "t", line: $0 + 1) }
      do {
        _ = try TrainingTask.regression.objective(LabeledDataset(path: "x.tsv", rows: rows))
        return nil
      } catch { return error as? TrainingError }
    }
    #expect(
      error(["1", "two"])
        == .notANumber(path: "x.tsv", line: 2, label: "two", count: 1, separator: "|"))
    #expect(
      error(["1|2", "3"])
        == .notANumber(path: "x.tsv", line: 2, label: "3", count: 2, separator: "|"))
    #expect(error(["1", "nan"]) != nil)
    #expect(error(["1", "1"]) == .oneClass(path: "x.tsv", label: "1"))
    #expect(error(["1", "2"]) == nil)
    let pair = LabeledText(label: "1.5", text: "a", pair: "b", line: 3)
    #expect(throws: TrainingError.notRelevance(path: "x", line: 3, label: "1.5")) {
      try TrainingTask.rerank.objective(LabeledDataset(path: "x", rows: [pair]))
    }
    #expect(throws: TrainingError.noPair(path: "x", line: 1)) {
      try TrainingTask.rerank.objective(
        LabeledDataset(path: "x", rows: [LabeledText(label: "1", text: "a", line: 1)]))
    }
  }
}
