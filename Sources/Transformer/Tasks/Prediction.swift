import Foundation

/// What a token classifier says of one token.
public struct TokenLabel: Sendable, Equatable {
  /// The token as the vocabulary has it, such as `##ing`.
  public var token: String
  /// Index of the likeliest label.
  public var labelIndex: Int
  /// Its share of the softmax.
  public var probability: Float
  /// Where it stands in its text, in Unicode code points; nil where that is not known.
  public var range: Range<Int>?

  /// One token's label.
  public init(token: String, labelIndex: Int, probability: Float, range: Range<Int>? = nil) {
    (self.token, self.labelIndex) = (token, labelIndex)
    (self.probability, self.range) = (probability, range)
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
    /// Token classification: the spans that tokens make up, in order.
    case spans([TextSpan])
    /// Question answering: the best answers, the best first; a list where more than one was asked for.
    case answers([TextSpan], isList: Bool)
    /// Zero-shot classification: the candidate labels, the likeliest first.
    case ranking(labels: [String], scores: [Float])
    /// The embedding.
    case vector([Float])
    /// What was written, the best first; with scores and lengths where `isDetailed`.
    case texts([WrittenText], isDetailed: Bool)
    /// The sparse embedding.
    case sparse(SparseVector)
    /// A vector for each token.
    case vectors([[Float]])
    /// Words for each mask, the likeliest first.
    case words([[FilledWord]])
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
    case .scores, .tokens, .spans, .answers, .ranking, .vector, .sparse, .vectors, .words, .texts:
      return nil
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

  /// The mean of rows of as many values.
  static func mean(_ rows: [[Float]], weights: [Int]? = nil) -> [Float] {
    var sums = [Double](repeating: 0, count: rows.first?.count ?? 0)
    let weights = weights ?? rows.map { _ in 1 }
    for (row, weight) in zip(rows, weights) {
      for (column, value) in row.enumerated() { sums[column] += Double(value) * Double(weight) }
    }
    return sums.map { Float($0 / Double(max(1, weights.reduce(0, +)))) }
  }

  /// The largest of each column of rows of as many values.
  static func largest(_ rows: [[Float]]) -> [Float] {
    rows.dropFirst().reduce(rows.first ?? []) { zip($0, $1).map(max) }
  }

  /// Index of the largest value, the first of equals.
  static func top(_ values: [Float]) -> Int {
    values.firstIndex(of: values.max() ?? 0) ?? 0
  }
}
