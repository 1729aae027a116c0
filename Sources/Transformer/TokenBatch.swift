import Tensor

/// Sequences of token ids, one behind the other without padding.
public struct TokenBatch: Sendable {
  /// Ids of all sequences.
  public let ids: [Int32]
  /// Segment of each token; empty when all are of segment 0.
  public let tokenTypes: [Int32]
  /// Where each sequence starts.
  public let layout: RaggedRows

  /// Sequences of ids, all of segment 0.
  public init(_ sequences: [[Int32]]) {
    ids = sequences.flatMap(\.self)
    tokenTypes = []
    layout = RaggedRows(lengths: sequences.map(\.count))
  }

  /// Sequences of ids with the segment of each token.
  public init(_ sequences: [[Int32]], tokenTypes types: [[Int32]]) {
    precondition(sequences.map(\.count) == types.map(\.count), "a segment for each token")
    ids = sequences.flatMap(\.self)
    let flat = types.flatMap(\.self)
    tokenTypes = flat.contains { $0 != 0 } ? flat : []
    layout = RaggedRows(lengths: sequences.map(\.count))
  }

  /// Place of each token in its sequence, plus `offset`.
  func positions(offset: Int) -> [Int32] {
    (0..<layout.count).flatMap { sequence in
      (0..<layout.length(sequence)).map { Int32($0 + offset) }
    }
  }

  var types: [Int32] {
    tokenTypes.isEmpty ? [Int32](repeating: 0, count: ids.count) : tokenTypes
  }
}
