import Tensor

/// Words, segments and places summed, a norm over the sum, and a linear layer where the tables are narrower
/// than the stack.
struct TokenEmbedding {
  let shape: EmbeddingShape
  let words: Matrix
  let positions: Matrix?
  let tokenTypes: Matrix?
  let norm: Normalization?
  let projection: Projection?
  let dropout: Float
  let dropoutPlace: UInt32
  /// The tables' gradients; nil in inference.
  let gradients: (words: Matrix, positions: Matrix?, tokenTypes: Matrix?)?

  /// Hidden states [tokens, d].
  func forward(_ batch: TokenBatch, _ pass: Pass) -> Matrix {
    let kernels = pass.kernels
    var hidden = pass.matrix(
      projection == nil ? .hidden : .tables, batch.ids.count, shape.width)
    kernels.embed(batch.ids, table: words, output: hidden)
    if shape.scale != 1 { kernels.scale(hidden, by: shape.scale) }
    dropMasks(hidden, batch, kernels)
    if let tokenTypes {
      if batch.tokenTypes.isEmpty {
        kernels.addEmbedding(row: 0, table: tokenTypes, output: hidden)
      } else {
        kernels.addEmbedding(batch.tokenTypes, table: tokenTypes, output: hidden)
      }
    }
    if let positions {
      batch.eachPosition(shape) { row, place in
        kernels.addEmbedding(place, table: positions, output: hidden, row: row)
      }
    }
    if let norm { hidden = norm.forward(hidden, pass) }
    kernels.apply(pass.dropout(dropout, dropoutPlace), to: hidden)
    if let projection { hidden = projection.forward(hidden, into: .hidden, pass) }
    return hidden
  }

  /// Zeroes the rows of masks and scales the others of their text.
  private func dropMasks(_ rows: Matrix, _ batch: TokenBatch, _ kernels: Kernels) {
    guard let dropped = shape.maskDropout else { return }
    for sequence in 0..<batch.layout.count {
      let range = batch.layout[sequence]
      let masks = range.filter { batch.ids[$0] == dropped.maskID }
      let kept = Float(range.count - masks.count) / Float(range.count)
      // A text of masks alone has nothing to scale.
      if kept > 0 { kernels.scale(rows.rowRange(range), by: Float(1 - dropped.share) / kept) }
      for row in masks { rows.rowRange(row..<row + 1).zero() }
    }
  }

  /// Adds to the tables' gradients.
  func backward(_ outputGradient: Matrix, _ batch: TokenBatch, _ pass: Pass) {
    guard let gradients else { preconditionFailure("inference has no gradients") }
    let kernels = pass.kernels
    var gradient = outputGradient
    if let projection { gradient = projection.backward(gradient, pass) }
    kernels.apply(pass.dropout(dropout, dropoutPlace), to: gradient)
    if let norm { gradient = norm.backward(gradient, pass) }
    if let types = gradients.tokenTypes {
      kernels.embeddingBackward(batch.types, outputGradient: gradient, tableGradient: types)
    }
    if let positions = gradients.positions {
      kernels.embeddingBackward(
        batch.positions(shape), outputGradient: gradient,
        tableGradient: positions)
    }
    dropMasks(gradient, batch, kernels)
    if shape.scale != 1 { kernels.scale(gradient, by: shape.scale) }
    kernels.embeddingBackward(batch.ids, outputGradient: gradient, tableGradient: gradients.words)
  }
}
