import Foundation

/// One text as weights of hashed words and pairs of words.
package struct SparseRow: Sendable, Equatable {
  /// Ascending, without repetition.
  package var indices: [Int32]
  /// Of the same count; their squares sum to 1.
  package var values: [Float]
}

/// Words and pairs of neighbouring words, hashed into a fixed number of buckets (Weinberger et al., 2009) and weighted
/// by (1 + ln count) · (1 + ln((1 + n) / (1 + rows with it))), then scaled to length 1: scikit-learn's
/// `TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2))`.
package struct NGramFeatures {
  /// A power of two.
  package let buckets: Int

  package init(buckets: Int) {
    precondition(buckets > 0 && buckets & (buckets - 1) == 0, "a power of two")
    self.buckets = buckets
  }

  /// How often each bucket occurs in a text, by ascending bucket.
  package func counts(_ words: [String]) -> [(bucket: Int32, count: Int)] {
    let mask = UInt64(buckets - 1)
    let hashes = words.map { FNV1a.of($0.utf8) }
    var found = hashes.map { Int32(Self.mix($0) & mask) }
    for (left, right) in zip(hashes, hashes.dropFirst()) {
      found.append(Int32(Self.mix(Self.mix(left) &+ right) & mask))
    }
    found.sort()
    var result: [(bucket: Int32, count: Int)] = []
    for bucket in found {
      if result.last?.bucket == bucket {
        result[result.count - 1].count += 1
      } else {
        result.append((bucket, 1))
      }
    }
    return result
  }

  /// The weight of each bucket where it occurs once, from the rows to learn from.
  package func inverseFrequencies(_ rows: some Sequence<[(bucket: Int32, count: Int)]>) -> [Float] {
    var (frequency, total) = ([Int32](repeating: 0, count: buckets), 0)
    for row in rows {
      total += 1
      for entry in row { frequency[Int(entry.bucket)] += 1 }
    }
    return frequency.map { Float(1 + log(Double(1 + total) / Double(1 + Int($0)))) }
  }

  /// The weighted row; empty where the text has no words.
  package func weighted(_ counts: [(bucket: Int32, count: Int)], by frequencies: [Float])
    -> SparseRow
  {
    let values = counts.map { (1 + log(Float($0.count))) * frequencies[Int($0.bucket)] }
    let length = values.reduce(0) { $0 + $1 * $1 }.squareRoot()
    return SparseRow(
      indices: counts.map(\.bucket), values: length > 0 ? values.map { $0 / length } : values)
  }

  /// The finaliser of SplitMix64: FNV's low bits alone are too much alike.
  private static func mix(_ value: UInt64) -> UInt64 {
    var generator = SeededGenerator(seed: value)
    return generator.next()
  }
}
