/// Which tensor of a model: where it stands, in which part, and what it is there.
public struct ParameterKey: Sendable, Hashable {
  /// Where it stands.
  public enum Place: Sendable, Hashable {
    /// Before the blocks.
    case embeddings
    /// In the blocks with weights of this number; a decoder's are numbered behind the encoder's.
    case block(Int)
    /// Behind the blocks.
    case final
    /// Before the decoder's blocks.
    case decoderEmbeddings
    /// Behind the decoder's blocks.
    case decoderFinal
    /// From a decoder's states to scores of the words.
    case output
    /// In the head on the whole text.
    case head
  }

  /// In which part.
  public enum Part: Sendable, Hashable {
    /// Word table, or in the output scores of words.
    case words
    /// Position table.
    case positions
    /// Segment table.
    case tokenTypes
    /// From the tables' width to the stack's.
    case projection
    /// Relative places: shared by all blocks with the embeddings, or one table a block.
    case relativePlaces
    /// From relative places to keys.
    case relativeKeys
    /// From relative places to queries.
    case relativeQueries
    /// The norm over the shared table of relative places.
    case relativeNorm
    /// The place's only norm.
    case norm
    /// Projections to queries, keys and values, one under the other.
    case attentionInput
    /// From the heads back to the stack's width.
    case attentionOutput
    /// The attention part's norm.
    case attentionNorm
    /// From a decoder's states to the queries that meet the encoder's.
    case crossQuery
    /// From the encoder's states to keys and values, one under the other.
    case crossKeys
    /// From the heads that read the encoder's states back to the stack's width.
    case crossOutput
    /// The norm of that part.
    case crossNorm
    /// Feed-forward, in.
    case feedForwardInput
    /// Feed-forward, out.
    case feedForwardOutput
    /// The feed-forward part's norm.
    case feedForwardNorm
    /// The norm over what attention adds.
    case attentionOutputNorm
    /// The norm over what the feed-forward part adds.
    case feedForwardOutputNorm
    /// The norm over each head's query.
    case queryNorm
    /// The norm over each head's key.
    case keyNorm
    /// The convolution beside a block.
    case convolution
    /// The norm behind the convolution.
    case convolutionNorm
    /// The head's first layer.
    case pool
    /// The head's last layer.
    case classifier
  }

  /// What it is there.
  public enum Role: Sendable, Hashable {
    /// Rows that ids choose.
    case table
    /// The weight of a product, [outputs, inputs].
    case weight
    /// Added to a product.
    case bias
    /// A norm's factor.
    case gain
    /// Added by a norm.
    case shift
    /// The first matrix of the low-rank addition to the product's layer of this number, [rank, inputs].
    case down(Int)
    /// Its second, [outputs, rank].
    case up(Int)
  }

  /// Where it stands.
  public var place: Place
  /// In which part.
  public var part: Part
  /// What it is there.
  public var role: Role

  /// The tensor of `part` at `place`.
  public init(_ place: Place, _ part: Part, _ role: Role) {
    (self.place, self.part, self.role) = (place, part, role)
  }

  /// Whether it is a matrix of a low-rank addition.
  public var isLowRank: Bool {
    switch role {
    case .down, .up: true
    case .table, .weight, .bias, .gain, .shift: false
    }
  }

  /// The number of the block's weights; nil outside the blocks.
  public var block: Int? {
    if case .block(let index) = place { index } else { nil }
  }
}

extension ParameterKey: CustomStringConvertible {
  /// For messages; nothing reads it.
  public var description: String {
    if let block { return "block \(block) \(part) \(role)" }
    return "\(place) \(part) \(role)"
  }
}
