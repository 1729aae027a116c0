/// Memory that models reuse from word to word.
struct ModelScratch: Sendable {
  /// Hashes of a word's prefixes with their ends.
  var hashes: [(hash: PrefixHash, end: Int)] = []
  /// Symbols of a word that is being merged.
  var symbols: [BytePairModel.Symbol] = []
  /// Merges that may come next, as a heap.
  var merges = MergeHeap()
  /// Scores of the best paths that end at the last places.
  var scores: [Double] = []
  /// The last token of the best path to each place.
  var tokens: [Int32] = []
  /// Ids in reverse.
  var reversed: [Int32] = []
  /// Whether `ranges` is kept: where in the text each token stands.
  var keepsRanges = false
  var ranges: [Range<Int>] = []
  /// Those of `reversed`.
  var reversedRanges: [Range<Int>] = []
  /// Steps taken, so that tests can count work.
  var steps = 0

  /// Gives memory back that only a giant word needed.
  mutating func shrink() {
    if symbols.capacity > 1 << 16 { symbols = [] }
    if merges.capacity > 1 << 16 { merges = MergeHeap() }
    if tokens.capacity > 1 << 16 { tokens = [] }
    if reversed.capacity > 1 << 16 { reversed = [] }
  }
}

/// A binary heap of merges, least first: a merge is its rank, then its place.
struct MergeHeap: Sendable {
  private var items: [UInt64] = []

  var capacity: Int { items.capacity }

  mutating func removeAll() { items.removeAll(keepingCapacity: true) }

  mutating func push(rank: UInt32, place: Int) {
    let item = UInt64(rank) << 32 | UInt64(UInt32(truncatingIfNeeded: place))
    items.append(item)
    var child = items.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      if items[parent] <= item { break }
      items[child] = items[parent]
      child = parent
    }
    items[child] = item
  }

  mutating func pop() -> (rank: UInt32, place: Int)? {
    guard let top = items.first, let last = items.popLast() else { return nil }
    if !items.isEmpty {
      var parent = 0
      while true {
        var child = 2 * parent + 1
        if child >= items.count { break }
        if child + 1 < items.count && items[child + 1] < items[child] { child += 1 }
        if items[child] >= last { break }
        items[parent] = items[child]
        parent = child
      }
      items[parent] = last
    }
    return (UInt32(top >> 32), Int(top & 0xFFFF_FFFF))
  }
}
