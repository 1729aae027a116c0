import Tensor

/// Multi-head self-attention (Vaswani et al., 2017, section 3.2) up to the heads' outputs side by side.
///
/// Places enter by rotation of queries and keys (Su et al., 2021) or by slopes over the distance (Press, Smith
/// and Lewis, 2022), where the shape says so.
struct SelfAttention {
  let shape: AttentionShape
  let input: Projection
  let angles: RotaryAngles?
  let slopes: [Float]
  let dropout: Float
  let dropoutPlace: UInt32

  private var form: AttentionForm {
    AttentionForm(heads: shape.heads, headSize: shape.headSize, slopes: slopes)
  }

  /// softmax(Q·Kᵀ / √size)·V of all heads, [tokens, heads × size].
  func forward(_ hidden: Matrix, _ pass: Pass) -> Matrix {
    let (kernels, layout) = (pass.kernels, pass.layout)
    let fused = input.forward(hidden, into: .fused, pass)
    if let angles { kernels.rotate(fused, layout, form, angles) }
    let weights = pass.recorder?.buffer(form.weightCount(layout))
    let mixed = pass.matrix(.mixed, hidden.rows, shape.heads * shape.headSize)
    kernels.attention(
      fused: fused, layout: layout, form: form, output: mixed, weights: weights,
      dropout: pass.dropout(dropout, dropoutPlace), scratch: pass.attention)
    if let recorder = pass.recorder, let weights {
      recorder.keep(.attention(fused: fused, weights: weights))
    }
    return mixed
  }

  /// ∂loss/∂hidden from ∂loss/∂output.
  func backward(_ outputGradient: Matrix, _ pass: Pass) -> Matrix {
    guard let recorder = pass.recorder,
      case .attention(let fused, let weights) = recorder.take()
    else { preconditionFailure("what was kept is no attention's") }
    let (kernels, layout) = (pass.kernels, pass.layout)
    let gradient = recorder.matrix(fused.rows, fused.columns)
    kernels.attentionBackward(
      outputGradient: outputGradient, fused: fused, layout: layout, form: form,
      weights: weights, dropout: pass.dropout(dropout, dropoutPlace), fusedGradient: gradient,
      scratch: pass.attention)
    if let angles {
      kernels.rotate(gradient, layout, form, angles, backwards: true)
    }
    return input.backward(gradient, pass)
  }
}
