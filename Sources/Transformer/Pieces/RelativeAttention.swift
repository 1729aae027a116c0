import Tensor

/// What all blocks share of relative places: the table, its norm, and the row that each distance takes.
final class RelativePlaces {
  /// The row for each distance j − i from 1 − longest to longest − 1.
  let rows: [Int32]
  /// The shared table; nil where each block has its own.
  let table: Matrix?
  let norm: Normalization?
  /// The table's gradient; nil in inference.
  let gradient: Matrix?
  /// Whether the table holds numbers to be added to scores, one a head, and not states.
  let isBias: Bool
  /// This run's: the table behind its norm, or the numbers for each head and distance.
  private(set) var states: Matrix?
  private(set) var statesGradient: Matrix?

  init(rows: [Int32], table: Matrix?, norm: Normalization?, gradient: Matrix?, isBias: Bool) {
    (self.rows, self.table, self.norm, self.gradient) = (rows, table, norm, gradient)
    self.isBias = isBias
  }

  /// Begins a run that learns, or one that makes constants of it all.
  func begin(_ pass: Pass) {
    guard let table else { return }
    let states =
      isBias
      ? Matrix(rows: table.columns, columns: rows.count)
      : norm?.forward(table, into: .normed, pass) ?? table
    if isBias {
      for head in 0..<states.rows {
        for (column, row) in rows.enumerated() { states[head, column] = table[Int(row), head] }
      }
    }
    self.states = states
    statesGradient = pass.recorder?.matrix(states.rows, states.columns)
    statesGradient?.zero()
  }

  /// Adds to the table's gradient what the blocks left.
  func end(_ pass: Pass) {
    guard let gradient, let statesGradient else { return }
    if isBias {
      for head in 0..<statesGradient.rows {
        for (column, row) in rows.enumerated() {
          gradient[Int(row), head] += statesGradient[head, column]
        }
      }
    } else if let norm {
      _ = norm.backward(statesGradient, addingTo: gradient, pass)
    } else {
      pass.kernels.add(statesGradient, to: gradient)
    }
  }
}

/// What a block's scores get from relative places: a number for the distance's bucket (Raffel et al., 2020),
/// products of queries and of keys with vectors of distances (Shaw et al., 2018), or with projected
/// ones (He et al., 2021).
struct RelativeAttention {
  /// What the kernels add to the scores.
  struct Tables: Sendable {
    var bias: Matrix?
    var relative: RelativeTables?
  }

  /// The gradients of `Tables`' matrices.
  struct Gradients {
    var bias, keys, queries: Matrix?
    /// Of the tokens' own projections, whose columns `keys` and `queries` are.
    var fused: Matrix?
  }

  let shape: AttentionShape
  let places: RelativePlaces
  /// The places' own projections.
  let keys: Projection?
  let queries: Projection?
  /// A table of the block's own, and its gradient in training.
  let table: Matrix?
  let tableGradient: Matrix?
  /// In inference everything is constant.
  let constant: Tables?

  private var disentangled: DisentangledShape? {
    if case .disentangled(let shape) = shape.positions { shape } else { nil }
  }

  /// The tables; `input` is the tokens' projection.
  func forward(_ input: Projection, _ pass: Pass) -> Tables {
    if let constant { return constant }
    if places.isBias { return Tables(bias: places.states) }
    guard let shape = disentangled, let states = places.states else {
      var queries: Matrix?
      if case .distances(keys: true) = self.shape.positions { queries = table }
      return tables(keys: table, queries: queries)
    }
    if shape.sharesProjections {
      let fused = input.forward(states, into: .fused, pass)
      return tables(
        keys: shape.hasKeys ? keyColumns(fused) : nil,
        queries: shape.hasQueries ? queryColumns(fused) : nil)
    }
    let key = keys?.forward(states, into: .wide, pass)
    return tables(keys: key, queries: queries?.forward(states, into: .mixed, pass))
  }

  private func tables(keys: Matrix?, queries: Matrix?) -> Tables {
    Tables(relative: RelativeTables(keys: keys, queries: queries, rows: places.rows))
  }

  private func queryColumns(_ fused: Matrix) -> Matrix { fused.columnRange(0..<shape.form.width) }

  private func keyColumns(_ fused: Matrix) -> Matrix {
    fused.columnRange(shape.form.width..<2 * shape.form.width)
  }

  /// Where the gradients of this run's tables go.
  func gradients(_ tables: Tables, _ pass: Pass) -> Gradients {
    guard let recorder = pass.recorder else { preconditionFailure("inference has no gradients") }
    if places.isBias { return Gradients(bias: places.statesGradient) }
    guard let shape = disentangled, let states = places.states else {
      return Gradients(
        keys: tableGradient, queries: tables.relative?.queries == nil ? nil : tableGradient)
    }
    func zeros(_ columns: Int) -> Matrix {
      let matrix = recorder.matrix(states.rows, columns)
      matrix.zero()
      return matrix
    }
    guard shape.sharesProjections else {
      let width = self.shape.form.width
      return Gradients(
        keys: shape.hasKeys ? zeros(width) : nil, queries: shape.hasQueries ? zeros(width) : nil)
    }
    let fused = zeros(self.shape.form.fusedWidth)
    return Gradients(
      keys: shape.hasKeys ? keyColumns(fused) : nil,
      queries: shape.hasQueries ? queryColumns(fused) : nil, fused: fused)
  }

  /// Takes the tables' gradients to the projections and on to the shared table.
  func backward(_ gradients: Gradients, _ input: Projection, _ pass: Pass) {
    guard disentangled != nil, let target = places.statesGradient else { return }
    if let fused = gradients.fused {
      return pass.kernels.add(input.backward(fused, pass), to: target)
    }
    if let queries, let gradient = gradients.queries {
      pass.kernels.add(queries.backward(gradient, pass), to: target)
    }
    if let keys, let gradient = gradients.keys {
      pass.kernels.add(keys.backward(gradient, pass), to: target)
    }
  }

  /// The tables in storage of their own, for inference.
  func constants(_ input: Projection, _ pass: Pass) -> Tables {
    let tables = forward(input, pass)
    guard let relative = tables.relative, table == nil else { return tables }
    func copy(_ matrix: Matrix?) -> Matrix? {
      guard let matrix else { return nil }
      let copy = Matrix(rows: matrix.rows, columns: matrix.columns)
      copy.copy(from: matrix)
      return copy
    }
    return self.tables(keys: copy(relative.keys), queries: copy(relative.queries))
  }
}
