import Tensor

/// One block of an encoder: attention, then feed-forward, each with a residual sum, norms behind or before.
struct Block {
  let placement: BlockShape.Placement
  let attention: SelfAttention
  let attentionOutput: Projection
  let attentionNorm: Normalization?
  let feedForward: FeedForward
  let feedForwardOutput: Projection
  let feedForwardNorm: Normalization?
  let dropout: Float
  /// Places of the two outputs' dropout.
  let dropoutPlaces: (attention: UInt32, feedForward: UInt32)

  /// The hidden states of the rows that `kept` chooses, from those of all.
  func forward(_ input: Matrix, keeping kept: RowSelection, _ pass: Pass) -> Matrix {
    let isPre = placement == .pre
    let read = isPre ? attentionNorm?.forward(input, into: .normed, pass) ?? input : input
    let mixed = kept.of(attention.forward(read, pass), pass)
    var hidden = attentionOutput.forward(
      mixed, addingTo: kept.of(input, pass), pass.dropout(dropout, dropoutPlaces.attention), pass)
    if !isPre { hidden = attentionNorm?.forward(hidden, pass) ?? hidden }
    let normed = isPre ? feedForwardNorm?.forward(hidden, into: .normed, pass) ?? hidden : hidden
    hidden = feedForwardOutput.forward(
      feedForward.forward(normed, pass), addingTo: hidden,
      pass.dropout(dropout, dropoutPlaces.feedForward), pass)
    if !isPre { hidden = feedForwardNorm?.forward(hidden, pass) ?? hidden }
    return hidden
  }

  /// ∂loss/∂input of all rows from ∂loss/∂output of the kept ones.
  func backward(_ outputGradient: Matrix, keeping kept: RowSelection, _ pass: Pass) -> Matrix {
    let middle = residualBackward(
      outputGradient, feedForwardNorm, feedForwardOutput, dropoutPlaces.feedForward, .all, pass
    ) { feedForward.backward($0, pass) }
    return residualBackward(
      middle, attentionNorm, attentionOutput, dropoutPlaces.attention, kept, pass
    ) { attention.backward($0, pass) }
  }

  /// The gradient of x + dropout(output(part(x))) with its norm, behind or before.
  private func residualBackward(
    _ outputGradient: Matrix, _ norm: Normalization?, _ output: Projection, _ place: UInt32,
    _ kept: RowSelection, _ pass: Pass, part: (Matrix) -> Matrix
  ) -> Matrix {
    guard let recorder = pass.recorder else { preconditionFailure("inference has no gradients") }
    let (kernels, isPre) = (pass.kernels, placement == .pre)
    let sum = isPre ? outputGradient : norm?.backward(outputGradient, pass) ?? outputGradient
    let branch = recorder.matrix(sum.rows, sum.columns)
    branch.copy(from: sum)
    kernels.apply(pass.dropout(dropout, place), to: branch)
    let inner = part(kept.backward(output.backward(branch, pass), pass))
    let residual = kept.backward(sum, pass)
    if isPre, let norm { return norm.backward(inner, addingTo: residual, pass) }
    kernels.add(inner, to: residual)
    return residual
  }
}
