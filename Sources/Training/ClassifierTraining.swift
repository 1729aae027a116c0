import Foundation
import Tensor
import Tokenization
import Transformer

/// The size of a model trained from nothing.
public struct ModelSize: Sendable, Equatable {
  /// Tokens of the learned vocabulary.
  public var vocabulary = 8000
  /// Width of the residual stream.
  public var width = 128
  /// Encoder layers.
  public var layers = 2
  /// Attention heads.
  public var heads = 4
  /// Width inside the feed-forward block.
  public var feedForward = 256
  /// Longest input in tokens.
  public var maximumTokens = 256
  /// Dropout in training.
  public var dropout: Float = 0.2
  /// Where layer norms stand.
  public var normalization = EncoderConfiguration.Normalization.post
  /// How order enters.
  public var positionalEncoding = PositionalEncoding.sinusoidal

  /// The defaults.
  public init() {}

  /// - Throws: `TrainingError.badOption` for the first value that makes no sense.
  public func validate() throws {
    func check(_ name: String, _ value: Int, _ range: ClosedRange<Int>) throws {
      guard range.contains(value) else {
        throw TrainingError.badOption(
          name: name, value: "\(value)", allowed: "from \(range.lowerBound) to \(range.upperBound)")
      }
    }
    try check("--vocabulary", vocabulary, 64...500_000)
    try check("--width", width, 8...4096)
    try check("--layers", layers, 1...48)
    try check("--heads", heads, 1...64)
    try check("--feed-forward", feedForward, 8...16384)
    try check("--max-tokens", maximumTokens, 8...4096)
    guard width % heads == 0 else {
      throw TrainingError.badOption(
        name: "--heads", value: "\(heads)", allowed: "a divisor of the width \(width)")
    }
    guard dropout >= 0 && dropout < 0.9 else {
      throw TrainingError.badOption(
        name: "--dropout", value: "\(dropout)", allowed: "at least 0 and below 0.9")
    }
  }
}

/// From labelled files to a trained model in memory.
public struct ClassifierTraining {
  /// Rows to learn from.
  public let training: LabeledDataset
  /// Rows to stop by.
  public let validation: LabeledDataset
  /// Class names in order.
  public let labels: [String]
  /// Learned from the training texts.
  public let tokenizer: Tokenizer
  /// The shape.
  public let configuration: EncoderConfiguration
  private let examples: (training: [TrainingExample], validation: [TrainingExample])

  /// Reads the files, learns the vocabulary, tokenises.
  ///
  /// - Throws: `TrainingError` naming file and line, or `TokenizationError`.
  public init(training path: String, validation validationPath: String, size: ModelSize) throws {
    try size.validate()
    training = try LabeledDataset(path: path)
    validation = try LabeledDataset(path: validationPath)
    labels = try training.trainingLabels()
    var learning = VocabularyLearningOptions(size: size.vocabulary)
    learning.lowercase = true
    tokenizer = try Tokenizer.learn(corpus: training.rows.map(\.text), options: learning)
    var configuration = EncoderConfiguration(
      family: size.normalization == .pre ? .robertaPreLayerNorm : .distilbert,
      vocabularySize: tokenizer.vocabularySize, hiddenSize: size.width, layerCount: size.layers,
      headCount: size.heads, feedForwardSize: size.feedForward, maximumTokens: size.maximumTokens,
      labels: labels, normalization: size.normalization,
      positionalEncoding: size.positionalEncoding, dropout: size.dropout)
    configuration.paddingID = Int(tokenizer.specialTokens.padding ?? 0)
    if size.normalization == .pre {
      configuration.positionOffset = configuration.paddingID + 1
      configuration.tokenTypeCount = 1
    }
    self.configuration = configuration
    examples = (
      try Self.examples(training, labels, tokenizer, size.maximumTokens),
      try Self.examples(validation, labels, tokenizer, size.maximumTokens)
    )
  }

  /// Tokenised rows of `dataset`.
  ///
  /// - Throws: `TrainingError.unknownLabel`.
  public static func examples(
    _ dataset: LabeledDataset, _ labels: [String], _ tokenizer: Tokenizer, _ maximumTokens: Int
  ) throws -> [TrainingExample] {
    zip(dataset.rows, try dataset.labelIndices(in: labels)).map { row, label in
      TrainingExample(
        ids: tokenizer.encode(row.text, maximumLength: maximumTokens).ids, label: label)
    }
  }

  /// Trains and returns the weights of the best validation.
  ///
  /// - Throws: `TrainingError`.
  public func run(
    options: TrainingOptions, kernels: Kernels, report: (TrainingProgress) -> Void
  ) throws -> TrainingResult {
    let parameters = EncoderParameters(configuration)
    parameters.initialize(seed: options.seed)
    let special = tokenizer.specialTokens
    let kept = Set([special.classification, special.separator].compactMap { $0 })
    let trainer = try Trainer(
      parameters: parameters, options: options, kernels: kernels,
      maskID: special.unknown ?? special.mask ?? 0,
      maskable: { !kept.contains($0) })
    return try trainer.train(
      examples.training, validation: examples.validation, report: report)
  }
}
