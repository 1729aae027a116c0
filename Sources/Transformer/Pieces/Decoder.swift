import Tensor

/// The second stack and what makes scores of words of its states.
struct Decoder {
  let stack: Stack
  let output: Projection
  let scale: Float

  /// The scores of the rows that `kept` chooses, [rows, vocabulary].
  func forward(_ batch: TokenBatch, keeping kept: RowSelection, _ pass: Pass) -> Matrix {
    var rows = kept.of(stack.forward(batch, keeping: .all, pass), pass)
    if scale != 1 {
      if let recorder = pass.recorder {
        let scaled = recorder.matrix(rows.rows, rows.columns)
        scaled.copy(from: rows)
        rows = scaled
      }
      pass.kernels.scale(rows, by: scale)
    }
    return output.forward(rows, into: .logits, pass)
  }

  /// Adds ∂loss/∂parameters to the gradients, from ∂loss/∂scores of all rows.
  func backward(_ gradient: Matrix, _ batch: TokenBatch, _ pass: Pass) {
    let states = output.backward(gradient, pass)
    if scale != 1 { pass.kernels.scale(states, by: scale) }
    stack.backward(states, batch, keeping: .all, downTo: 0, pass)
  }
}
