import Foundation

/// A batch was to hold a sequence without rows: its first row would be another sequence's.
public struct EmptySequence: Error, Equatable, LocalizedError {
  /// Which of the sequences, from 0.
  public let index: Int

  /// The sequence of this index is empty.
  public init(index: Int) { self.index = index }

  /// What, where and how to mend it.
  public var errorDescription: String? {
    "sequence \(index) of the batch has no tokens. Leave it out, or give it a text."
  }
}

/// Where each sequence of a ragged batch starts among the rows: `starts[i]..<starts[i + 1]`. None is empty, so
/// each has a first and a last row of its own.
public struct RaggedRows: Sendable, Equatable {
  /// Row offsets, one more than there are sequences; the first is 0.
  public let starts: [Int]

  /// No sequences.
  public init() { starts = [0] }

  /// The layout of sequences of these lengths, one behind the other.
  ///
  /// - Throws: `EmptySequence` for a length below 1.
  public init(lengths: [Int]) throws(EmptySequence) {
    var starts = [0]
    starts.reserveCapacity(lengths.count + 1)
    for (index, length) in lengths.enumerated() {
      if length < 1 { throw EmptySequence(index: index) }
      starts.append((starts.last ?? 0) + length)
    }
    self.starts = starts
  }

  /// `count` sequences of one row each.
  public init(ofSingles count: Int) { starts = Array(0...count) }

  /// The layout of some sequences of another, one behind the other.
  public init(of sequences: [Int], in other: RaggedRows) {
    starts = sequences.reduce(into: [0]) { $0.append(($0.last ?? 0) + other.length($1)) }
  }

  /// The rows of sequence `index`; at least one.
  public subscript(_ index: Int) -> Range<Int> { starts[index]..<starts[index + 1] }

  /// Sequences.
  public var count: Int { starts.count - 1 }
  /// Rows of all sequences.
  public var rows: Int { starts[starts.count - 1] }
  /// Rows of the longest sequence.
  public var longest: Int { (0..<count).reduce(0) { max($0, length($1)) } }
  /// Rows of sequence `index`.
  public func length(_ index: Int) -> Int { starts[index + 1] - starts[index] }
}
