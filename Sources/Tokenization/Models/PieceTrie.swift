/// A read-only trie over tokens. The children of a node stand side by side in the order of their bytes, and a
/// branch with one token left ends in that token's remaining bytes, so it takes about two nodes a token.
struct PieceTrie: Sendable {
  /// First child of each node; the next node's first child is its end.
  private var children: [UInt32] = []
  /// The byte that leads to a node.
  private var labels: [UInt8] = []
  /// Token that ends at the node, or whose remaining bytes follow; -1 for none.
  private var tokens: [Int32] = []
  /// Where in `bytes` the rest of a node's token stands (high half) and its length; 0 where it ends here.
  private var tails: [UInt64] = []
  private let bytes: [UInt8]
  /// The root's child for each first byte.
  private var roots = [UInt32](repeating: 0, count: 256)

  /// One token: where its bytes stand, and what it is called.
  typealias Entry = (range: Range<Int>, token: Int32)

  /// A trie over `entries`, whose bytes stand in `bytes`; of two with equal bytes the later counts.
  init(_ entries: [Entry], bytes: [UInt8]) {
    self.bytes = bytes
    let sorted = Self.sorted(entries, bytes)
    build(sorted)
  }

  /// By their bytes; the first eight as one number decide most comparisons.
  private static func sorted(_ entries: [Entry], _ bytes: [UInt8]) -> [Entry] {
    func key(_ range: Range<Int>) -> UInt64 {
      var key: UInt64 = 0
      for offset in 0..<8 {
        let index = range.lowerBound + offset
        key = key << 8 | (index < range.upperBound ? UInt64(bytes[index]) : 0)
      }
      return key
    }
    var order = entries.indices.map { (key: key(entries[$0].range), index: Int32($0)) }
    order.sort { left, right in
      if left.key != right.key { return left.key < right.key }
      let (a, b) = (entries[Int(left.index)].range, entries[Int(right.index)].range)
      let common = min(a.count, b.count)
      var offset = 0
      while offset < common {
        let (x, y) = (bytes[a.lowerBound + offset], bytes[b.lowerBound + offset])
        if x != y { return x < y }
        offset += 1
      }
      return a.count != b.count ? a.count < b.count : left.index < right.index
    }
    return order.map { entries[Int($0.index)] }
  }

  /// Level by level, so that children get numbers in a row.
  private mutating func build(_ entries: [Entry]) {
    var groups: [(low: Int32, high: Int32, depth: Int32)] = [(0, Int32(entries.count), 0)]
    labels.append(0)
    var next = 0
    while next < groups.count {
      let group = groups[next]
      let (high, depth) = (Int(group.high), Int(group.depth))
      var low = Int(group.low)
      next += 1
      children.append(UInt32(groups.count))
      var token: Int32 = -1
      while low < high && entries[low].range.count == depth {
        token = entries[low].token
        low += 1
      }
      if token < 0 && low + 1 == high && depth > 0 {
        let entry = entries[low]
        let start = entry.range.lowerBound + depth
        tokens.append(entry.token)
        tails.append(UInt64(start) << 32 | UInt64(entry.range.upperBound - start))
        continue
      }
      tokens.append(token)
      tails.append(0)
      while low < high {
        let byte = bytes[entries[low].range.lowerBound + depth]
        var end = low + 1
        while end < high && bytes[entries[end].range.lowerBound + depth] == byte { end += 1 }
        labels.append(byte)
        if depth == 0 { roots[Int(byte)] = UInt32(groups.count) }
        groups.append((Int32(low), Int32(end), Int32(depth + 1)))
        low = end
      }
    }
    children.append(UInt32(groups.count))
  }

  /// The first bytes that tokens have.
  var firstBytes: [Bool] { roots.map { $0 != 0 } }

  /// Calls `body` with each token that `text[start..<end]` begins with, and where it ends, shortest first.
  @inline(__always)
  func forEachPrefix(
    _ text: Span<UInt8>, from start: Int, to end: Int, _ body: (Int32, Int) -> Void
  ) {
    guard start < end else { return }
    var node = Int(roots[Int(text[start])])
    var index = start + 1
    while node != 0 {
      let token = tokens[node]
      if token >= 0 {
        let tail = tails[node]
        if tail == 0 {
          body(token, index)
        } else {
          let (from, count) = (Int(tail >> 32), Int(tail & 0xFFFF_FFFF))
          guard index + count <= end else { return }
          for offset in 0..<count where bytes[from + offset] != text[index + offset] { return }
          body(token, index + count)
          return
        }
      }
      if index == end { return }
      node = child(node, text[index])
      index += 1
    }
  }

  /// The longest token that `text[start..<end]` begins with.
  func longest(_ text: Span<UInt8>, from start: Int, to end: Int) -> (token: Int32, end: Int)? {
    var found: (Int32, Int)?
    forEachPrefix(text, from: start, to: end) { found = ($0, $1) }
    return found
  }

  /// The child of `node` by `byte`; 0, the root, where there is none.
  @inline(__always)
  private func child(_ node: Int, _ byte: UInt8) -> Int {
    var (low, high) = (Int(children[node]), Int(children[node + 1]))
    while high - low > 4 {
      let middle = (low + high) / 2
      if labels[middle] <= byte { low = middle } else { high = middle }
    }
    while low < high {
      if labels[low] == byte { return low }
      low += 1
    }
    return 0
  }
}
