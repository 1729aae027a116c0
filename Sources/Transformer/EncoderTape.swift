import Tensor

/// The forward pass that keeps what its gradient needs, and the gradient, by hand: each function of
/// `backward` undoes the one of the same name, in reverse order.
///
/// Not thread-safe itself; `kernels` may use several threads inside, with the same bits for any number.
public final class EncoderTape {
  /// What one layer keeps.
  private final class LayerTape {
    var input, normed, fused, mixed, rows, sum1, hidden1, normed2, wide, active, sum2: Matrix?
    var weights: FloatBuffer?
    var statistics1, statistics2: LayerNormStatistics?
  }

  private struct PackedLayer {
    let fused, output, up, down: PackedMatrix
    let fusedBack, outputBack, upBack, downBack: PackedMatrix
  }

  private let kernels: Kernels
  private let parameters: EncoderParameters
  private let gradients: EncoderParameters
  private let c: EncoderConfiguration
  private let arena = TapeArena()
  private let scratch = AttentionScratch()
  private var packed: [PackedLayer] = []
  private var head:
    (pool: PackedMatrix, poolBack: PackedMatrix, out: PackedMatrix, outBack: PackedMatrix)?
  private var panelScratch: PackedMatrix?
  private var tapes: [LayerTape] = []
  private var batch: TokenBatch?
  private var seeds: UInt32?
  /// Rows of the batch that are needed behind the last attention.
  private var selected: [Int] = []
  private let angles: RotaryAngles?

  private var embeddingSum, first, pooledInput, pooled, pooledDropped, finalInput: Matrix?
  private var embeddingStatistics, finalStatistics: LayerNormStatistics?

  /// A tape that reads `parameters` and adds to `gradients`, both of the same configuration.
  public init(parameters: EncoderParameters, gradients: EncoderParameters, kernels: Kernels) {
    self.kernels = kernels
    self.parameters = parameters
    self.gradients = gradients
    c = parameters.configuration
    angles =
      c.positionalEncoding == .rotary
      ? RotaryAngles(positions: c.maximumTokens, headSize: c.hiddenSize / c.headCount) : nil
    packWeights()
  }

  /// Packs the weights anew: call after each change of `parameters`.
  public func packWeights() {
    if packed.isEmpty {
      packed = parameters.layers.map { layer in
        PackedLayer(
          fused: .transposing(layer.fusedWeight, kernels: kernels),
          output: .transposing(layer.outputWeight, kernels: kernels),
          up: .transposing(layer.upWeight, kernels: kernels),
          down: .transposing(layer.downWeight, kernels: kernels),
          fusedBack: .direct(layer.fusedWeight, kernels: kernels),
          outputBack: .direct(layer.outputWeight, kernels: kernels),
          upBack: .direct(layer.upWeight, kernels: kernels),
          downBack: .direct(layer.downWeight, kernels: kernels))
      }
      if let pool = parameters.poolWeight, let out = parameters.classifierWeight {
        head = (
          .transposing(pool, kernels: kernels), .direct(pool, kernels: kernels),
          .transposing(out, kernels: kernels), .direct(out, kernels: kernels)
        )
      }
      return
    }
    for (layer, packed) in zip(parameters.layers, packed) {
      for (weight, forward, back) in [
        (layer.fusedWeight, packed.fused, packed.fusedBack),
        (layer.outputWeight, packed.output, packed.outputBack),
        (layer.upWeight, packed.up, packed.upBack),
        (layer.downWeight, packed.down, packed.downBack),
      ] {
        forward.repack(weight, transposed: true, kernels: kernels)
        back.repack(weight, transposed: false, kernels: kernels)
      }
    }
    if let head, let pool = parameters.poolWeight, let out = parameters.classifierWeight {
      head.pool.repack(pool, transposed: true, kernels: kernels)
      head.poolBack.repack(pool, transposed: false, kernels: kernels)
      head.out.repack(out, transposed: true, kernels: kernels)
      head.outBack.repack(out, transposed: false, kernels: kernels)
    }
  }

  // MARK: Forward

  /// Logits [sequences, labels] of `batch`; `dropoutSeed` nil switches dropout off.
  public func forward(_ batch: TokenBatch, dropoutSeed: UInt32?) -> Matrix {
    classify(
      states(batch, rows: Array(batch.layout.starts.dropLast()), dropoutSeed: dropoutSeed))
  }

  /// Hidden states [rows, d] of the batch's tokens number `rows`, in that order; `dropoutSeed` nil
  /// switches dropout off. Valid until the next call.
  public func states(_ batch: TokenBatch, rows: [Int], dropoutSeed: UInt32?) -> Matrix {
    self.batch = batch
    selected = rows
    seeds = dropoutSeed
    arena.reset()
    if tapes.isEmpty { tapes = parameters.layers.map { _ in LayerTape() } }
    var hidden = embed(batch)
    for index in tapes.indices {
      hidden = attend(index, hidden, batch.layout)
      hidden = feedForward(index, hidden)
    }
    if let gain = parameters.finalGain, let shift = parameters.finalShift {
      finalInput = hidden
      let statistics = LayerNormStatistics(rows: hidden.rows)
      finalStatistics = statistics
      hidden = norm(hidden, gain, shift, statistics)
    }
    return hidden
  }

  private func dropout(_ probability: Float, _ place: UInt32) -> Dropout {
    guard let seeds else { return .none }
    return Dropout(probability: probability, seed: seeds &+ place &* 0x9E37_79B9)
  }

  private func norm(
    _ input: Matrix, _ gain: Matrix, _ shift: Matrix, _ statistics: LayerNormStatistics
  ) -> Matrix {
    let output = arena.matrix(input.rows, c.hiddenSize)
    kernels.layerNorm(
      input, gain: gain, bias: shift, epsilon: c.layerNormEpsilon, output: output,
      statistics: statistics)
    return output
  }

  private func embed(_ batch: TokenBatch) -> Matrix {
    let sum = arena.matrix(batch.ids.count, c.hiddenSize)
    kernels.embed(batch.ids, table: parameters.words, output: sum)
    if let types = parameters.tokenTypes {
      if batch.tokenTypes.isEmpty {
        kernels.addEmbedding(row: 0, table: types, output: sum)
      } else {
        kernels.addEmbedding(batch.tokenTypes, table: types, output: sum)
      }
    }
    if let positions = parameters.positions {
      kernels.addPositions(batch.layout, offset: c.positionOffset, table: positions, output: sum)
    }
    embeddingSum = sum
    let statistics = LayerNormStatistics(rows: sum.rows)
    embeddingStatistics = statistics
    let hidden = norm(sum, parameters.embeddingGain, parameters.embeddingShift, statistics)
    kernels.apply(dropout(c.dropout, 1), to: hidden)
    return hidden
  }

  private func attend(_ index: Int, _ input: Matrix, _ layout: RaggedRows) -> Matrix {
    let (layer, tape, d) = (parameters.layers[index], tapes[index], c.hiddenSize)
    let pre = c.normalization == .pre
    tape.input = input
    let statistics = LayerNormStatistics(rows: input.rows)
    tape.statistics1 = statistics
    let normed =
      pre ? norm(input, layer.attentionGain, layer.attentionShift, statistics) : input
    tape.normed = normed
    let fused = arena.matrix(input.rows, 3 * d)
    kernels.linear(normed, packed[index].fused, bias: layer.fusedBias, output: fused)
    if let angles { kernels.rotate(fused, layout, heads: c.headCount, angles) }
    tape.fused = fused
    let weights = arena.buffer(c.headCount * layout.squares)
    tape.weights = weights
    let mixed = arena.matrix(input.rows, d)
    kernels.attention(
      fused: fused, layout: layout, heads: c.headCount, output: mixed, weights: weights,
      dropout: dropout(c.attentionDropout, UInt32(index * 8 + 2)),
      distanceSlopes: c.distanceSlopes, scratch: scratch)
    // Only first tokens reach the head, so behind the last attention only their rows are needed.
    let last = index == tapes.count - 1
    let kept = last ? selectedRows(mixed) : mixed
    let residual = last ? selectedRows(input) : input
    tape.mixed = kept
    let sum = arena.matrix(kept.rows, d)
    kernels.linear(kept, packed[index].output, bias: layer.outputBias, output: sum)
    kernels.apply(dropout(c.dropout, UInt32(index * 8 + 3)), to: sum)
    kernels.add(residual, to: sum)
    tape.sum1 = sum
    if pre { return sum }
    return norm(sum, layer.attentionGain, layer.attentionShift, statistics)
  }

  private func feedForward(_ index: Int, _ input: Matrix) -> Matrix {
    let (layer, tape) = (parameters.layers[index], tapes[index])
    let pre = c.normalization == .pre
    let statistics = LayerNormStatistics(rows: input.rows)
    tape.statistics2 = statistics
    tape.hidden1 = input
    let normed =
      pre ? norm(input, layer.feedForwardGain, layer.feedForwardShift, statistics) : input
    tape.normed2 = normed
    let wide = arena.matrix(input.rows, c.feedForwardSize)
    kernels.linear(normed, packed[index].up, bias: layer.upBias, output: wide)
    tape.wide = wide
    let active = arena.matrix(input.rows, c.feedForwardSize)
    kernels.activate(wide, c.activation, output: active)
    tape.active = active
    let sum = arena.matrix(input.rows, c.hiddenSize)
    kernels.linear(active, packed[index].down, bias: layer.downBias, output: sum)
    kernels.apply(dropout(c.dropout, UInt32(index * 8 + 4)), to: sum)
    kernels.add(input, to: sum)
    tape.sum2 = sum
    if pre { return sum }
    return norm(sum, layer.feedForwardGain, layer.feedForwardShift, statistics)
  }

  private func classify(_ hidden: Matrix) -> Matrix {
    guard let head else { preconditionFailure("training needs a head") }
    let rows = hidden.rows
    let first = hidden
    self.first = first
    let input = arena.matrix(rows, c.hiddenSize)
    kernels.linear(first, head.pool, bias: parameters.poolBias, output: input)
    pooledInput = input
    let pooled = arena.matrix(rows, c.hiddenSize)
    kernels.activate(input, c.headActivation, output: pooled)
    kernels.apply(dropout(c.classifierDropout, 0), to: pooled)
    self.pooled = pooled
    let logits = arena.matrix(rows, c.labels.count)
    kernels.linear(pooled, head.out, bias: parameters.classifierBias, output: logits)
    return logits
  }

  private func selectedRows(_ rows: Matrix) -> Matrix {
    let chosen = arena.matrix(selected.count, rows.columns)
    for (target, row) in selected.enumerated() { chosen.setRow(target, from: rows, row: row) }
    return chosen
  }

  // MARK: Backward

  /// Adds ∂loss/∂parameters to the gradients, from ∂loss/∂logits of the last forward pass, down to
  /// `depth`: 0 for all, i + 1 for encoder layer i and above, layers + 1 for the head alone.
  public func backward(_ logitsGradient: Matrix, downTo depth: Int = 0) {
    let gradient = classifyBackward(logitsGradient)
    if depth <= c.layerCount { backwardStates(gradient, downTo: depth) }
  }

  /// The same from ∂loss/∂states of the last call of `states`.
  public func backwardStates(_ statesGradient: Matrix, downTo depth: Int = 0) {
    guard let batch else { preconditionFailure("backward comes after forward") }
    var gradient = statesGradient
    if let gain = parameters.finalGain, let dGain = gradients.finalGain,
      let dShift = gradients.finalShift, let finalInput, let finalStatistics
    {
      gradient = normBackward(gradient, finalInput, gain, finalStatistics, dGain, dShift)
    }
    for index in tapes.indices.reversed() where index + 1 >= depth {
      gradient = feedForwardBackward(index, gradient)
      gradient = attendBackward(index, gradient, batch.layout)
    }
    if depth == 0 { embedBackward(gradient, batch) }
  }

  private func linearBackward(
    _ outputGradient: Matrix, input: Matrix, back: PackedMatrix, weight: Matrix, bias: Matrix
  ) -> Matrix {
    kernels.linearWeightGradient(
      outputGradient: outputGradient, input: input, weightGradient: weight,
      scratch: panels(input.rows, input.columns))
    kernels.linearBiasGradient(outputGradient: outputGradient, biasGradient: bias)
    let inputGradient = arena.matrix(input.rows, input.columns)
    kernels.linear(outputGradient, back, output: inputGradient)
    return inputGradient
  }

  private func panels(_ rows: Int, _ columns: Int) -> PackedMatrix {
    if let panelScratch, panelScratch.depth >= rows { return panelScratch }
    let widest = max(c.hiddenSize, c.feedForwardSize)
    let fresh = PackedMatrix(depth: max(rows, 512), columns: widest, kernels: kernels)
    panelScratch = fresh
    return fresh
  }

  private func normBackward(
    _ gradient: Matrix, _ input: Matrix, _ gain: Matrix, _ statistics: LayerNormStatistics,
    _ dGain: Matrix, _ dShift: Matrix, addingTo target: Matrix? = nil
  ) -> Matrix {
    let output = target ?? arena.matrix(input.rows, input.columns)
    kernels.layerNormBackward(
      outputGradient: gradient, input: input, gain: gain, statistics: statistics,
      inputGradient: output, gainGradient: dGain, biasGradient: dShift,
      accumulating: target != nil)
    return output
  }

  private func classifyBackward(_ logitsGradient: Matrix) -> Matrix {
    guard let head, let pooled, let pooledInput, let first,
      let outWeight = gradients.classifierWeight,
      let outBias = gradients.classifierBias, let poolWeight = gradients.poolWeight,
      let poolBias = gradients.poolBias
    else { preconditionFailure("backward comes after forward") }
    let gradient = linearBackward(
      logitsGradient, input: pooled, back: head.outBack, weight: outWeight, bias: outBias)
    kernels.apply(dropout(c.classifierDropout, 0), to: gradient)
    kernels.activateBackward(
      outputGradient: gradient, input: pooledInput, c.headActivation, inputGradient: gradient)
    return linearBackward(
      gradient, input: first, back: head.poolBack, weight: poolWeight, bias: poolBias)
  }

  private func feedForwardBackward(_ index: Int, _ outputGradient: Matrix) -> Matrix {
    let (layer, tape, d) = (parameters.layers[index], tapes[index], gradients.layers[index])
    guard let input = tape.hidden1, let normed = tape.normed2, let wide = tape.wide,
      let active = tape.active, let sum = tape.sum2, let statistics = tape.statistics2
    else { preconditionFailure("backward comes after forward") }
    let pre = c.normalization == .pre
    let sumGradient =
      pre
      ? outputGradient
      : normBackward(
        outputGradient, sum, layer.feedForwardGain, statistics, d.feedForwardGain,
        d.feedForwardShift)
    let branch = arena.matrix(sum.rows, sum.columns)
    branch.copy(from: sumGradient)
    kernels.apply(dropout(c.dropout, UInt32(index * 8 + 4)), to: branch)
    let activeGradient = linearBackward(
      branch, input: active, back: packed[index].downBack, weight: d.downWeight, bias: d.downBias)
    kernels.activateBackward(
      outputGradient: activeGradient, input: wide, c.activation, inputGradient: activeGradient)
    let normedGradient = linearBackward(
      activeGradient, input: normed, back: packed[index].upBack, weight: d.upWeight,
      bias: d.upBias)
    if pre {
      return normBackward(
        normedGradient, input, layer.feedForwardGain, statistics, d.feedForwardGain,
        d.feedForwardShift, addingTo: sumGradient)
    }
    kernels.add(normedGradient, to: sumGradient)
    return sumGradient
  }

  private func attendBackward(
    _ index: Int, _ outputGradient: Matrix, _ layout: RaggedRows
  ) -> Matrix {
    let (layer, tape, d) = (parameters.layers[index], tapes[index], gradients.layers[index])
    guard let input = tape.input, let normed = tape.normed, let fused = tape.fused,
      let weights = tape.weights, let mixed = tape.mixed, let sum = tape.sum1,
      let statistics = tape.statistics1
    else { preconditionFailure("backward comes after forward") }
    let pre = c.normalization == .pre
    let sumGradient =
      pre
      ? outputGradient
      : normBackward(
        outputGradient, sum, layer.attentionGain, statistics, d.attentionGain, d.attentionShift)
    let branch = arena.matrix(sum.rows, sum.columns)
    branch.copy(from: sumGradient)
    kernels.apply(dropout(c.dropout, UInt32(index * 8 + 3)), to: branch)
    var mixedGradient = linearBackward(
      branch, input: mixed, back: packed[index].outputBack, weight: d.outputWeight,
      bias: d.outputBias)
    var residualGradient = sumGradient
    if index == tapes.count - 1 {
      mixedGradient = selectedRowsBackward(mixedGradient, layout)
      residualGradient = selectedRowsBackward(sumGradient, layout)
    }
    let fusedGradient = arena.matrix(fused.rows, fused.columns)
    kernels.attentionBackward(
      outputGradient: mixedGradient, fused: fused, layout: layout, heads: c.headCount,
      weights: weights, dropout: dropout(c.attentionDropout, UInt32(index * 8 + 2)),
      fusedGradient: fusedGradient, scratch: scratch)
    if let angles {
      kernels.rotate(fusedGradient, layout, heads: c.headCount, angles, backwards: true)
    }
    let normedGradient = linearBackward(
      fusedGradient, input: normed, back: packed[index].fusedBack, weight: d.fusedWeight,
      bias: d.fusedBias)
    if pre {
      return normBackward(
        normedGradient, input, layer.attentionGain, statistics, d.attentionGain, d.attentionShift,
        addingTo: residualGradient)
    }
    kernels.add(normedGradient, to: residualGradient)
    return residualGradient
  }

  private func selectedRowsBackward(_ gradient: Matrix, _ layout: RaggedRows) -> Matrix {
    let all = arena.matrix(layout.rows, gradient.columns)
    all.zero()
    for (source, row) in selected.enumerated() { all.setRow(row, from: gradient, row: source) }
    return all
  }

  private func embedBackward(_ outputGradient: Matrix, _ batch: TokenBatch) {
    guard let embeddingSum, let embeddingStatistics else {
      preconditionFailure("backward comes after forward")
    }
    kernels.apply(dropout(c.dropout, 1), to: outputGradient)
    let gradient = normBackward(
      outputGradient, embeddingSum, parameters.embeddingGain, embeddingStatistics,
      gradients.embeddingGain, gradients.embeddingShift)
    kernels.embeddingBackward(batch.ids, outputGradient: gradient, tableGradient: gradients.words)
    if let types = gradients.tokenTypes {
      kernels.embeddingBackward(batch.types, outputGradient: gradient, tableGradient: types)
    }
    if c.positionalEncoding == .learned, let positions = gradients.positions {
      kernels.embeddingBackward(
        batch.positions(offset: c.positionOffset), outputGradient: gradient,
        tableGradient: positions)
    }
  }
}
