import JSON
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
  /// What writes texts; nil for an encoder alone.
  public var decoder: DecoderShape?
  /// The head on the whole text; nil for a bare encoder.
  public var head: SequenceHeadShape?
  /// The family's head on the whole text, without labels.
  public var headPlan: SequenceHeadShape
  /// Longest input in tokens, special tokens included.
  public var maximumTokens: Int
  /// The padding token's id.
  public var paddingID: Int
  /// Shares that training drops.
  public var dropout: DropoutShape
  /// Low-rank additions to products; nil for none.
  public var adapter: AdapterShape?
  /// What `config.json` said, where it is written back as it was read.
  var settings: JSONValue?

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
    headPlan =
      Architecture.named(modelType)?.headPlan ?? SequenceHeadShape(activation: nil)
  }

  /// Rows of the word embedding.
  public var vocabularySize: Int { embeddings.vocabularySize }
  /// Width of the residual stream, d.
  public var hiddenSize: Int { encoder.width }
  /// Where a tensor stands on the way from tokens to the answer: 0 for the embeddings, i + 1 for the first block i that
  /// has it, one more than there are blocks behind them.
  public func depth(_ key: ParameterKey) -> Int {
    switch key.place {
    case .embeddings: 0
    case .block(let number): 1 + (blocks.firstIndex { $0.weights == number } ?? blocks.count)
    case .decoderEmbeddings: encoder.blocks.count + 1
    case .final, .decoderFinal, .output, .head: blocks.count + 1
    }
  }
  /// Class names in order; empty for a bare encoder.
  public var labels: [String] { head?.labels ?? [] }

  /// What gives the hidden states, without all that differs from head to head: models with equal ones and equal weights have
  /// equal states.
  var trunk: ModelShape {
    var copy = self
    (copy.head, copy.headPlan) = (nil, SequenceHeadShape(activation: nil))
    (copy.dropout, copy.settings, copy.adapter) = (DropoutShape(0), nil, nil)
    return copy
  }
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

  /// How a constant table is laid out.
  public enum Sinusoids: String, Sendable {
    /// Sine and cosine of an angle side by side, as the paper writes them.
    case neighbours
    /// All sines, then all cosines (Marian).
    case halves
    /// All sines, then all cosines, of angles that reach 1 / 10000 (tensor2tensor); the row before the first place is zero.
    case spread
  }

  /// Rows of the word table.
  public var vocabularySize: Int
  /// Columns of the tables.
  public var width: Int
  /// Whether a linear layer takes the tables' width to the stack's (ALBERT, Lan et al., 2020, section 3.1).
  public var isProjected: Bool
  /// Multiplies the words' rows (Gemma has √d).
  public var scale: Float = 1
  /// What training did with masked tokens; nil where they are tokens like others.
  public var maskDropout: MaskDropoutShape?
  /// Which table of places there is.
  public var positions: PositionTable
  /// Rows of the position table, whether stored or not.
  public var positionCount: Int
  /// Row that token 0 takes: RoBERTa counts from the padding id plus one.
  public var positionOffset: Int
  /// How a constant table is laid out.
  public var sinusoids = Sinusoids.neighbours
  /// Whether padding tokens in a text take places as others do; else, with an offset, they take the row before the first.
  public var countsPadding = false
  /// Rows of the segment table; 0 where there is none.
  public var tokenTypeCount: Int
  /// The norm over the sum.
  public var norm: NormShape?

  /// Tables of `width` columns.
  public init(
    vocabularySize: Int, width: Int, isProjected: Bool = false, positions: PositionTable,
    positionCount: Int, positionOffset: Int = 0, tokenTypeCount: Int = 0, norm: NormShape?
  ) {
    (self.vocabularySize, self.width, self.isProjected) = (vocabularySize, width, isProjected)
    (self.positions, self.positionCount, self.positionOffset) = (
      positions, positionCount, positionOffset
    )
    (self.tokenTypeCount, self.norm) = (tokenTypeCount, norm)
  }
}

/// Masked tokens have no embedding, and the others are scaled as if dropout had taken the masked ones (ESM's `token_dropout`):
/// by (1 - share) / (1 - the share of masks in the text).
public struct MaskDropoutShape: Sendable, Equatable {
  /// The mask token's id.
  public var maskID: Int
  /// The share of tokens that training masked.
  public var share: Double
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

/// Attention, then feed-forward, each with a residual sum and norms.
public struct BlockShape: Sendable, Equatable {
  /// Where norms stand (Xiong et al., 2020).
  public enum Placement: String, Sendable, CaseIterable {
    /// After each residual sum, as in the 2017 paper.
    case post
    /// Before each part.
    case pre
    /// Before each part, and again over what the part adds to the sum (Gemma 2).
    case around
  }

  /// Number of the weights: blocks with the same number share them (ALBERT).
  public var weights: Int
  /// Self-attention.
  public var attention: AttentionShape
  /// Attention to the encoder's states; nil where there is none.
  public var crossAttention: AttentionShape?
  /// The feed-forward part.
  public var feedForward: FeedForwardShape
  /// The norm of the attention part; nil where there is none.
  public var attentionNorm: NormShape?
  /// The norm of the part that reads the encoder's states.
  public var crossNorm: NormShape?
  /// The norm of the feed-forward part.
  public var feedForwardNorm: NormShape?
  /// Where norms stand.
  public var placement: Placement
  /// A convolution beside the block; nil where there is none.
  public var convolution: ConvolutionShape?

  /// A block whose norms are all `norm`.
  public init(
    weights: Int, attention: AttentionShape, feedForward: FeedForwardShape, norm: NormShape,
    placement: Placement
  ) {
    (self.weights, self.attention, self.feedForward) = (weights, attention, feedForward)
    (attentionNorm, feedForwardNorm, self.placement) = (norm, norm, placement)
  }
}

/// A convolution over neighbouring tokens beside a block (DeBERTa v2).
public struct ConvolutionShape: Sendable, Equatable {
  /// Tokens that it sees, an odd number.
  public var kernel: Int
  /// Behind it.
  public var activation: Activation
  /// The norm over the block's output and what the convolution adds.
  public var norm: NormShape
}

/// Multi-head attention.
public struct AttentionShape: Sendable, Equatable {
  /// How places enter the scores.
  public enum Positions: Sendable, Equatable {
    /// They do not.
    case none
    /// Queries and keys turn by their places (Su et al., 2021).
    case rotary(RotaryShape)
    /// Scores fall with distance, at each head's own rate (Press, Smith and Lewis, 2022).
    case slopes
    /// Each head adds a number of its own for the bucket of the distance; all blocks share them (Raffel et al., 2020).
    case buckets(DistanceBuckets)
    /// Queries meet keys of places, and keys queries of places (He et al., 2021).
    case disentangled(DisentangledShape)
    /// Queries meet a vector for each distance, and with `keys` so do keys (Shaw et al., 2018).
    case distances(keys: Bool)
  }

  /// Heads, their size, the scores' scale, and which tokens a token sees.
  public var form: AttentionForm
  /// How places enter the scores.
  public var positions: Positions
  /// Whether biases are added to queries, keys and values.
  public var hasInputBias = true
  /// Whether keys have a part of that bias (DeBERTa's first version has none).
  public var hasKeyBias = true
  /// Whether a bias is added to the heads' outputs.
  public var hasOutputBias = true
  /// The norm over each head's query and key; nil for none.
  public var headNorm: NormShape?

  /// Attention of this form; slopes are put into it.
  public init(_ form: AttentionForm, positions: Positions = .none) {
    (self.form, self.positions) = (form, positions)
    if positions == .slopes {
      self.form.slopes = PositionalEncoding.distanceSlopes(heads: form.heads)
    }
  }
}

/// How queries and keys turn.
public struct RotaryShape: Sendable, Equatable {
  /// The base of the angles.
  public var base = 10000.0
  /// Floats of a head that turn; nil for all.
  public var width: Int?
  /// Which floats make a pair.
  public var pairing = RotaryAngles.Pairing.neighbours
  /// How angles change for long texts.
  public var scaling = RotaryScaling.none
  /// Whether values turn as well (RoFormer's `rotary_value`).
  public var turnsValues = false
}

/// Two linear layers with an activation between them.
public struct FeedForwardShape: Sendable, Equatable {
  /// Width inside.
  public var width: Int
  /// Between the layers.
  public var activation: Activation
  /// Whether the first layer gives a gate and what it multiplies (Shazeer, 2020): activation(x·Gᵀ) · x·Vᵀ.
  public var isGated: Bool
  /// Whether a bias is added on the way in.
  public var hasInputBias: Bool
  /// Whether a bias is added on the way out.
  public var hasOutputBias: Bool

  /// Layers of `width` inside.
  public init(
    width: Int, activation: Activation, isGated: Bool = false, hasInputBias: Bool = true,
    hasOutputBias: Bool = true
  ) {
    (self.width, self.activation, self.isGated) = (width, activation, isGated)
    (self.hasInputBias, self.hasOutputBias) = (hasInputBias, hasOutputBias)
  }
}

/// A norm over each row.
public struct NormShape: Sendable, Equatable {
  /// What is divided by.
  public var kind: Norm.Kind
  /// Whether something is added behind the gain.
  public var hasBias: Bool
  /// Added to each gain.
  public var gainOffset: Float
  /// Keeps the division from zero.
  public var epsilon: Float

  /// Layer norm (Ba, Kiros and Hinton, 2016).
  public static func layer(epsilon: Float, hasBias: Bool = true) -> NormShape {
    NormShape(kind: .layer, hasBias: hasBias, gainOffset: 0, epsilon: epsilon)
  }

  /// RMS norm (Zhang and Sennrich, 2019).
  public static func rms(epsilon: Float, gainOffset: Float = 0) -> NormShape {
    NormShape(kind: .rms, hasBias: false, gainOffset: gainOffset, epsilon: epsilon)
  }
}

/// What gives the whole text its scores: a linear layer, mostly behind another with an activation.
public struct SequenceHeadShape: Sendable, Equatable {
  /// Which token's state it reads.
  public enum Reading: String, Sendable {
    /// The first token's.
    case first
    /// The last token's.
    case last
    /// The mean of all.
    case mean
    /// Each token's: the head labels tokens.
    case each
    /// The mean of what the layer in front of the last gives for each token (EuroBERT's "late").
    case late
  }

  /// The layer in front of the last.
  public struct Pool: Sendable, Equatable {
    /// Behind it.
    public var activation: Activation
    /// Whether a bias is added.
    public var hasBias = true
    /// The norm behind the activation.
    public var norm: NormShape?
  }

  /// Class names in order.
  public var labels: [String]
  /// Which token's state it reads.
  public var reading = Reading.first
  /// The layer in front of the last; nil where there is only one.
  public var pool: Pool?
  /// Whether the last layer adds a bias.
  public var hasBias = true

  /// A head whose first layer ends in `activation`; of one layer where that is nil.
  public init(labels: [String] = [], activation: Activation?) {
    self.labels = labels
    pool = activation.map { Pool(activation: $0) }
  }
}
