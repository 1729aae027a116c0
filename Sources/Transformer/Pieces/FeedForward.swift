import Tensor

/// activation(x·W₁ᵀ + b₁), which the block's second product takes back to the stack's width (Vaswani et al.,
/// 2017, section 3.3).
struct FeedForward {
  let shape: FeedForwardShape
  let input: Projection

  /// What the second product reads, [tokens, width inside].
  func forward(_ hidden: Matrix, _ pass: Pass) -> Matrix {
    input.forward(hidden, activation: shape.activation, into: .wide, pass)
  }

  /// ∂loss/∂hidden from ∂loss/∂output, whose storage is used.
  func backward(_ outputGradient: Matrix, _ pass: Pass) -> Matrix {
    input.backward(outputGradient, activation: shape.activation, pass)
  }
}
