import Tensor
import Tokenization

/// What a classifier says of one text.
public struct Classification: Sendable, Equatable {
  /// Index of the likeliest label.
  public var labelIndex: Int
  /// Softmax over the labels, in their order.
  public var probabilities: [Float]
  /// Tokens read, special tokens included.
  public var tokenCount: Int
  /// Of them, unknown ones.
  public var unknownTokenCount: Int
  /// Whether the text's end was left off to fit the model.
  public var isTruncated: Bool

  /// What some classifier says, for those that are not a `TextClassifier`.
  public init(
    labelIndex: Int, probabilities: [Float], tokenCount: Int, unknownTokenCount: Int,
    isTruncated: Bool
  ) {
    self.labelIndex = labelIndex
    self.probabilities = probabilities
    self.tokenCount = tokenCount
    self.unknownTokenCount = unknownTokenCount
    self.isTruncated = isTruncated
  }
}

/// A `TextModel` that gives one label of several, for those that need just that.
///
/// Not thread-safe: one for each compute queue.
public final class TextClassifier {
  private let model: TextModel

  /// The model's name: the last part of its directory's path.
  public var name: String { model.name }
  /// Class names in order.
  public var labels: [String] { model.labels }
  /// Longest input in tokens.
  public var maximumTokens: Int { model.maximumTokens }
  /// Splits texts.
  public var tokenizer: Tokenizer { model.tokenizer }

  /// Reads a Hugging Face directory and packs its weights.
  ///
  /// - Throws: `ModelError` or `TokenizationError` naming what is wrong and where.
  public static func load(directory: String, threads: Int = 1) throws -> TextClassifier {
    try TextClassifier(TextModel.load(directory: directory, threads: threads))
  }

  /// The classifier that `model` is.
  ///
  /// - Throws: `ModelError.noHead` or `.wrongTask` for a model of another task.
  public init(_ model: TextModel) throws {
    let path = model.configuration.directory
    if model.task == .embedding { throw ModelError.noHead(path: path) }
    guard model.task == .classification else {
      throw ModelError.wrongTask(path: path, found: model.task, wanted: .classification)
    }
    self.model = model
  }

  /// A classifier of parts already in memory; errors call it `directory`.
  public init(
    name: String, directory: String, parameters: ModelParameters, tokenizer: Tokenizer,
    kernels: Kernels
  ) throws {
    let shape = parameters.shape
    guard !shape.labels.isEmpty else { throw ModelError.noHead(path: directory) }
    let configuration = ModelConfiguration(
      directory: directory, encoderDirectory: directory,
      architecture: Architecture.className(shape.modelType, "ForSequenceClassification"),
      task: .classification, shape: shape, labels: shape.labels, scoreActivation: .identity,
      embedding: nil, maximumTokens: shape.maximumTokens, notes: [])
    model = try TextModel(
      classifier: configuration, parameters: parameters, tokenizer: tokenizer, kernels: kernels)
  }

  /// Classifies `texts` in one batch. The answer for a text has the same bits in any batch.
  ///
  /// - Throws: `RejectedInput` naming the first that has no answer.
  public func classify(_ texts: [String]) throws(RejectedInput) -> [Classification] {
    try model.predict(texts.map { TextInput($0) }).compactMap(\.classification)
  }

  /// Classifies texts that are tokenised already.
  ///
  /// - Throws: `RejectedInput` naming the first that has no answer.
  public func classify(encoded encodings: [Encoding]) throws(RejectedInput) -> [Classification] {
    try model.predict(encoded: encodings).compactMap(\.classification)
  }
}
