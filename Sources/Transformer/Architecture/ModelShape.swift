import Tensor

/// Everything about a model that is not a weight: what `config.json` says, in one vocabulary for all families.
///
/// `tensors` follows from it alone, and so does the forward pass: whatever has to know a model reads this.
public struct ModelShape: Sendable, Equatable {
  /// The `model_type` of `config.json`, which names the architecture.
  public var modelType: String
  /// From token ids to the first hidden states.
  public var embeddings: EmbeddingShape
  /// The blocks.
  public var encoder: StackShape
  /// The head on the whole text; nil for a bare encoder.
  public var head: SequenceHeadShape?
  /// Longest input in tokens, special tokens included.
  public var maximumTokens: Int
  /// The padding token's id.
  public var paddingID: Int
  /// Shares that training drops.
  public var dropout: DropoutShape

  /// A shape of these parts.
  public init(
    modelType: String, embeddings: EmbeddingShape, encoder: StackShape,
    head: SequenceHeadShape? = nil, maximumTokens: Int, paddingID: Int = 0,
    dropout: DropoutShape = DropoutShape()
  ) {
    (self.modelType, self.embeddings, self.encoder, self.head) = (
      modelType, embeddings, encoder, head
    )
    (self.maximumTokens, self.paddingID, self.dropout) = (maximumTokens, paddingID, dropout)
  }

  /// Rows of the word embedding.
  public var vocabularySize: Int { embeddings.vocabularySize }
  /// Width of the residual stream, d.
  public var hiddenSize: Int { encoder.width }
  /// Class names in order; empty for a bare encoder.
  public var labels: [String] { head?.labels ?? [] }
}

/// Shares of elements that are set to zero in training.
public struct DropoutShape: Sendable, Equatable {
  /// On embeddings and on each block's outputs.
  public var hidden: Float
  /// On attention weights.
  public var attention: Float
  /// Before the classifier.
  public var classifier: Float

  /// The same share everywhere, or one for each place.
  public init(_ hidden: Float = 0.1, attention: Float? = nil, classifier: Float? = nil) {
    self.hidden = hidden
    (self.attention, self.classifier) = (attention ?? hidden, classifier ?? hidden)
  }
}

/// From token ids to hidden states: words, places and segments summed, then a norm.
public struct EmbeddingShape: Sendable, Equatable {
  /// How a table gives each place its vector.
  public enum PositionTable: String, Sendable {
    /// There is none.
    case none
    /// Trained.
    case learned
    /// Constant (Vaswani et al., 2017, section 3.5).
    case sinusoidal
  }

  /// Rows of the word table.
  public var vocabularySize: Int
  /// Columns of the tables. Where they are not the stack's width, a linear layer follows (ALBERT, Lan et
  /// al., 2020, section 3.1).
  public var width: Int
  /// Which table of places there is.
  public var positions: PositionTable
  /// Rows of the position table, whether stored or not.
  public var positionCount: Int
  /// Row that token 0 takes: RoBERTa counts from the padding id plus one.
  public var positionOffset: Int
  /// Rows of the segment table; 0 where there is none.
  public var tokenTypeCount: Int
  /// The norm over the sum.
  public var norm: NormShape?

  /// Tables of `width` columns.
  public init(
    vocabularySize: Int, width: Int, positions: PositionTable, positionCount: Int,
    positionOffset: Int = 0, tokenTypeCount: Int = 0, norm: NormShape?
  ) {
    (self.vocabularySize, self.width, self.positions) = (vocabularySize, width, positions)
    (self.positionCount, self.positionOffset) = (positionCount, positionOffset)
    (self.tokenTypeCount, self.norm) = (tokenTypeCount, norm)
  }
}

/// Blocks one behind the other.
public struct StackShape: Sendable, Equatable {
  /// Width of the residual stream.
  public var width: Int
  /// The blocks in order.
  public var blocks: [BlockShape]
  /// The norm behind the last block.
  public var finalNorm: NormShape?

  /// Blocks of one width.
  public init(width: Int, blocks: [BlockShape], finalNorm: NormShape? = nil) {
    (self.width, self.blocks, self.finalNorm) = (width, blocks, finalNorm)
  }
}

/// Attention, then feed-forward, each with a residual sum and a norm.
public struct BlockShape: Sendable, Equatable {
  /// Where norms stand (Xiong et al., 2020).
  public enum Placement: String, Sendable, CaseIterable {
    /// After each residual sum, as in the 2017 paper.
    case post
    /// Before each part.
    case pre
  }

  /// Number of the weights: blocks with the same number share them (ALBERT).
  public var weights: Int
  /// Self-attention.
  public var attention: AttentionShape
  /// The feed-forward part.
  public var feedForward: FeedForwardShape
  /// The norm of the attention part; nil where there is none.
  public var attentionNorm: NormShape?
  /// The norm of the feed-forward part.
  public var feedForwardNorm: NormShape?
  /// Where norms stand.
  public var placement: Placement

  /// A block whose norms are all `norm`.
  public init(
    weights: Int, attention: AttentionShape, feedForward: FeedForwardShape, norm: NormShape,
    placement: Placement
  ) {
    (self.weights, self.attention, self.feedForward) = (weights, attention, feedForward)
    (attentionNorm, feedForwardNorm, self.placement) = (norm, norm, placement)
  }
}

/// Multi-head attention.
public struct AttentionShape: Sendable, Equatable {
  /// How places enter the scores.
  public enum Positions: Sendable, Equatable {
    /// They do not.
    case none
    /// Queries and keys turn by their places (Su et al., 2021).
    case rotary
    /// Scores fall with distance, at each head's own rate (Press, Smith and Lewis, 2022).
    case slopes
  }

  /// Query heads.
  public var heads: Int
  /// Floats in a head.
  public var headSize: Int
  /// How places enter the scores.
  public var positions: Positions

  /// Heads of one size.
  public init(heads: Int, headSize: Int, positions: Positions = .none) {
    (self.heads, self.headSize, self.positions) = (heads, headSize, positions)
  }

  /// What ALiBi takes off the scores for each token of distance, by head; empty otherwise.
  var distanceSlopes: [Float] {
    positions == .slopes ? PositionalEncoding.distanceSlopes(heads: heads) : []
  }
}

/// Two linear layers with an activation between them.
public struct FeedForwardShape: Sendable, Equatable {
  /// Width inside.
  public var width: Int
  /// Between the layers.
  public var activation: Activation

  /// Layers of `width` inside.
  public init(width: Int, activation: Activation) {
    (self.width, self.activation) = (width, activation)
  }
}

/// A norm over each row.
public struct NormShape: Sendable, Equatable {
  /// Keeps the division from zero.
  public var epsilon: Float

  /// Layer norm with gain and shift (Ba, Kiros and Hinton, 2016).
  public static func layer(epsilon: Float) -> NormShape { NormShape(epsilon: epsilon) }
}

/// Two linear layers on one token's state, which give the whole text its scores.
public struct SequenceHeadShape: Sendable, Equatable {
  /// Class names in order.
  public var labels: [String]
  /// Between the layers.
  public var activation: Activation

  /// A head for `labels`.
  public init(labels: [String], activation: Activation) {
    (self.labels, self.activation) = (labels, activation)
  }
}
