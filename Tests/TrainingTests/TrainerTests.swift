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

private func train(_ options: TrainingOptions, threads: Int) throws -> TrainingResult {
  var configuration = EncoderConfiguration(
    vocabularySize: 30, hiddenSize: 32, layerCount: 2, headCount: 2, feedForwardSize: 64,
    maximumTokens: 16, labels: ["a", "b"])
  configuration.dropout = 0.1
  let parameters = EncoderParameters(configuration)
  parameters.initialize(seed: options.seed)
  let trainer = try Trainer(
    parameters: parameters, options: options, kernels: Kernels.best(threads: threads), maskID: 1,
    maskable: { $0 > 3 })
  return try trainer.train(rows(200, seed: 1), validation: rows(50, seed: 2)) { _ in }
}

@Suite("Trainer")
struct TrainerTests {
  @Test("It learns a task that a sentence's first word decides")
  func learns() throws {
    var options = TrainingOptions()
    (options.epochs, options.wordDropout) = (8, 0)
    let result = try train(options, threads: 1)
    #expect(result.validation.accuracy > 0.97)
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

  @Test("A rate that makes the loss no number is an error with a mend, or the options refuse it")
  func badRates() throws {
    for rate in [0, -1, .nan, 1e9] {
      var options = TrainingOptions()
      options.learningRate = rate
      #expect(throws: TrainingError.self) { try options.validate() }
    }
  }
}

@Suite("Learning-rate schedules equal transformers'")
struct LearningRateScheduleTests {
  @Test func warmupAndDecays() {
    func rates(_ decay: LearningRateSchedule.Decay, _ steps: [Int]) -> [Double] {
      let schedule = LearningRateSchedule(
        peak: 2, warmupSteps: 10, totalSteps: 110, decay: decay)
      return steps.map { schedule.rate(at: $0) }
    }
    func close(_ a: [Double], _ b: [Double]) -> Bool {
      zip(a, b).allSatisfy { abs($0 - $1) < 1e-12 }
    }
    let steps = [0, 5, 10, 60, 110, 200]
    #expect(close(rates(.linear, steps), [0, 1, 2, 1, 0, 0]))
    #expect(close(rates(.cosine, steps), [0, 1, 2, 1, 0, 0]))
    #expect(close(rates(.constant, steps), [0, 1, 2, 2, 2, 2]))
    #expect(close(rates(.polynomial(power: 2), steps), [0, 1, 2, 0.5, 0, 0]))
    #expect(close(rates(.exponential(final: 0.01), steps), [0, 1, 2, 0.2, 0.02, 0.02]))
    #expect(close(rates(.inverseSquareRoot, [0, 5, 10, 40, 90]), [0, 1, 2, 1, 2.0 / 3]))
  }
}

@Suite("Labelled data")
struct LabeledDatasetTests {
  private func read(_ text: String) throws -> LabeledDataset {
    try LabeledDataset(path: "d.tsv", bytes: Data(text.utf8))
  }

  @Test("Rows, carriage returns and empty lines")
  func reading() throws {
    let data = try read("ham\thello\r\n\nspam\tbuy\tnow\n")
    #expect(data.rows.map(\.label) == ["ham", "spam"] && data.rows.map(\.line) == [1, 3])
    #expect(data.rows[1].text == "buy\tnow" && data.rows[0].text == "hello")
    #expect(try data.trainingLabels() == ["ham", "spam"])
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
      try LabeledDataset(path: "d.tsv", bytes: Data([0x61, 0x09, 0xFF]))
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
    #expect(abs(report.f1(1) - 0.8) < 1e-12 && abs(report.f1(2) - 0.8) < 1e-12)
    #expect(abs(report.macroF1 - (0.5 + 0.8 + 0.8) / 3) < 1e-12)
    #expect(report.confusion == [[1, 1, 0], [0, 2, 0], [1, 0, 2]])
  }
}
