/// A text as a model takes it.
public struct Encoding: Sendable, Equatable {
  /// Token ids, special tokens included.
  public var ids: [Int32]
  /// Segment of each token: 0 for the first text, 1 for the second.
  public var typeIDs: [Int32]
  /// Whether the text was longer than asked and its end was left off.
  public var isTruncated: Bool
  /// How many of the ids are the unknown token.
  public var unknownCount: Int
  /// Where each token comes from; empty where that was not asked for.
  public var origins: [TokenOrigin] = []
  /// How many of the first tokens are those of a prompt, which have no part in pooling.
  public var promptCount = 0
  /// How many tokens are seen by all, the first ones; those behind see them alone, not each other. Nil for all.
  public var seenCount: Int?
  /// Whether the layers read it; where they do not, its tokens alone make the answer.
  public var isRead = true

  /// Tokens that were made elsewhere.
  public init(ids: [Int32], typeIDs: [Int32], isTruncated: Bool, unknownCount: Int) {
    self.ids = ids
    self.typeIDs = typeIDs
    self.isTruncated = isTruncated
    self.unknownCount = unknownCount
  }
}
