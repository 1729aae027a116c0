import Foundation
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

/// A tokenizer and a model with a classification head.
///
/// Loading and packing use one thread and no Dispatch, so the arbiter can do it before it forks; the
/// workers then share the weights. Not thread-safe: one for each compute queue.
public final class TextClassifier {
  /// The model's name: the last part of its directory's path.
  public let name: String
  /// Class names in order.
  public let labels: [String]
  /// Longest input in tokens.
  public let maximumTokens: Int
  /// Splits texts.
  public let tokenizer: Tokenizer
  /// Shape and weights.
  public let parameters: EncoderParameters
  private let encoder: Encoder

  /// Reads a Hugging Face directory and packs its weights.
  ///
  /// - Throws: `ModelError` or `TokenizationError` naming what is wrong and where.
  public static func load(directory: String, threads: Int = 1) throws -> TextClassifier {
    let parameters = try ModelDirectory.read(directory)
    let tokenizer = try Tokenizer.load(directory: directory)
    return try TextClassifier(
      name: URL(fileURLWithPath: directory).standardizedFileURL.lastPathComponent,
      directory: directory, parameters: parameters, tokenizer: tokenizer,
      kernels: Kernels.best(threads: threads))
  }

  /// A classifier of parts already in memory; errors call it `directory`.
  public init(
    name: String, directory: String, parameters: EncoderParameters, tokenizer: Tokenizer,
    kernels: Kernels
  ) throws {
    let configuration = parameters.configuration
    guard !configuration.labels.isEmpty else { throw ModelError.noHead(path: directory) }
    guard tokenizer.vocabularySize <= configuration.vocabularySize else {
      throw ModelError.vocabularyMismatch(
        path: directory, tokens: tokenizer.vocabularySize, rows: configuration.vocabularySize)
    }
    self.name = name
    labels = configuration.labels
    maximumTokens = configuration.maximumTokens
    self.tokenizer = tokenizer
    self.parameters = parameters
    encoder = Encoder(Encoder.Weights(parameters, kernels: kernels), kernels: kernels)
  }

  /// Classifies `texts` in one batch. The answer for a text has the same bits in any batch.
  public func classify(_ texts: [String]) -> [Classification] {
    classify(encoded: texts.map { tokenizer.encode($0, maximumLength: maximumTokens) })
  }

  /// Classifies texts that are tokenised already.
  public func classify(encoded encodings: [Encoding]) -> [Classification] {
    if encodings.isEmpty { return [] }
    let logits = encoder.logits(
      TokenBatch(encodings.map(\.ids), tokenTypes: encodings.map(\.typeIDs)))
    return encodings.enumerated().map { row, encoding in
      let values = logits.row(row)
      let top = values.max() ?? 0
      let exponentials = values.map { exp(Double($0 - top)) }
      let total = exponentials.reduce(0, +)
      return Classification(
        labelIndex: values.firstIndex(of: top) ?? 0,
        probabilities: exponentials.map { Float($0 / total) }, tokenCount: encoding.ids.count,
        unknownTokenCount: encoding.unknownCount, isTruncated: encoding.isTruncated)
    }
  }
}
