/// How the scores of masked words become a sparse vector over the vocabulary: SPLADE (Formal et al., 2021; v2: max) by the names of
/// sentence-transformers' `SpladePooling`.
public struct SparseConfiguration: Sendable, Equatable {
  /// Over a text's tokens.
  public enum Pooling: String, Sendable, CaseIterable {
    /// The largest value.
    case max
    /// The sum.
    case sum
  }

  /// Over a text's tokens.
  public var pooling: Pooling
  /// Whether the logarithm is taken twice, as OpenSearch's models have it (`log1p_relu`).
  public var isLogTwice: Bool
  /// For queries that no layer reads: a folder with a weight for each token (`SparseStaticEmbedding`); nil where queries are read
  /// as documents are.
  public var queryWeights: String?

  /// For models that weigh the tokens of the text itself: the file of the layer that does; nil for those that score all words.
  public var tokenWeights: String?

  /// max over log(1 + relu) without more.
  public init(
    pooling: Pooling = .max, isLogTwice: Bool = false, queryWeights: String? = nil,
    tokenWeights: String? = nil
  ) {
    (self.pooling, self.isLogTwice) = (pooling, isLogTwice)
    (self.queryWeights, self.tokenWeights) = (queryWeights, tokenWeights)
  }
}
