import Tensor

/// Multi-head self-attention (Vaswani et al., 2017, section 3.2) up to the heads' outputs side by side.
///
/// Places enter by rotation of queries and keys (Su et al., 2021) or by slopes over the distance (Press, Smith
/// and Lewis, 2022) or by relative places (`RelativeAttention`), where the shape says so; heads' queries and keys have norms of their own where there
/// are any (Henry et al., 2020).
struct SelfAttention {
  let form: AttentionForm
  let input: Projection
  let headNorms: (queries: Normalization, keys: Normalization)?
  let angles: RotaryAngles?
  let turnsValues: Bool
  let relative: RelativeAttention?
  let hasKeyBias: Bool
  /// Which block of its stack it is in.
  let number: Int
  let dropout: Float
  let dropoutPlace: UInt32

  /// softmax(scale · Q·Kᵀ)·V of all heads, [tokens, heads × size].
  func forward(_ hidden: Matrix, _ pass: Pass) -> Matrix {
    let (kernels, layout) = (pass.kernels, pass.layout)
    let fused = normed(input.forward(hidden, into: .fused, pass), pass)
    if let angles { kernels.rotate(fused, layout, form, angles, includingValues: turnsValues) }
    let tables = relative?.forward(input, pass)
    if let caches = pass.caches { return goOn(fused, caches, tables?.bias, pass) }
    let weights = pass.recorder?.buffer(form.weightCount(layout))
    // In inference the heads' outputs take the queries' place.
    let mixed =
      pass.recorder?.matrix(hidden.rows, form.width) ?? fused.columnRange(0..<form.width)
    if !pass.seen.isEmpty {
      kernels.attention(
        queries: fused.columnRange(0..<form.width), layout: layout, keys: keys(fused, pass),
        form: form, distanceBias: tables?.bias, output: mixed, scratch: pass.attention)
      return mixed
    }
    kernels.attention(
      fused: fused, layout: layout, form: form, distanceBias: tables?.bias,
      relative: tables?.relative,
      output: mixed, weights: weights,
      dropout: pass.dropout(dropout, dropoutPlace), scratch: pass.attention)
    if let recorder = pass.recorder, let weights {
      recorder.keep(.attention(fused: fused, weights: weights, tables))
    }
    return mixed
  }

  /// The same of rows that go on from those whose keys and values are kept; theirs are kept too.
  private func goOn(
    _ fused: Matrix, _ caches: [SequenceCache], _ bias: Matrix?, _ pass: Pass
  ) -> Matrix {
    let queries = fused.columnRange(0..<form.width)
    let added = fused.columnRange(form.width..<form.fusedWidth)
    let keys = caches.enumerated().map { sequence, cache in
      cache.append(added.rowRange(pass.layout[sequence]), block: number)
    }
    pass.kernels.attention(
      queries: queries, layout: pass.layout, keys: keys, offsets: caches.map(\.count), form: form,
      distanceBias: bias, output: queries, scratch: pass.attention)
    return queries
  }

  /// ∂loss/∂hidden from ∂loss/∂output.
  func backward(_ outputGradient: Matrix, _ pass: Pass) -> Matrix {
    guard let recorder = pass.recorder,
      case .attention(let fused, let weights, let tables) = recorder.take()
    else { preconditionFailure("what was kept is no attention's") }
    let (kernels, layout) = (pass.kernels, pass.layout)
    let gradient = recorder.matrix(fused.rows, fused.columns)
    let slopes = tables.flatMap { relative?.gradients($0, pass) }
    kernels.attentionBackward(
      outputGradient: outputGradient, fused: fused, layout: layout, form: form,
      relative: tables?.relative, weights: weights,
      dropout: pass.dropout(dropout, dropoutPlace), fusedGradient: gradient,
      biasGradient: slopes?.bias, relativeGradients: (slopes?.keys, slopes?.queries),
      scratch: pass.attention)
    if let slopes { relative?.backward(slopes, input, pass) }
    if let angles {
      kernels.rotate(
        gradient, layout, form, angles, includingValues: turnsValues, backwards: true)
    }
    normedBackward(gradient, pass)
    let inputGradient = input.backward(gradient, pass)
    if !hasKeyBias { input.gradients?.bias?.columnRange(form.width..<form.width * 2).zero() }
    return inputGradient
  }

  /// Keys and values of the rows that are seen.
  private func keys(_ fused: Matrix, _ pass: Pass) -> [Matrix] {
    pass.seen.enumerated().map { sequence, count in
      let start = pass.layout.starts[sequence]
      return fused.rowRange(start..<start + count).columnRange(form.width..<form.fusedWidth)
    }
  }

  private func normed(_ fused: Matrix, _ pass: Pass) -> Matrix {
    guard let headNorms else { return fused }
    guard let recorder = pass.recorder else {
      pass.kernels.normHeads(
        fused, form, queries: headNorms.queries.norm, keys: headNorms.keys.norm, output: fused)
      return fused
    }
    let statistics = NormStatistics(rows: fused.rows * form.normedRows)
    recorder.keep(.norm(input: fused, statistics))
    let output = recorder.matrix(fused.rows, fused.columns)
    pass.kernels.normHeads(
      fused, form, queries: headNorms.queries.norm, keys: headNorms.keys.norm, output: output,
      statistics: statistics)
    return output
  }

  private func normedBackward(_ gradient: Matrix, _ pass: Pass) {
    guard let headNorms else { return }
    guard
      case .norm(let fused, let statistics)? = pass.recorder?.take()
    else { preconditionFailure("what was kept is no norm's") }
    pass.kernels.normHeadsBackward(
      gradient, fused: fused, form, queries: headNorms.queries.norm, keys: headNorms.keys.norm,
      statistics: statistics, queryGainGradient: headNorms.queries.gradients?.gain,
      keyGainGradient: headNorms.keys.gradients?.gain)
  }
}
