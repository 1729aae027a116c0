import Tensor
import Transformer

/// What a head reads of each row, computed once and without dropout: while the encoder stays as it is, that is the same in every
/// epoch.
struct FrozenStates {
  /// Numbers kept at most, which take 1 GiB.
  private static let most = 1 << 28
  private static let batchSize = 64
  private let values: Matrix

  /// The states of `examples`; nil where the head reads every token, or where there would be too many. `progress` hears how many
  /// rows are done.
  ///
  /// - Throws: `EmptySequence` for a row without tokens.
  init?(
    _ encoder: Encoder, _ examples: [TrainingExample], progress: (Int) -> Void = { _ in }
  ) throws {
    let width = encoder.shape.hiddenSize
    guard examples.count <= Self.most / width else { return nil }
    let order = examples.indices.sorted { examples[$0].ids.count < examples[$1].ids.count }
    values = Matrix(rows: examples.count, columns: width)
    for start in stride(from: 0, to: order.count, by: Self.batchSize) {
      let rows = order[start..<min(start + Self.batchSize, order.count)]
      let batch = try TokenBatch.of(rows.map { examples[$0] }, in: encoder.shape)
      guard let states = encoder.headStates(batch) else { return nil }
      for (index, row) in rows.enumerated() { values.setRow(row, from: states, row: index) }
      progress(start + rows.count)
    }
  }

  /// The states of these rows, in storage of their own.
  subscript(rows: [Int]) -> Matrix {
    let chosen = Matrix(rows: rows.count, columns: values.columns)
    for (index, row) in rows.enumerated() { chosen.setRow(index, from: values, row: row) }
    return chosen
  }
}
