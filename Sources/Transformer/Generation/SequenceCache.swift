import Tensor

/// Keys and values of a source for each of the decoder's blocks: computed once, read at every step of every text that is
/// written from it.
package final class SourceKeys {
  private let blocks: [Matrix]
  /// Tokens of the source.
  package let tokenCount: Int

  init(_ blocks: [Matrix]) {
    self.blocks = blocks
    tokenCount = blocks.first?.rows ?? 0
  }

  /// [tokens, keys and values] for block number `block`.
  subscript(block: Int) -> Matrix { blocks[block] }

  /// Memory taken.
  package var byteCount: Int { blocks.reduce(0) { $0 + $1.count * MemoryLayout<Float>.size } }
}

/// Keys and values of what a text has been so far, for each of the decoder's blocks. Grows by doubling.
package final class SequenceCache {
  /// What the text is written from.
  package let source: SourceKeys
  /// Tokens whose keys and values are kept.
  package private(set) var count = 0
  private var blocks: [Matrix?]

  private static let leastRows = 16

  /// Nothing is written yet.
  init(_ source: SourceKeys, blocks: Int) {
    self.source = source
    self.blocks = Array(repeating: nil, count: blocks)
  }

  /// Keeps `rows`, [new tokens, keys and values], behind those that are there; gives all of them.
  func append(_ rows: Matrix, block: Int) -> Matrix {
    let needed = count + rows.rows
    let room = blocks[block].map(\.rows) ?? 0
    if needed > room {
      let wider = Matrix(rows: max(needed, 2 * room, Self.leastRows), columns: rows.columns)
      if let old = blocks[block], count > 0 {
        wider.rowRange(0..<count).copy(from: old.rowRange(0..<count))
      }
      blocks[block] = wider
    }
    guard let kept = blocks[block] else { preconditionFailure("there is room") }
    kept.rowRange(count..<needed).copy(from: rows)
    return kept.rowRange(0..<needed)
  }

  /// All blocks have kept `tokens` more.
  func advance(by tokens: Int) { count += tokens }

  /// Another text that has been the same so far.
  package func copy() -> SequenceCache {
    let copy = SequenceCache(source, blocks: blocks.count)
    copy.count = count
    copy.blocks = blocks.map { block in
      guard let block else { return nil }
      let own = Matrix(rows: block.rows, columns: block.columns)
      own.rowRange(0..<count).copy(from: block.rowRange(0..<count))
      return own
    }
    return copy
  }

  /// Memory taken, without the source's.
  package var byteCount: Int {
    blocks.reduce(0) { $0 + ($1?.count ?? 0) * MemoryLayout<Float>.size }
  }
}
