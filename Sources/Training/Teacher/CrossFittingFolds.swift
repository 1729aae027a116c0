/// Deals rows out to folds, so that none is judged by a model that has learned from much the same text.
///
/// Rows that have five words in a row in common go together: a sentence and its phrases, an advertisement
/// and its copies. Each label's rows are spread evenly.
package struct CrossFittingFolds {
  /// The fold of each row.
  package let fold: [Int]

  /// Words in a row, and bytes, that two rows must share; the bytes are those of eight Chinese characters.
  private static let (words, bytes) = (5, 24)

  /// Deals out rows of the given words and labels. The same seed gives the same folds.
  package init(_ rows: [[String]], labels: [Int], folds: Int, seed: UInt64) {
    // A group as large as a fold would leave the other folds to each other alone.
    var groups = DisjointSets(count: rows.count, largest: max(1, rows.count / (2 * folds)))
    var first: [ArraySlice<String>: Int] = [:]
    for (row, units) in rows.enumerated() {
      for shingle in Self.shingles(units) {
        if let other = first[shingle] {
          groups.join(other, row)
        } else {
          first[shingle] = row
        }
      }
    }
    var generator = SeededGenerator(seed: seed ^ 0x7EAC_4E12)
    var (filled, fold) = ([Int: [Int]](), [Int](repeating: -1, count: rows.count))
    for row in rows.indices.shuffled(using: &generator) {
      let root = groups.root(row)
      if fold[root] < 0 {
        var counts = filled[labels[root]] ?? [Int](repeating: 0, count: folds)
        // Labels of one row each begin at different folds.
        let order = (0..<folds).map { ($0 + root) % folds }
        fold[root] = order.min { counts[$0] < counts[$1] } ?? 0
        counts[fold[root]] += groups.size(root)
        filled[labels[root]] = counts
      }
      fold[row] = fold[root]
    }
    self.fold = fold
  }

  /// The shortest runs of words that are long enough, and of the whole text.
  private static func shingles(_ units: [String]) -> [ArraySlice<String>] {
    var found = [units[...]]
    var (end, length) = (0, 0)
    for start in units.indices {
      while end < units.count && (end - start < words || length < bytes) {
        length += units[end].utf8.count
        end += 1
      }
      guard end - start >= words && length >= bytes else { break }
      found.append(units[start..<end])
      length -= units[start].utf8.count
    }
    return found
  }
}

/// Sets that are joined and asked for their representative (Tarjan, 1975).
private struct DisjointSets {
  private var parent: [Int]
  private var sizes: [Int]
  private let largest: Int

  /// Sets of one, that never grow beyond `largest`.
  init(count: Int, largest: Int) {
    parent = Array(0..<count)
    sizes = [Int](repeating: 1, count: count)
    self.largest = largest
  }

  /// Elements of the set that `root` represents.
  func size(_ root: Int) -> Int { sizes[root] }

  mutating func root(_ element: Int) -> Int {
    var element = element
    while parent[element] != element {
      parent[element] = parent[parent[element]]
      element = parent[element]
    }
    return element
  }

  mutating func join(_ a: Int, _ b: Int) {
    let (a, b) = (root(a), root(b))
    guard a != b, sizes[a] + sizes[b] <= largest else { return }
    let (small, large) = sizes[a] < sizes[b] ? (a, b) : (b, a)
    parent[small] = large
    sizes[large] += sizes[small]
  }
}
