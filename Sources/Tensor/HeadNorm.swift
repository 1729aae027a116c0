import CKernels

extension Kernels {
  /// Norms of each head's query and of each head's key (Henry et al., 2020), as Qwen 3 and Gemma 3 have
  /// them; values are copied. The statistics hold `form.normedRows` for each row.
  ///
  /// Shapes: fused and output [rows, `form.fusedWidth`] (may be the same); gains [`form.headSize`].
  public func normHeads(
    _ fused: Matrix, _ form: AttentionForm, queries: Norm, keys: Norm, output: Matrix,
    statistics: NormStatistics? = nil
  ) {
    check(fused, form, queries, keys, statistics)
    precondition(output.rows == fused.rows && output.columns == fused.columns, "shapes")
    let values = form.normedRows * form.headSize
    withConstants(queries, keys) { queries, keys in
      pool.split(fused.rows, granularity: 16) { rows in
        for head in 0..<form.normedRows {
          let place = head * fused.rows + rows.lowerBound
          table.pointee.norm(
            output.head(head, form, from: rows.lowerBound),
            fused.head(head, form, from: rows.lowerBound), rows.count, form.headSize,
            head < form.heads ? queries : keys, statistics.map { $0.mean.base + place },
            statistics.map { $0.reciprocalDeviation.base + place })
        }
        guard output.base != fused.base else { return }
        for row in rows {
          (output.base + row * output.stride + values).update(
            from: fused.base + row * fused.stride + values, count: form.keyValueWidth)
        }
      }
    }
  }

  /// Gradient of `normHeads`, in place of its output's gradient; adds to the gradients of both gains where they are given.
  ///
  /// `fused` is what went in.
  public func normHeadsBackward(
    _ gradient: Matrix, fused: Matrix, _ form: AttentionForm, queries: Norm, keys: Norm,
    statistics: NormStatistics, queryGainGradient: Matrix?, keyGainGradient: Matrix?
  ) {
    check(fused, form, queries, keys, statistics)
    precondition(gradient.rows == fused.rows && gradient.columns == fused.columns, "shapes")
    for gradient in [queryGainGradient, keyGainGradient] {
      precondition(gradient?.count ?? form.headSize == form.headSize, "gains")
    }
    let (means, deviations) = (statistics.mean.base, statistics.reciprocalDeviation.base)
    pool.split(form.headSize, granularity: 16) { columns in
      for head in 0..<form.normedRows {
        let isQuery = head < form.heads
        guard let gain = isQuery ? queryGainGradient : keyGainGradient else { continue }
        table.pointee.norm_parameters(
          gain.base, nil,
          gradient.head(head, form, from: 0), fused.head(head, form, from: 0), fused.rows,
          (isQuery ? queries : keys).kind == .layer ? means + head * fused.rows : nil,
          deviations + head * fused.rows, columns.lowerBound, columns.upperBound)
      }
    }
    withConstants(queries, keys) { queries, keys in
      pool.split(fused.rows, granularity: 16) { rows in
        for head in 0..<form.normedRows {
          let place = head * fused.rows + rows.lowerBound
          let slopes = gradient.head(head, form, from: rows.lowerBound)
          table.pointee.norm_backward(
            slopes, slopes, fused.head(head, form, from: rows.lowerBound), rows.count,
            form.headSize, head < form.heads ? queries : keys, means + place, deviations + place,
            0)
        }
      }
    }
  }

  private func check(
    _ fused: Matrix, _ form: AttentionForm, _ queries: Norm, _ keys: Norm,
    _ statistics: NormStatistics?
  ) {
    precondition(fused.columns == form.fusedWidth, "shapes")
    for norm in [queries, keys] {
      precondition(norm.gain.count == form.headSize && norm.bias == nil, "parameters")
    }
    if let statistics {
      precondition(statistics.mean.count >= fused.rows * form.normedRows, "statistics")
    }
  }

  private func withConstants(
    _ first: Norm, _ second: Norm,
    _ body: (UnsafePointer<martlet_norm>, UnsafePointer<martlet_norm>) -> Void
  ) {
    withUnsafePointer(to: first.constants) { first in
      withUnsafePointer(to: second.constants) { body(first, $0) }
    }
  }
}

extension AttentionForm {
  /// Query and key heads: the rows that `normHeads` makes of one.
  public var normedRows: Int { heads + keyValueHeads }
}

extension Matrix {
  /// The columns of one query or key head, keys behind the queries, from `row` on.
  fileprivate func head(_ head: Int, _ form: AttentionForm, from row: Int) -> martlet_rows {
    martlet_rows(base: base + row * stride + head * form.headSize, stride: stride)
  }
}
