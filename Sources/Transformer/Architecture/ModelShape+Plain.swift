import JSON
import Tensor

extension ModelShape {
  /// An encoder of equal blocks, as most families have it: what is not named takes the value that a model
  /// trained from nothing gets.
  ///
  /// - Parameters:
  ///   - modelType: the family; by default the one in which such a model is trained from nothing.
  ///   - labels: classes of a head by the family's own plan; none for a bare encoder.
  public init(
    modelType given: String? = nil, vocabularySize: Int, hiddenSize: Int, layerCount: Int,
    headCount: Int,
    feedForwardSize: Int, maximumTokens: Int, labels: [String] = [],
    placement: BlockShape.Placement = .post,
    positionalEncoding: PositionalEncoding = .sinusoidal, positionOffset: Int = 0,
    tokenTypeCount: Int = 0, activation: Activation = .gelu, epsilon: Float = 1e-12,
    paddingID: Int = 0, dropout: DropoutShape = DropoutShape()
  ) {
    let modelType = given ?? Self.modelType(trainedWith: placement)
    let norm = NormShape.layer(epsilon: epsilon)
    let attention = AttentionShape(
      AttentionForm(heads: headCount, headSize: hiddenSize / headCount),
      positions: positionalEncoding.inAttention)
    let blocks = (0..<layerCount).map { index in
      BlockShape(
        weights: index, attention: attention,
        feedForward: FeedForwardShape(width: feedForwardSize, activation: activation), norm: norm,
        placement: placement)
    }
    self.init(
      modelType: modelType,
      embeddings: EmbeddingShape(
        vocabularySize: vocabularySize, width: hiddenSize, positions: positionalEncoding.table,
        positionCount: maximumTokens + positionOffset, positionOffset: positionOffset,
        tokenTypeCount: tokenTypeCount, norm: norm),
      encoder: StackShape(
        width: hiddenSize, blocks: blocks, finalNorm: placement == .post ? nil : norm),
      maximumTokens: maximumTokens, paddingID: paddingID, dropout: dropout)
    head = head(for: labels)
  }

  /// The head of this family for `labels`; nil for none.
  public func head(for labels: [String]) -> SequenceHeadShape? {
    if labels.isEmpty { return nil }
    var head = headPlan
    head.labels = labels
    return head
  }

  /// The family in which `martlet train` writes models from nothing: norms behind as DistilBERT has them, or
  /// in front as RoBERTa-PreLayerNorm does.
  public static func modelType(trainedWith placement: BlockShape.Placement) -> String {
    switch placement {
    case .post: "distilbert"
    case .pre, .around: "roberta-prelayernorm"
    }
  }

  /// How order enters, where it is one of the ways that training offers.
  public var positionalEncoding: PositionalEncoding {
    switch (embeddings.positions, encoder.blocks.first?.attention.positions ?? .none) {
    case (.learned, _): .learned
    case (.sinusoidal, _): .sinusoidal
    case (.none, .rotary): .rotary
    case (.none, .slopes): .alibi
    case (.none, _): .none
    }
  }

  /// How order enters, for people.
  public var positionsName: String {
    switch encoder.blocks.first?.attention.positions {
    case .buckets, .disentangled, .distances:
      embeddings.positions == .none
        ? "relative" : "\(embeddings.positions.rawValue) and relative"
    case nil, .some(.none), .rotary, .slopes: positionalEncoding.rawValue
    }
  }

  /// Blocks.
  public var layerCount: Int { encoder.blocks.count }
  /// Query heads of the first block.
  public var headCount: Int { encoder.blocks.first?.attention.form.heads ?? 0 }
  /// Width inside the first block's feed-forward part.
  public var feedForwardSize: Int { encoder.blocks.first?.feedForward.width ?? 0 }
  /// Trainable numbers.
  public var parameterCount: Int { tensors.reduce(0) { $0 + $1.range.count } }
}

extension PositionalEncoding {
  var table: EmbeddingShape.PositionTable {
    switch self {
    case .sinusoidal: .sinusoidal
    case .learned: .learned
    case .rotary, .alibi, .none: .none
    }
  }

  var inAttention: AttentionShape.Positions {
    switch self {
    case .rotary: .rotary(RotaryShape())
    case .alibi: .slopes
    case .sinusoidal, .learned, .none: .none
    }
  }
}
