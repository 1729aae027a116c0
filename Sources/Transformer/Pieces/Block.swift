import Tensor

/// One block of a stack: attention, attention to another stack's states where there is any, then feed-forward, each with a residual sum, and norms behind, before or
/// around them.
struct Block {
  let placement: BlockShape.Placement
  let attention: SelfAttention
  let attentionEnd: Residual
  /// What reads the encoder's states.
  let cross: (attention: CrossAttention, end: Residual)?
  let feedForward: FeedForward
  let feedForwardEnd: Residual
  let convolution: Convolution?

  /// The hidden states of the rows that `kept` chooses, from those of all.
  func forward(_ input: Matrix, keeping kept: RowSelection, _ pass: Pass) -> Matrix {
    guard let convolution else { return plain(input, keeping: kept, pass) }
    let added = kept.of(convolution.read(input, pass), pass)
    return convolution.forward(added, to: plain(input, keeping: kept, pass), pass)
  }

  private func plain(_ input: Matrix, keeping kept: RowSelection, _ pass: Pass) -> Matrix {
    let mixed = kept.of(attention.forward(attentionEnd.read(input, pass), pass), pass)
    let residual = kept.of(input, pass)
    let parts = pass.parts(residual.rows)
    guard parts.count > 1, cross == nil else {
      return behindAttention(mixed, addingTo: residual, pass)
    }
    for rows in parts {
      _ = behindAttention(mixed.rowRange(rows), addingTo: residual.rowRange(rows), pass)
    }
    return residual
  }

  /// What the heads' outputs and the feed-forward add; in inference in place of `residual`.
  private func behindAttention(_ mixed: Matrix, addingTo residual: Matrix, _ pass: Pass) -> Matrix {
    var middle = attentionEnd.forward(mixed, addingTo: residual, pass)
    if let cross {
      let read = cross.attention.forward(cross.end.read(middle, pass), pass)
      middle = cross.end.forward(read, addingTo: middle, pass)
    }
    let wide = feedForward.forward(feedForwardEnd.read(middle, pass), pass)
    return feedForwardEnd.forward(wide, addingTo: middle, pass)
  }

  /// ∂loss/∂input of all rows from ∂loss/∂output of the kept ones.
  func backward(_ outputGradient: Matrix, keeping kept: RowSelection, _ pass: Pass) -> Matrix {
    guard let convolution, let recorder = pass.recorder else {
      return plainBackward(outputGradient, keeping: kept, pass)
    }
    let sum = convolution.norm.backward(outputGradient, pass)
    let added = recorder.matrix(sum.rows, sum.columns)
    added.copy(from: sum)
    let gradient = plainBackward(sum, keeping: kept, pass)
    convolution.backward(kept.backward(added, pass), addingTo: gradient, pass)
    return gradient
  }

  private func plainBackward(
    _ outputGradient: Matrix, keeping kept: RowSelection, _ pass: Pass
  ) -> Matrix {
    var middle = feedForwardEnd.backward(outputGradient, keeping: .all, pass) {
      feedForward.backward($0, pass)
    }
    if let cross {
      middle = cross.end.backward(middle, keeping: .all, pass) {
        cross.attention.backward($0, pass)
      }
    }
    return attentionEnd.backward(middle, keeping: kept, pass) { attention.backward($0, pass) }
  }
}

/// What stands around a block's part: x + dropout(output(part(x))), with norms (Xiong et al., 2020).
struct Residual {
  let placement: BlockShape.Placement
  let output: Projection
  /// Before the part, or behind the sum.
  let norm: Normalization?
  /// Over what the part adds.
  let outputNorm: Normalization?
  let dropout: Float
  let dropoutPlace: UInt32

  private var isBehind: Bool { placement == .post }

  /// What the part reads.
  func read(_ input: Matrix, _ pass: Pass) -> Matrix {
    isBehind ? input : norm?.forward(input, into: .normed, pass) ?? input
  }

  /// The sum, from what the part gave.
  func forward(_ part: Matrix, addingTo residual: Matrix, _ pass: Pass) -> Matrix {
    let drop = pass.dropout(dropout, dropoutPlace)
    guard let outputNorm else {
      let sum = output.forward(part, addingTo: residual, drop, pass)
      return isBehind ? norm?.forward(sum, pass) ?? sum : sum
    }
    let added = outputNorm.forward(output.forward(part, into: .normed, pass), pass)
    pass.kernels.apply(drop, to: added)
    guard let recorder = pass.recorder else {
      pass.kernels.add(added, to: residual)
      return residual
    }
    let sum = recorder.matrix(residual.rows, residual.columns)
    sum.copy(from: residual)
    pass.kernels.add(added, to: sum)
    return sum
  }

  /// The gradient of what went in, for all rows; `part` takes the gradient of what the part gave.
  func backward(
    _ outputGradient: Matrix, keeping kept: RowSelection, _ pass: Pass, part: (Matrix) -> Matrix
  ) -> Matrix {
    guard let recorder = pass.recorder else { preconditionFailure("inference has no gradients") }
    let kernels = pass.kernels
    let sum = isBehind ? norm?.backward(outputGradient, pass) ?? outputGradient : outputGradient
    var branch = recorder.matrix(sum.rows, sum.columns)
    branch.copy(from: sum)
    kernels.apply(pass.dropout(dropout, dropoutPlace), to: branch)
    if let outputNorm { branch = outputNorm.backward(branch, pass) }
    let inner = part(kept.backward(output.backward(branch, pass), pass))
    let residual = kept.backward(sum, pass)
    if !isBehind, let norm { return norm.backward(inner, addingTo: residual, pass) }
    kernels.add(inner, to: residual)
    return residual
  }
}
