import Foundation
import Tensor
import Testing
import Training
import Transformer

/// Trains weights that `spoil` has changed; the last of 12 tokens stands in validation rows alone.
private func train(
  watches: Bool, rate: Double = 1e-3, epochs: Int = 3, spoil: (ModelParameters) -> Void
) throws -> TrainingResult {
  let parameters = ModelParameters(
    ModelShape(
      vocabularySize: 12, hiddenSize: 8, layerCount: 1, headCount: 1, feedForwardSize: 8,
      maximumTokens: 8, labels: ["a", "b"]))
  parameters.initialize(seed: 1)
  spoil(parameters)
  var options = TrainingOptions()
  (options.epochs, options.batchSize, options.watchesLoss) = (epochs, 4, watches)
  (options.learningRate, options.wordDropout) = (rate, 0)
  let trainer = try Trainer(
    parameters: parameters, options: options, kernels: Kernels.best(threads: 1), maskID: 1,
    maskable: { $0 > 3 })
  func rows(_ last: Int32) -> [TrainingExample] {
    (0..<8).map { TrainingExample(ids: [2, Int32(5 + $0 % 2), last, 3], label: $0 % 2) }
  }
  return try trainer.train(rows(7), validation: rows(11)) { _ in }
}

private func fill(_ parameters: ModelParameters, _ value: Float, token: Int? = nil) {
  let words = parameters.words
  for row in token.map({ $0..<$0 + 1 }) ?? 0..<words.rows {
    for column in 0..<words.columns { words[row, column] = value }
  }
}

@Suite("Runs without a finite loss")
struct FiniteLossTests {
  @Test("Weights that give no number end the run with an error", arguments: [true, false])
  func badStart(watches: Bool) {
    for value in [Float.nan, .infinity] {
      #expect(throws: TrainingError.noFiniteLoss) {
        try train(watches: watches) { fill($0, value) }
      }
    }
  }

  @Test(
    "A run whose validation rows never have a finite loss ends with an error",
    arguments: [true, false])
  func badValidation(watches: Bool) throws {
    #expect(throws: TrainingError.noFiniteLoss) {
      try train(watches: watches) { fill($0, .nan, token: 11) }
    }
    _ = try train(watches: watches) { fill($0, .nan, token: 10) }
  }

  @Test("The reasons say what to do")
  func reasons() {
    #expect(TrainingError.noFiniteLoss.localizedDescription.contains("--learning-rate"))
  }

  @Test("Logits that are no numbers do not stop calibration")
  func calibration() {
    let rows = ScoredRows(
      logits: [[.nan, .nan], [.infinity, 0], [2, 0], [0, 2]], truths: [0, 1, 0, 1])
    #expect(rows.fittedTemperature().isFinite)
    #expect(rows.reliability().reduce(0) { $0 + $1.rows } == 2)
    #expect(rows.calibrationError().isFinite)
    #expect(ScoredRows(logits: [], truths: []).fittedTemperature() == 1)
  }
}
