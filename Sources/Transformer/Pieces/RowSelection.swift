import Tensor

/// Which rows are needed behind the last attention: rows do not mix there, so the rest is not computed.
package enum RowSelection: Equatable {
  /// All.
  case all
  /// Each sequence's first.
  case firsts
  /// Each sequence's last.
  case lasts
  /// These, in this order.
  case rows([Int])

  /// What serves both: where they differ, all.
  func union(_ other: RowSelection) -> RowSelection { self == other ? self : .all }

  /// The chosen rows of `matrix`; in inference they move to the front of the same storage. That is safe in
  /// order where rows are chosen in their order, because then none is above its new place.
  func of(_ matrix: Matrix, _ pass: Pass) -> Matrix {
    if case .all = self { return matrix }
    let count = count(pass.layout)
    let chosen =
      pass.recorder?.matrix(count, matrix.columns) ?? matrix.rowRange(0..<count)
    for row in 0..<count {
      let source = source(row, pass.layout)
      if pass.recorder != nil || source != row { chosen.setRow(row, from: matrix, row: source) }
    }
    return chosen
  }

  private func count(_ layout: RaggedRows) -> Int {
    switch self {
    case .all: layout.rows
    case .firsts, .lasts: layout.count
    case .rows(let rows): rows.count
    }
  }

  private func source(_ row: Int, _ layout: RaggedRows) -> Int {
    switch self {
    case .all: row
    case .firsts: layout[row].lowerBound
    case .lasts: layout[row].upperBound - 1
    case .rows(let rows): rows[row]
    }
  }

  /// The gradient of all rows from that of the chosen ones.
  func backward(_ gradient: Matrix, _ pass: Pass) -> Matrix {
    guard let recorder = pass.recorder else { return gradient }
    if case .all = self { return gradient }
    let layout = pass.layout
    let all = recorder.matrix(layout.rows, gradient.columns)
    all.zero()
    for row in 0..<gradient.rows { all.setRow(source(row, layout), from: gradient, row: row) }
    return all
  }
}
