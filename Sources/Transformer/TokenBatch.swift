import Tensor

/// Sequences of token ids, one behind the other without padding. None is empty: no row can be read that is not its own.
public struct TokenBatch: Sendable {
  /// Ids of all sequences.
  public let ids: [Int32]
  /// Segment of each token; empty when all are of segment 0.
  public let tokenTypes: [Int32]
  /// Where each sequence starts.
  public let layout: RaggedRows
  /// The place in its text of each sequence's first token; empty where that is 0 for all.
  let firstPlaces: [Int]
  /// How many tokens of each sequence are seen by all, the first ones; those behind see them alone. Empty where all see all.
  let seen: [Int]

  /// Sequences of ids, with the segment of each token; without, all are of segment 0.
  ///
  /// - Throws: `EmptySequence` naming a sequence without ids.
  public init(
    _ sequences: [[Int32]], tokenTypes types: [[Int32]]? = nil, seen: [Int?] = []
  ) throws(EmptySequence) {
    try self.init(sequences, tokenTypes: types, firstPlaces: [], seen: seen)
  }

  /// Tokens that go on from others, as many of each text as `firstPlaces` says.
  init(
    _ sequences: [[Int32]], tokenTypes types: [[Int32]]? = nil, firstPlaces: [Int],
    seen: [Int?] = []
  ) throws(EmptySequence) {
    precondition(firstPlaces.isEmpty || firstPlaces.count == sequences.count, "a place for each")
    self.firstPlaces = firstPlaces
    let lengths = sequences.map(\.count)
    precondition(types == nil || types?.map(\.count) == lengths, "a segment for each token")
    layout = try RaggedRows(lengths: lengths)
    precondition(seen.isEmpty || seen.count == sequences.count, "for each sequence")
    self.seen = zip(seen, lengths).map { max(1, min($0 ?? $1, $1)) }
    ids = sequences.flatMap(\.self)
    let flat = types?.flatMap(\.self) ?? []
    tokenTypes = flat.contains { $0 != 0 } ? flat : []
  }

  /// Calls `body` with each token's row and the row of the position table that it takes: its place in the sequence
  /// plus the shape's offset. Families that count from behind the padding id count as `transformers` does: a padding token in
  /// the text takes the padding id's row, and no place.
  func eachPosition(_ shape: EmbeddingShape, _ body: (Int, Int32) -> Void) {
    let offset = shape.positionOffset
    for sequence in 0..<layout.count {
      var next = Int32(offset + (firstPlaces.isEmpty ? 0 : firstPlaces[sequence]))
      for row in layout[sequence] {
        if offset > 0 && !shape.countsPadding && ids[row] == Int32(offset - 1) {
          body(row, ids[row])
        } else {
          body(row, next)
          next += 1
        }
      }
    }
  }

  /// The rows of the position table that the tokens take, in order.
  func positions(_ shape: EmbeddingShape) -> [Int32] {
    var positions: [Int32] = []
    positions.reserveCapacity(ids.count)
    eachPosition(shape) { positions.append($1) }
    return positions
  }

  var types: [Int32] {
    tokenTypes.isEmpty ? [Int32](repeating: 0, count: ids.count) : tokenTypes
  }
}
