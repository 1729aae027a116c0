import Foundation
import Tensor
import Transformer

/// Trains every positional encoding on the order tasks, and measures it at the length it was trained
/// on and beyond.
public struct PositionStudy: Sendable {
  /// One measurement.
  public struct Measurement: Sendable {
    /// The encoding.
    public var encoding: PositionalEncoding
    /// The task.
    public var task: OrderTask
    /// Tokens of the texts.
    public var length: Int
    /// Whether texts of this length were among the training rows.
    public var isTrained: Bool
    /// Share of right answers on rows that training did not see.
    public var accuracy: Double
  }

  /// Rows to train on.
  public var rows = 6000
  /// Rows of each measurement.
  public var testRows = 400
  /// Lengths that are trained on.
  public var trainedLengths = [8, 12, 16]
  /// Lengths beyond them.
  public var longerLengths = [24, 32, 48]
  /// Epochs at most.
  public var epochs = 12
  /// Width of the models.
  public var width = 64
  /// Encoder layers of the models.
  public var layers = 2
  /// Decides data and weights.
  public var seed: UInt64 = 1
  /// What to train.
  public var encodings = PositionalEncoding.allCases
  /// On what.
  public var tasks = OrderTask.allCases

  /// The defaults take a few minutes on two cores.
  public init() {}

  /// - Throws: `TrainingError.badOption`.
  public func validate() throws {
    try TrainingError.check("--rows", rows, in: 64...1_000_000)
    try TrainingError.check("--epochs", epochs, in: 1...1000)
    try TrainingError.check("--width", width, in: 16...1024)
    try TrainingError.check("--layers", layers, in: 1...12)
    guard width % 4 == 0 else {
      throw TrainingError.badOption(
        name: "--width", value: "\(width)", allowed: "a multiple of 4")
    }
  }

  /// The shape of a model for `task`.
  func shape(_ encoding: PositionalEncoding, _ task: OrderTask) -> ModelShape {
    let longest = (trainedLengths + longerLengths).max() ?? 16
    return ModelShape(
      vocabularySize: OrderTask.vocabularySize, hiddenSize: width, layerCount: layers,
      headCount: 4, feedForwardSize: 2 * width, maximumTokens: longest + 2, labels: task.labels,
      positionalEncoding: encoding, epsilon: 1e-6, dropout: DropoutShape(0))
  }

  /// Trains one encoding on one task and measures it at every length.
  ///
  /// - Throws: `TrainingError`.
  public func measure(
    _ encoding: PositionalEncoding, _ task: OrderTask, kernels: Kernels
  ) throws -> [Measurement] {
    var generator = SeededGenerator(
      seed: seed &+ UInt64(OrderTask.allCases.firstIndex(of: task) ?? 0))
    let share = rows / max(1, trainedLengths.count)
    let training = trainedLengths.flatMap {
      task.examples(count: share, length: $0, using: &generator)
    }
    let validation = trainedLengths.flatMap {
      task.examples(count: testRows / max(1, trainedLengths.count), length: $0, using: &generator)
    }
    var options = TrainingOptions()
    (options.epochs, options.batchSize, options.patience) = (epochs, 64, 4)
    (options.wordDropout, options.subwordDropout, options.seed) = (0, 0, seed)
    (options.embeddingRateScale, options.learningRate) = (1, 2e-3)
    options.watchesLoss = false
    let parameters = ModelParameters(shape(encoding, task))
    parameters.initialize(seed: seed)
    let trainer = try Trainer(
      parameters: parameters, options: options, kernels: kernels, maskID: 0,
      maskable: { _ in false })
    trainer.target = 0.999
    let result = try trainer.train(training, validation: validation) { _ in }
    let encoder = Encoder(
      PackedWeights(result.parameters, kernels: kernels), kernels: kernels)
    return try (trainedLengths + longerLengths).map { length in
      let examples = task.examples(count: testRows, length: length, using: &generator)
      let report = try Evaluation.report(encoder, labels: task.labels, examples: examples)
      return Measurement(
        encoding: encoding, task: task, length: length,
        isTrained: trainedLengths.contains(length), accuracy: report.accuracy)
    }
  }
}
