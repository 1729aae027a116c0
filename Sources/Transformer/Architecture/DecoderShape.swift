/// The second stack of an encoder–decoder (Vaswani et al., 2017, section 3.1): it reads what it has written so far, and in
/// each block the encoder's states.
public struct DecoderShape: Sendable, Equatable {
  /// From token ids to hidden states; the words' table is the encoder's.
  public var embeddings: EmbeddingShape
  /// The blocks, whose weights are numbered behind the encoder's.
  public var stack: StackShape
  /// From hidden states to scores of the words.
  public var output: OutputShape
  /// The token that a text begins with, which is no part of it.
  public var startID: Int
  /// Longest output in tokens, the first one included.
  public var maximumTokens: Int

  /// A decoder of these parts.
  public init(
    embeddings: EmbeddingShape, stack: StackShape, output: OutputShape = OutputShape(),
    startID: Int, maximumTokens: Int
  ) {
    (self.embeddings, self.stack, self.output) = (embeddings, stack, output)
    (self.startID, self.maximumTokens) = (startID, maximumTokens)
  }
}

/// From a decoder's states to scores of all words.
public struct OutputShape: Sendable, Equatable {
  /// Whether the weight is the words' table (Press and Wolf, 2017).
  public var isTied = true
  /// Whether a bias is added.
  public var hasBias = true
  /// Multiplies the states (T5: 1 / √d).
  public var scale: Float = 1

  /// The words' table with a bias, but for what is given.
  public init(isTied: Bool = true, hasBias: Bool = true, scale: Float = 1) {
    (self.isTied, self.hasBias, self.scale) = (isTied, hasBias, scale)
  }
}

extension ModelShape {
  /// The blocks of both stacks.
  public var blocks: [BlockShape] { encoder.blocks + (decoder?.stack.blocks ?? []) }

  /// The output's weight where that is the words' table: a product that inference packs, and no tensor of its own.
  var tiedOutput: TensorSpec? {
    guard decoder?.output.isTied == true else { return nil }
    return TensorSpec(
      key: ParameterKey(.output, .words, .weight), rows: vocabularySize, columns: embeddings.width,
      parts: 1, offset: 0)
  }

  /// What inference packs.
  var products: [TensorSpec] {
    tensors.filter(\.isProduct) + [tiedOutput].compactMap(\.self)
  }
}
