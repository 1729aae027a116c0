import Tensor

/// The shape of an encoder and of the head on it: what `config.json` says, in one vocabulary for
/// all families.
public struct EncoderConfiguration: Sendable, Equatable {
  /// Architectures by the `model_type` that Hugging Face gives them.
  public enum Family: String, Sendable, CaseIterable {
    /// BERT, MiniLM and their kin (Devlin et al., 2019).
    case bert
    /// DistilBERT (Sanh et al., 2019); with sinusoidal positions, the plain encoder of Vaswani et al.
    case distilbert
    /// RoBERTa (Liu et al., 2019).
    case roberta
    /// XLM-R (Conneau et al., 2020): RoBERTa's shape, a SentencePiece vocabulary.
    case xlmRoberta = "xlm-roberta"
    /// RoBERTa with the norms in front (Ott et al., 2019).
    case robertaPreLayerNorm = "roberta-prelayernorm"
  }

  /// Where layer norms stand (Xiong et al., 2020).
  public enum Normalization: String, Sendable, CaseIterable {
    /// After each residual sum, as in the 2017 paper.
    case post
    /// Before each block, and once at the end.
    case pre
  }

  /// Architecture.
  public var family: Family
  /// Rows of the word embedding.
  public var vocabularySize: Int
  /// Width of the residual stream, d.
  public var hiddenSize: Int
  /// Encoder layers.
  public var layerCount: Int
  /// Attention heads; they divide `hiddenSize`.
  public var headCount: Int
  /// Width inside the feed-forward block.
  public var feedForwardSize: Int
  /// Longest input in tokens, special tokens included.
  public var maximumTokens: Int
  /// Row of the position table that token 0 takes (RoBERTa counts from the padding id plus one).
  public var positionOffset: Int
  /// Rows of the segment embedding; 0 where the family has none.
  public var tokenTypeCount: Int
  /// ε of every layer norm.
  public var layerNormEpsilon: Float
  /// Inside the feed-forward block.
  public var activation: Activation
  /// Where layer norms stand.
  public var normalization: Normalization
  /// How order enters.
  public var positionalEncoding: PositionalEncoding
  /// Class names in order; empty for a bare encoder.
  public var labels: [String]
  /// Dropout on embeddings and on each block's output, in training.
  public var dropout: Float
  /// Dropout on attention weights, in training.
  public var attentionDropout: Float
  /// Dropout before the classifier, in training.
  public var classifierDropout: Float
  /// The padding token's id.
  public var paddingID: Int

  /// A shape; what is not named takes the value that a model trained from nothing gets.
  public init(
    family: Family = .distilbert, vocabularySize: Int, hiddenSize: Int, layerCount: Int,
    headCount: Int, feedForwardSize: Int, maximumTokens: Int, labels: [String] = [],
    normalization: Normalization = .post, positionalEncoding: PositionalEncoding = .sinusoidal,
    dropout: Float = 0.1
  ) {
    self.family = family
    self.vocabularySize = vocabularySize
    self.hiddenSize = hiddenSize
    self.layerCount = layerCount
    self.headCount = headCount
    self.feedForwardSize = feedForwardSize
    self.maximumTokens = maximumTokens
    self.labels = labels
    self.normalization = normalization
    self.positionalEncoding = positionalEncoding
    self.dropout = dropout
    positionOffset = 0
    tokenTypeCount = 0
    layerNormEpsilon = 1e-12
    activation = .gelu
    attentionDropout = dropout
    classifierDropout = dropout
    paddingID = 0
  }

  /// Activation between the head's two layers: DistilBERT has ReLU, the others tanh.
  public var headActivation: Activation { family == .distilbert ? .relu : .tanh }

  /// What ALiBi takes off the scores for each token of distance, by head; empty otherwise.
  public var distanceSlopes: [Float] {
    positionalEncoding == .alibi ? PositionalEncoding.distanceSlopes(heads: headCount) : []
  }

  /// Rows of the position table.
  public var positionCount: Int { maximumTokens + positionOffset }
}
