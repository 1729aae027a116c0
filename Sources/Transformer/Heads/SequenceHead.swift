import Tensor

/// Scores of the whole text: a linear layer on one state, mostly behind another with an activation.
struct SequenceHead {
  let shape: SequenceHeadShape
  let pool: Projection?
  let norm: Normalization?
  let classifier: Projection
  let dropout: Float

  private static let dropoutPlace: UInt32 = 0

  /// Which rows the head needs.
  var kept: RowSelection {
    switch shape.reading {
    case .first: .firsts
    case .last: .lasts
    case .mean, .late, .each: .all
    }
  }

  /// What the last layer reads, [sequences, d], and the scores before softmax, [sequences, labels].
  func forward(_ states: Matrix, _ pass: Pass) -> (pooled: Matrix, logits: Matrix) {
    var pooled = shape.reading == .mean ? means(states, pass) : states
    if let pool {
      pooled = pool.forward(
        pooled, activation: shape.pool?.activation ?? .none, into: .pooled, pass)
      if let norm { pooled = norm.forward(pooled, pass) }
    }
    if shape.reading == .late { pooled = means(pooled, pass) }
    pass.kernels.apply(pass.dropout(dropout, Self.dropoutPlace), to: pooled)
    return (pooled, classifier.forward(pooled, into: .logits, pass))
  }

  /// ∂loss/∂states from ∂loss/∂logits.
  func backward(_ logitsGradient: Matrix, _ pass: Pass) -> Matrix {
    var gradient = classifier.backward(logitsGradient, pass)
    pass.kernels.apply(pass.dropout(dropout, Self.dropoutPlace), to: gradient)
    if shape.reading == .late { gradient = meansBackward(gradient, pass) }
    if let pool {
      if let norm { gradient = norm.backward(gradient, pass) }
      gradient = pool.backward(gradient, activation: shape.pool?.activation ?? .none, pass)
    }
    return shape.reading == .mean ? meansBackward(gradient, pass) : gradient
  }

  /// The mean of each sequence's rows.
  func means(_ states: Matrix, _ pass: Pass) -> Matrix {
    let layout = pass.layout
    let means = pass.matrix(.means, layout.count, states.columns)
    for sequence in 0..<layout.count {
      let (mean, start) = (means.rowRange(sequence..<sequence + 1), layout.starts[sequence])
      mean.setRow(0, from: states, row: start)
      for row in start + 1..<layout.starts[sequence + 1] {
        pass.kernels.add(states.rowRange(row..<row + 1), to: mean)
      }
      pass.kernels.scale(mean, by: 1 / Float(layout.length(sequence)))
    }
    return means
  }

  private func meansBackward(_ gradient: Matrix, _ pass: Pass) -> Matrix {
    let layout = pass.layout
    let all = pass.matrix(.means, layout.rows, gradient.columns)
    for sequence in 0..<layout.count {
      pass.kernels.scale(
        gradient.rowRange(sequence..<sequence + 1), by: 1 / Float(layout.length(sequence)))
      for row in layout.starts[sequence]..<layout.starts[sequence + 1] {
        all.setRow(row, from: gradient, row: sequence)
      }
    }
    return all
  }
}
