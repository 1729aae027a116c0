import Tensor

/// A convolution over neighbouring tokens of what goes into a block, added behind it, with a norm over the sum
/// (He et al., 2021, section "Convolution" of DeBERTa v2's release).
///
/// It is a product: each row holds a token and its neighbours, with zeros beyond the text's ends.
struct Convolution {
  let shape: ConvolutionShape
  let projection: Projection
  let norm: Normalization

  /// What is added, from what goes into the block: before the block runs, which overwrites it.
  func read(_ input: Matrix, _ pass: Pass) -> Matrix {
    let wide = pass.matrix(.wide, input.rows, input.columns * shape.kernel)
    wide.zero()
    each(pass.layout) { row, tap, source in
      for column in 0..<input.columns {
        wide[row, column * shape.kernel + tap] = input[source, column]
      }
    }
    return projection.forward(wide, activation: shape.activation, into: .convolved, pass)
  }

  /// The norm of the block's output and what is added.
  func forward(_ added: Matrix, to output: Matrix, _ pass: Pass) -> Matrix {
    let sum = pass.recorder?.matrix(output.rows, output.columns) ?? output
    if pass.recorder != nil { sum.copy(from: output) }
    pass.kernels.add(added, to: sum)
    return norm.forward(sum, pass)
  }

  /// Adds to `inputGradient` what comes through the convolution, from the gradient of what it adds, whose storage
  /// is used.
  func backward(_ gradient: Matrix, addingTo inputGradient: Matrix, _ pass: Pass) {
    let wide = projection.backward(gradient, activation: shape.activation, pass)
    each(pass.layout) { row, tap, source in
      for column in 0..<inputGradient.columns {
        inputGradient[source, column] += wide[row, column * shape.kernel + tap]
      }
    }
  }

  /// Calls `body` with each row, and each neighbour that it has, by its place in the kernel and its row.
  private func each(_ layout: RaggedRows, _ body: (Int, Int, Int) -> Void) {
    let reach = shape.kernel / 2
    for sequence in 0..<layout.count {
      let rows = layout.starts[sequence]..<layout.starts[sequence + 1]
      for row in rows {
        for tap in 0..<shape.kernel where rows.contains(row + tap - reach) {
          body(row, tap, row + tap - reach)
        }
      }
    }
  }
}
