import Tensor

/// An encoder's states of a batch, and where the gradient that comes through them goes.
struct SourceStates {
  let rows: Matrix
  let layout: RaggedRows
  let gradient: Matrix
}

/// Multi-head attention of a decoder's rows to the encoder's states (Vaswani et al., 2017, section 3.2.3), up to the heads'
/// outputs side by side.
struct CrossAttention {
  let form: AttentionForm
  let queries: Projection
  /// To keys and values side by side.
  let keys: Projection
  /// Which block of its stack it is in.
  let number: Int
  let dropout: Float
  let dropoutPlace: UInt32

  /// Keys and values of some states, in storage of their own: they are the same at every step.
  func kept(_ states: Matrix, _ pass: Pass) -> Matrix {
    let made = keys.forward(states, into: .wide, pass)
    let kept = Matrix(rows: made.rows, columns: made.columns)
    kept.copy(from: made)
    return kept
  }

  /// softmax(scale · Q·Kᵀ)·V of all heads, [tokens, heads × size].
  func forward(_ hidden: Matrix, _ pass: Pass) -> Matrix {
    let (kernels, layout) = (pass.kernels, pass.layout)
    let query = queries.forward(hidden, into: .fused, pass)
    if let caches = pass.caches {
      let (joined, sources) = Self.joined(layout, caches)
      kernels.attention(
        queries: query, layout: joined, keys: sources.map { $0[number] }, form: form,
        output: query, scratch: pass.attention)
      return query
    }
    guard let source = pass.source, let recorder = pass.recorder else {
      preconditionFailure("a decoder reads an encoder's states")
    }
    let fused = keys.forward(source.rows, into: .wide, pass)
    let weights = recorder.buffer(form.weightCount(layout, keys: source.layout))
    let mixed = recorder.matrix(hidden.rows, form.width)
    kernels.attention(
      queries: query, layout: layout, keys: Self.parts(fused, source.layout), form: form,
      output: mixed, weights: weights, dropout: pass.dropout(dropout, dropoutPlace),
      scratch: pass.attention)
    recorder.keep(.crossAttention(queries: query, keys: fused, weights: weights))
    return mixed
  }

  /// ∂loss/∂hidden from ∂loss/∂output; what goes to the encoder's states is added to their gradient.
  func backward(_ outputGradient: Matrix, _ pass: Pass) -> Matrix {
    guard let recorder = pass.recorder, let source = pass.source,
      case .crossAttention(let query, let fused, let weights) = recorder.take()
    else { preconditionFailure("what was kept is no cross-attention's") }
    let queryGradient = recorder.matrix(query.rows, query.columns)
    let keyGradient = recorder.matrix(fused.rows, fused.columns)
    pass.kernels.attentionBackward(
      outputGradient: outputGradient, queries: query, layout: pass.layout,
      keys: Self.parts(fused, source.layout), form: form, weights: weights,
      dropout: pass.dropout(dropout, dropoutPlace), queryGradient: queryGradient,
      keyGradients: Self.parts(keyGradient, source.layout), scratch: pass.attention)
    pass.kernels.add(keys.backward(keyGradient, pass), to: source.gradient)
    return queries.backward(queryGradient, pass)
  }

  private static func parts(_ rows: Matrix, _ layout: RaggedRows) -> [Matrix] {
    (0..<layout.count).map { rows.rowRange(layout[$0]) }
  }

  /// Sequences side by side that read the same source are one: nothing is masked here, and keys are packed once.
  private static func joined(
    _ layout: RaggedRows, _ caches: [SequenceCache]
  ) -> (RaggedRows, [SourceKeys]) {
    var lengths: [Int] = []
    var sources: [SourceKeys] = []
    for (sequence, cache) in caches.enumerated() {
      if let last = sources.last, last === cache.source {
        lengths[lengths.count - 1] += layout.length(sequence)
      } else {
        sources.append(cache.source)
        lengths.append(layout.length(sequence))
      }
    }
    guard sources.count < caches.count, let joined = try? RaggedRows(lengths: lengths) else {
      return (layout, caches.map(\.source))
    }
    return (joined, sources)
  }
}
