import Tensor

/// Which rows are needed behind the last attention: rows do not mix there, so the rest is not computed.
enum RowSelection {
  /// All.
  case all
  /// Each sequence's first.
  case firsts
  /// These, in this order.
  case rows([Int])

  /// The chosen rows of `matrix`; in inference, firsts move to the front of the same storage. That is safe in
  /// order, because a sequence's number is never above its first row's.
  func of(_ matrix: Matrix, _ pass: Pass) -> Matrix {
    switch self {
    case .all: return matrix
    case .rows(let rows): return copy(matrix, rows.count, pass) { rows[$0] }
    case .firsts:
      let layout = pass.layout
      if pass.recorder != nil { return copy(matrix, layout.count, pass) { layout[$0].lowerBound } }
      for sequence in 0..<layout.count where layout[sequence].lowerBound != sequence {
        matrix.setRow(sequence, from: matrix, row: layout[sequence].lowerBound)
      }
      return matrix.rowRange(0..<layout.count)
    }
  }

  private func copy(
    _ matrix: Matrix, _ count: Int, _ pass: Pass, _ source: (Int) -> Int
  ) -> Matrix {
    let chosen =
      pass.recorder?.matrix(count, matrix.columns) ?? Matrix(rows: count, columns: matrix.columns)
    for row in 0..<count { chosen.setRow(row, from: matrix, row: source(row)) }
    return chosen
  }

  /// The gradient of all rows from that of the chosen ones.
  func backward(_ gradient: Matrix, _ pass: Pass) -> Matrix {
    guard let recorder = pass.recorder else { return gradient }
    let layout = pass.layout
    let source: (Int) -> Int
    switch self {
    case .all: return gradient
    case .rows(let rows): source = { rows[$0] }
    case .firsts: source = { layout[$0].lowerBound }
    }
    let all = recorder.matrix(layout.rows, gradient.columns)
    all.zero()
    for row in 0..<gradient.rows { all.setRow(source(row), from: gradient, row: row) }
    return all
  }
}
