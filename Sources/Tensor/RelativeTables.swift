/// What relative places add to the scores (Shaw et al., 2018; He et al., 2021): the query at i and the key at
/// j meet a row of each table that depends on j − i.
///
/// To scores go scale · q_i · keys[row(j − i)] and scale · k_j · queries[row(j − i)]. DeBERTa's tables hold
/// its projected embeddings of places, whose row for j − i is that of its bucket of i − j; both of its
/// terms take the same row. BERT's `relative_key_query` gives one table for both, all heads' alike.
public struct RelativeTables: Sendable {
  /// What queries meet, [n, heads · headSize], or [n, headSize] for all heads; nil for none.
  public let keys: Matrix?
  /// What keys meet, of the same shape; nil for none.
  public let queries: Matrix?
  /// A row for each distance j − i from 1 − longest to longest − 1.
  public let rows: [Int32]

  /// Tables with the rows that distances take; there is an odd number of these.
  public init(keys: Matrix?, queries: Matrix?, rows: [Int32]) {
    precondition(rows.count % 2 == 1, "distances to both sides, and 0")
    let count = min(keys?.rows ?? .max, queries?.rows ?? .max)
    precondition(rows.allSatisfy { $0 >= 0 && $0 < count }, "rows outside the tables")
    (self.keys, self.queries, self.rows) = (keys, queries, rows)
  }

  /// Tokens of the longest text whose distances have rows.
  public var longest: Int { (rows.count + 1) / 2 }

  /// Whether all heads read the same columns.
  func isShared(_ form: AttentionForm) -> Bool {
    [keys, queries].contains { $0.map { $0.columns < form.width } ?? false }
  }
}

extension Matrix {
  /// The columns of head `head` of a table of one or all heads.
  func table(_ head: Int, _ form: AttentionForm) -> UnsafeMutablePointer<Float> {
    columns == form.width ? base + head * form.headSize : base
  }
}
