import Tensor

/// activation(x·W₁ᵀ + b₁), which the block's second product takes back to the stack's width (Vaswani et al.,
/// 2017, section 3.3), or activation(x·Gᵀ) · x·Vᵀ where it is gated (Shazeer, 2020).
struct FeedForward {
  let shape: FeedForwardShape
  let input: Projection

  /// What the second product reads, [tokens, width inside].
  func forward(_ hidden: Matrix, _ pass: Pass) -> Matrix {
    guard shape.isGated else {
      return input.forward(hidden, activation: shape.activation, into: .wide, pass)
    }
    let wide = input.forward(hidden, into: .wide, pass)
    // In inference the products take the gates' place.
    let output =
      pass.recorder?.matrix(wide.rows, shape.width) ?? wide.columnRange(0..<shape.width)
    pass.recorder?.keep(.activation(input: wide))
    pass.kernels.gated(wide, shape.activation, output: output)
    return output
  }

  /// ∂loss/∂hidden from ∂loss/∂output, whose storage is used.
  func backward(_ outputGradient: Matrix, _ pass: Pass) -> Matrix {
    guard shape.isGated else {
      return input.backward(outputGradient, activation: shape.activation, pass)
    }
    guard let recorder = pass.recorder, case .activation(let wide) = recorder.take() else {
      preconditionFailure("what was kept is no activation's")
    }
    let gradient = recorder.matrix(wide.rows, wide.columns)
    pass.kernels.gatedBackward(
      outputGradient: outputGradient, wide: wide, shape.activation, wideGradient: gradient)
    return input.backward(gradient, pass)
  }
}
