/// What a layer's attention computes, apart from its numbers.
///
/// Queries, keys and values stand side by side in a fused matrix, [rows, (heads + 2 · keyValueHeads) ·
/// headSize].
public struct AttentionForm: Sendable, Equatable {
  /// Query heads.
  public var heads: Int
  /// Key and value heads; query head h reads number h / (heads / keyValueHeads) (Ainslie et al., 2023).
  public var keyValueHeads: Int
  /// Floats in a head.
  public var headSize: Int
  /// Multiplies the products of queries and keys.
  public var scale: Float
  /// How far before itself a token sees, in tokens; nil for all.
  public var left: Int?
  /// How far behind itself a token sees; nil for all, 0 for causal attention.
  public var right: Int?
  /// Bends scores s to c · tanh(s / c), before distances enter (Gemma 2); 0 for none.
  public var softCap: Float
  /// Taken off the scores for each token of distance, one a head (ALiBi, Press et al., 2022); empty for none.
  public var slopes: [Float]

  /// Attention as in the 2017 paper, but for what is given; the scale is 1 / √headSize without.
  public init(
    heads: Int, keyValueHeads: Int? = nil, headSize: Int, scale: Float? = nil, left: Int? = nil,
    right: Int? = nil, softCap: Float = 0, slopes: [Float] = []
  ) {
    let keyValueHeads = keyValueHeads ?? heads
    precondition(heads > 0 && keyValueHeads > 0 && headSize > 0, "an attention has heads")
    precondition(heads % keyValueHeads == 0, "key and value heads divide the query heads")
    precondition(slopes.isEmpty || slopes.count == heads, "a slope for each head")
    precondition((left ?? 0) >= 0 && (right ?? 0) >= 0, "a window reaches forwards")
    (self.heads, self.keyValueHeads, self.headSize) = (heads, keyValueHeads, headSize)
    self.scale = scale ?? 1 / Float(headSize).squareRoot()
    (self.left, self.right, self.softCap, self.slopes) = (left, right, softCap, slopes)
    precondition(self.scale > 0 && softCap >= 0, "scores have a positive scale")
  }

  /// Columns of the heads' outputs side by side.
  public var width: Int { heads * headSize }
  /// Columns of all keys, or of all values.
  public var keyValueWidth: Int { keyValueHeads * headSize }
  /// Columns of queries, keys and values side by side.
  public var fusedWidth: Int { width + 2 * keyValueWidth }
  /// Query heads that read the same keys and values.
  var group: Int { heads / keyValueHeads }
}
