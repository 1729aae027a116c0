/// A normalised text and the pieces of it that a model takes one by one.
struct PieceList: Sendable {
  /// The text in UTF-8.
  var text: [UInt8] = []
  /// Where the pieces stand in it, in order.
  var ranges: [Range<Int>] = []

  /// Bytes that expressions have looked at, so that tests can count work.
  var steps = 0

  /// Forgets the content, but keeps the memory.
  mutating func clear() {
    text.removeAll(keepingCapacity: true)
    ranges.removeAll(keepingCapacity: true)
  }
}
