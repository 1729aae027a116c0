import CKernels

extension Kernels {
  /// softmax(scores) · V for each head of each sequence, where scores are scale · Q·Kᵀ (Vaswani et al., 2017,
  /// section 3.2.1) and what `form`, `distanceBias` and `relative` say of places.
  ///
  /// `fused` is [rows, `form.fusedWidth`], `output` [rows, `form.width`]. `distanceBias` is [heads, 2 · longest −
  /// 1]: column longest − 1 + (j − i) is added to the scaled score of the query at i and the key at j
  /// (MPNet, T5). With `weights` (`form.weightCount(layout)` floats) the softmax weights
  /// are kept for `attentionBackward`; without, only a block of them exists at a time. Where nothing is kept, the CPU
  /// multiplies bfloat16 numbers and the kernels use them, both products are in bfloat16, but for forms with a cap or relative
  /// tables.
  public func attention(
    fused: Matrix, layout: RaggedRows, form: AttentionForm, distanceBias: Matrix? = nil,
    relative: RelativeTables? = nil, output: Matrix, weights: FloatBuffer? = nil,
    dropout: Dropout = .none, scratch: AttentionScratch
  ) {
    attend(
      AttentionCall(
        fused: fused, layout: layout, form: form, bias: distanceBias, relative: relative,
        weights: weights, dropout: dropout), output: output, scratch: scratch)
  }

  /// The same where keys and values are of other rows than the queries: those of another text (cross-attention,
  /// Vaswani et al., 2017, section 3.2.3), or all that a text had so far.
  ///
  /// `queries` is [rows, `form.width`]; each sequence has [its keys, 2 · `form.keyValueWidth`] in `keys`, keys and values side by
  /// side. Its first query stands at the place among its keys that `offsets` gives, 0 without: windows and `distanceBias` count
  /// from there. `output` may be `queries`.
  public func attention(
    queries: Matrix, layout: RaggedRows, keys: [Matrix], offsets: [Int] = [],
    form: AttentionForm, distanceBias: Matrix? = nil, output: Matrix,
    weights: FloatBuffer? = nil, dropout: Dropout = .none, scratch: AttentionScratch
  ) {
    attend(
      AttentionCall(
        fused: queries, layout: layout, keys: keys, offsets: offsets, form: form,
        bias: distanceBias, relative: nil, weights: weights, dropout: dropout), output: output,
      scratch: scratch)
  }

  private func attend(_ call: AttentionCall, output: Matrix, scratch: AttentionScratch) {
    let (layout, form) = (call.layout, call.form)
    precondition(output.rows == layout.rows && output.columns == form.width, "output")
    // Heads with the same keys are one job, which packs these once, but where threads would idle.
    let run = layout.count * form.keyValueHeads >= pool.threads ? form.group : 1
    let runs = form.heads / run
    let isHalved = usesBFloat16 && multipliesBFloat16 && call.isPlain
    call.withRows { rows in
      let blocks = scratch.reserve(
        threads: pool.threads,
        floats: isHalved
          ? martlet_bf16_attention_scratch(layout.longest, form.headSize)
          : call.scratchFloats(rows, backward: false))
      split(layout.count * runs, blocks) { job, block in
        let first = job % runs * run
        for head in first..<first + run {
          call.with(
            sequence: job / runs, head: head, output: output, rows: rows, scratch: block,
            isPacked: head > first
          ) {
            if isHalved {
              bfloats.pointee.attention(&$0, table)
            } else {
              table.pointee.attention(&$0)
            }
          }
        }
      }
    }
  }

  /// Gradient of `attention` with the `weights` it kept: sets fusedGradient [rows, `form.fusedWidth`] and
  /// adds to `biasGradient` and to those of the relative tables, which have the tables' shapes.
  ///
  /// The order of all sums is fixed. A soft cap and relative tables do not go together here, since
  /// no model has both.
  public func attentionBackward(
    outputGradient: Matrix, fused: Matrix, layout: RaggedRows, form: AttentionForm,
    relative: RelativeTables? = nil, weights: FloatBuffer, dropout: Dropout = .none,
    fusedGradient: Matrix, biasGradient: Matrix? = nil,
    relativeGradients: (keys: Matrix?, queries: Matrix?) = (nil, nil), scratch: AttentionScratch
  ) {
    precondition(outputGradient.rows == layout.rows && outputGradient.columns == form.width)
    precondition(fusedGradient.rows == fused.rows && fusedGradient.stride == fused.stride)
    precondition(relative == nil || form.softCap == 0, "no cap with relative tables")
    for (gradient, table) in [
      (relativeGradients.keys, relative?.keys), (relativeGradients.queries, relative?.queries),
    ] {
      guard let gradient else { continue }
      precondition(
        gradient.rows == table?.rows && gradient.columns == table?.columns
          && gradient.stride == table?.stride, "relative gradients")
    }
    // The backward pass reads no bias; its gradient is found as the bias would be.
    let call = AttentionCall(
      fused: fused, layout: layout, form: form, bias: biasGradient, relative: relative,
      weights: weights, dropout: dropout)
    attendBackward(
      call, outputGradient: outputGradient, queryGradient: fusedGradient, keyGradients: [],
      relativeGradients: relativeGradients, scratch: scratch)
  }

  /// Gradient of `attention` whose keys are of other rows, with the `weights` it kept: sets queryGradient [rows, `form.width`]
  /// and each of keyGradients, which have the shapes and strides of `queries` and `keys`.
  public func attentionBackward(
    outputGradient: Matrix, queries: Matrix, layout: RaggedRows, keys: [Matrix],
    form: AttentionForm, weights: FloatBuffer, dropout: Dropout = .none, queryGradient: Matrix,
    keyGradients: [Matrix], scratch: AttentionScratch
  ) {
    precondition(outputGradient.rows == layout.rows && outputGradient.columns == form.width)
    precondition(queryGradient.rows == queries.rows && queryGradient.stride == queries.stride)
    precondition(
      keyGradients.count == keys.count
        && zip(keyGradients, keys).allSatisfy {
          $0.rows == $1.rows && $0.columns == $1.columns && $0.stride == $1.stride
        }, "a gradient for each key")
    let call = AttentionCall(
      fused: queries, layout: layout, keys: keys, form: form, bias: nil, relative: nil,
      weights: weights, dropout: dropout)
    attendBackward(
      call, outputGradient: outputGradient, queryGradient: queryGradient,
      keyGradients: keyGradients, relativeGradients: (nil, nil), scratch: scratch)
  }

  private func attendBackward(
    _ call: AttentionCall, outputGradient: Matrix, queryGradient: Matrix, keyGradients: [Matrix],
    relativeGradients: (keys: Matrix?, queries: Matrix?), scratch: AttentionScratch
  ) {
    let (layout, form, relative) = (call.layout, call.form, call.relative)
    // Who adds to the same numbers is one job: heads with one key, sequences where a head's bias
    // or table is learned, all heads where they share a table.
    let hasTables = relativeGradients.keys != nil || relativeGradients.queries != nil
    let count = layout.count * form.keyValueHeads
    let together =
      hasTables && relative?.isShared(form) == true
      ? count : hasTables || call.bias != nil ? layout.count : 1
    call.withRows { rows in
      let blocks = scratch.reserve(
        threads: pool.threads, floats: call.scratchFloats(rows, backward: true))
      split(count, blocks, granularity: together) { job, block in
        let (sequence, first) = (job % layout.count, job / layout.count * form.group)
        for head in first..<first + form.group {
          call.with(
            sequence: sequence, head: head, output: outputGradient, rows: rows, scratch: block,
            isPacked: head > first
          ) { arguments in
            let gradient = queryGradient.base + layout.starts[sequence] * queryGradient.stride
            let key =
              (keyGradients.isEmpty ? gradient + form.width : keyGradients[sequence].base)
              + form.keyOffset(head)
            var slopes = martlet_attention_gradient(
              forward: arguments, output_gradient: arguments.output,
              query_gradient: gradient + head * form.headSize, key_gradient: key,
              value_gradient: key + form.keyValueWidth,
              bias_gradient: UnsafeMutablePointer(mutating: arguments.bias),
              relative_key_gradient: relativeGradients.keys?.table(head, form),
              relative_query_gradient: relativeGradients.queries?.table(head, form))
            table.pointee.attention_backward(&slopes)
          }
        }
      }
    }
  }

  /// Runs `body` for each job with a scratch block that no other thread has.
  private func split(
    _ count: Int, _ blocks: [FloatBuffer], granularity: Int = 1, _ body: (Int, FloatBuffer) -> Void
  ) {
    pool.split(count, granularity: granularity) { jobs in
      let block = blocks[min(jobs.lowerBound * pool.threads / count, pool.threads - 1)]
      for job in jobs { body(job, block) }
    }
  }
}
