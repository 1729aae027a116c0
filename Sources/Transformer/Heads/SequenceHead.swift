import Tensor

/// Scores of the whole text: two linear layers on one token's state.
struct SequenceHead {
  let shape: SequenceHeadShape
  let pool: Projection
  let classifier: Projection
  let dropout: Float

  private static let dropoutPlace: UInt32 = 0

  /// What the last layer reads, [sequences, d], and the scores before softmax, [sequences, labels].
  func forward(_ states: Matrix, _ pass: Pass) -> (pooled: Matrix, logits: Matrix) {
    let pooled = pool.forward(states, activation: shape.activation, into: .pooled, pass)
    pass.kernels.apply(pass.dropout(dropout, Self.dropoutPlace), to: pooled)
    return (pooled, classifier.forward(pooled, into: .logits, pass))
  }

  /// ∂loss/∂states from ∂loss/∂logits.
  func backward(_ logitsGradient: Matrix, _ pass: Pass) -> Matrix {
    let gradient = classifier.backward(logitsGradient, pass)
    pass.kernels.apply(pass.dropout(dropout, Self.dropoutPlace), to: gradient)
    return pool.backward(gradient, activation: shape.activation, pass)
  }
}
