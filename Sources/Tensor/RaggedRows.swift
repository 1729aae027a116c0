/// Where each sequence of a ragged batch starts among the rows: `starts[i]..<starts[i + 1]`.
public struct RaggedRows: Sendable, Equatable {
  /// Row offsets, one more than there are sequences; the first is 0.
  public let starts: [Int]

  /// The layout of sequences of these lengths, one behind the other.
  public init(lengths: [Int]) {
    var starts = [0]
    starts.reserveCapacity(lengths.count + 1)
    for length in lengths {
      precondition(length >= 0, "a sequence has no negative length")
      starts.append((starts.last ?? 0) + length)
    }
    self.starts = starts
  }

  /// Sequences.
  public var count: Int { starts.count - 1 }
  /// Rows of all sequences.
  public var rows: Int { starts[starts.count - 1] }
  /// Rows of the longest sequence.
  public var longest: Int { (0..<count).reduce(0) { max($0, length($1)) } }
  /// Rows of sequence `index`.
  public func length(_ index: Int) -> Int { starts[index + 1] - starts[index] }
}
