import Foundation

/// What a token classifier says of one token.
public struct TokenLabel: Sendable, Equatable {
  /// The token as the vocabulary has it, such as `##ing`.
  public var token: String
  /// Index of the likeliest label.
  public var labelIndex: Int
  /// Its share of the softmax.
  public var probability: Float

  /// One token's label.
  public init(token: String, labelIndex: Int, probability: Float) {
    self.token = token
    self.labelIndex = labelIndex
    self.probability = probability
  }
}

/// What a model says of one input.
public struct Prediction: Sendable, Equatable {
  /// By the model's task.
  public enum Value: Sendable, Equatable {
    /// Classification: the likeliest label, and softmax over all.
    case label(Int, probabilities: [Float])
    /// Multi-label classification: the labels whose probability reaches the threshold, and all.
    case labels([Int], probabilities: [Float])
    /// Regression: the head's outputs, mostly one.
    case scores([Float])
    /// Token classification: the tokens in order, special ones left out.
    case tokens([TokenLabel])
    /// The embedding.
    case vector([Float])
  }

  /// The answer.
  public var value: Value
  /// Tokens read, special tokens included.
  public var tokenCount: Int
  /// Of them, unknown ones.
  public var unknownTokenCount: Int
  /// Whether the input's end was left off to fit the model.
  public var isTruncated: Bool
  /// The projected embedding (`EmbeddingSketch`), where `TextModel.makesSketches` asks for it; else empty.
  public var sketch: [Float] = []

  /// An answer, for those that are not a `TextModel`.
  public init(value: Value, tokenCount: Int, unknownTokenCount: Int, isTruncated: Bool) {
    self.value = value
    self.tokenCount = tokenCount
    self.unknownTokenCount = unknownTokenCount
    self.isTruncated = isTruncated
  }

  /// The answer as one label with probabilities, of models that give such: for a multi-label one,
  /// the likeliest label.
  public var classification: Classification? {
    let index: Int
    let probabilities: [Float]
    switch value {
    case .label(let top, let all): (index, probabilities) = (top, all)
    case .labels(_, let all):
      (index, probabilities) = (all.firstIndex(of: all.max() ?? 0) ?? 0, all)
    case .scores, .tokens, .vector: return nil
    }
    return Classification(
      labelIndex: index, probabilities: probabilities, tokenCount: tokenCount,
      unknownTokenCount: unknownTokenCount, isTruncated: isTruncated)
  }
}

/// The functions that heads end in, in double precision, so that they add no error of their own.
enum HeadFunction {
  /// e^(xᵢ / temperature) / Σ e^(xⱼ / temperature).
  static func softmax(_ values: [Float], temperature: Float = 1) -> [Float] {
    let top = values.max() ?? 0
    let exponentials = values.map { exp(Double($0 - top) / Double(temperature)) }
    let total = exponentials.reduce(0, +)
    return exponentials.map { Float($0 / total) }
  }

  /// 1 / (1 + e⁻ˣ).
  static func sigmoid(_ value: Float) -> Float { Float(1 / (1 + exp(-Double(value)))) }

  /// Index of the largest value, the first of equals.
  static func top(_ values: [Float]) -> Int {
    values.firstIndex(of: values.max() ?? 0) ?? 0
  }
}
