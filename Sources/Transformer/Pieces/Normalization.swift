import Tensor

/// Layer norm (Ba, Kiros and Hinton, 2016) or RMS norm (Zhang and Sennrich, 2019) of each row.
struct Normalization {
  let norm: Norm
  /// Nil where it does not learn.
  let gradients: (gain: Matrix, bias: Matrix?)?

  /// The norm of `input`; in inference in `slot`, or in place where that is nil.
  func forward(_ input: Matrix, into slot: Pass.Slot? = nil, _ pass: Pass) -> Matrix {
    guard let recorder = pass.recorder else {
      let output = slot.map { pass.matrix($0, input.rows, input.columns) } ?? input
      pass.kernels.norm(input, norm, output: output)
      return output
    }
    let statistics = NormStatistics(rows: input.rows)
    recorder.keep(.norm(input: input, statistics))
    let output = recorder.matrix(input.rows, input.columns)
    pass.kernels.norm(input, norm, output: output, statistics: statistics)
    return output
  }

  /// ∂loss/∂input from ∂loss/∂output, added to `target` where that is given.
  func backward(_ outputGradient: Matrix, addingTo target: Matrix? = nil, _ pass: Pass) -> Matrix {
    guard let recorder = pass.recorder,
      case .norm(let input, let statistics) = recorder.take()
    else { preconditionFailure("what was kept is no norm's") }
    let output = target ?? recorder.matrix(input.rows, input.columns)
    pass.kernels.normBackward(
      outputGradient: outputGradient, input: input, norm, statistics: statistics,
      inputGradient: output, gainGradient: gradients?.gain, biasGradient: gradients?.bias,
      accumulating: target != nil)
    return output
  }
}
