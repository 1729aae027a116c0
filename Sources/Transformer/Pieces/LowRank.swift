import Tensor

/// What a low-rank addition gives some columns of a product's output: scale · dropout(x)·Aᵀ·Bᵀ (LoRA, Hu et al., 2022, section
/// 4.1). The product itself stays as it is, so that several models can share it.
struct LowRank {
  /// What training needs beside the packed matrices.
  struct Gradients {
    /// A and B packed for products with gradients.
    let downBack, upBack: PackedMatrix
    let down, up: Matrix
  }

  /// Aᵀ, [inputs, rank].
  let down: PackedMatrix
  /// Bᵀ, [rank, outputs].
  let up: PackedMatrix
  /// The columns of the product's output that it adds to.
  let columns: Range<Int>
  let scale: Float
  let dropout: Float
  let dropoutPlace: UInt32
  let gradients: Gradients?

  /// Adds to `output` what `input` gives.
  func forward(_ input: Matrix, addingTo output: Matrix, _ pass: Pass) {
    let kernels = pass.kernels
    var input = input
    let drop = pass.dropout(dropout, dropoutPlace)
    if let recorder = pass.recorder, drop.probability > 0 {
      let dropped = recorder.matrix(input.rows, input.columns)
      dropped.copy(from: input)
      kernels.apply(drop, to: dropped)
      input = dropped
    }
    let narrow = pass.matrix(.narrow, input.rows, down.columns)
    kernels.linear(input, down, output: narrow)
    kernels.scale(narrow, by: scale)
    kernels.linear(narrow, up, accumulating: true, output: output.columnRange(columns))
    pass.recorder?.keep(.lowRank(input: input, narrow: narrow))
  }

  /// Adds ∂loss/∂x to `inputGradient`, from ∂loss/∂output, and to the gradients of A and B.
  func backward(_ outputGradient: Matrix, addingTo inputGradient: Matrix, _ pass: Pass) {
    guard let recorder = pass.recorder, let gradients,
      case .lowRank(let input, let narrow) = recorder.take()
    else { preconditionFailure("what was kept is no low-rank addition's") }
    let kernels = pass.kernels
    let outer = outputGradient.columnRange(columns)
    kernels.linearWeightGradient(
      outputGradient: outer, input: narrow, weightGradient: gradients.up,
      scratch: recorder.panels(narrow.rows, narrow.columns, kernels))
    let inner = recorder.matrix(narrow.rows, narrow.columns)
    kernels.linear(outer, gradients.upBack, output: inner)
    kernels.scale(inner, by: scale)
    kernels.linearWeightGradient(
      outputGradient: inner, input: input, weightGradient: gradients.down,
      scratch: recorder.panels(input.rows, input.columns, kernels))
    let drop = pass.dropout(dropout, dropoutPlace)
    guard drop.probability > 0 else {
      return kernels.linear(
        inner, gradients.downBack, accumulating: true, output: inputGradient)
    }
    let dropped = recorder.matrix(input.rows, input.columns)
    kernels.linear(inner, gradients.downBack, output: dropped)
    kernels.apply(drop, to: dropped)
    kernels.add(dropped, to: inputGradient)
  }
}
