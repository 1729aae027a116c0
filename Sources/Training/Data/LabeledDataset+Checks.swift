extension LabeledDataset {
  /// Rows whose text stands elsewhere with another label: at best one of them is right.
  public struct Conflict: Sendable, Equatable {
    /// The text.
    public var text: String
    /// Lines with it, in order.
    public var lines: [Int]
    /// The labels that it has, sorted.
    public var labels: [String]
  }

  /// All conflicts, in the order of their first line.
  public var conflicts: [Conflict] {
    var first: [String: Int] = [:]
    var groups: [[Int]] = []
    for (index, row) in rows.enumerated() {
      let key = row.text + (row.pair.map { "\0" + $0 } ?? "")
      if let group = first[key] {
        groups[group].append(index)
      } else {
        first[key] = groups.count
        groups.append([index])
      }
    }
    return groups.compactMap { group in
      let labels = LabelIndex.distinct(group.map { rows[$0].label })
      guard labels.count > 1 else { return nil }
      return Conflict(
        text: rows[group[0]].text, lines: group.map { rows[$0].line }, labels: labels)
    }
  }

  /// Tells datasets apart by the bytes of their rows (FNV-1a).
  package var fingerprint: String {
    var hash = FNV1a()
    for field in rows.lazy.flatMap({ [$0.label] + $0.texts }) {
      hash.add(field.utf8)
      // No byte of UTF-8, so that what ends one field begins none.
      hash.add(0xFF as UInt64)
    }
    return String(hash.value, radix: 16)
  }

  /// Places of each label's rows, in order of the labels' bytes.
  var rowsByLabel: [[Int]] {
    Dictionary(grouping: rows.indices) { Array(rows[$0].label.utf8) }
      .sorted { $0.key.lexicographicallyPrecedes($1.key) }.map(\.value)
  }

  /// The only row of each label that has one.
  package var lonelyRows: [LabeledText] {
    rowsByLabel.filter { $0.count == 1 }.flatMap { $0.map { rows[$0] } }
  }

  /// Splits the rows in two: about `share` of each label's rows, at least one where a label has two,
  /// go to the second. The same seed gives the same split.
  public func split(share: Double, seed: UInt64) -> (LabeledDataset, LabeledDataset) {
    var generator = SeededGenerator(seed: seed ^ 0x5EED_0F5B)
    var held = Set<Int>()
    for indices in rowsByLabel {
      let wanted = Int((Double(indices.count) * share).rounded())
      let count = min(max(wanted, indices.count > 1 ? 1 : 0), indices.count - 1)
      held.formUnion(indices.shuffled(using: &generator).prefix(count))
    }
    return (
      LabeledDataset(path: path, rows: rows.indices.filter { !held.contains($0) }.map { rows[$0] }),
      LabeledDataset(path: path, rows: held.sorted().map { rows[$0] })
    )
  }
}
