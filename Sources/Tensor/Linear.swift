import CKernels

extension Kernels {
  /// output = activation(input · B + bias) + residual, with B packed.
  ///
  /// Shapes: input [m, k], B [k, n], bias [n], residual and output [m, n]. `residual` may be the
  /// output itself when there is no activation: the sums then start from what it holds. With `accumulating`, the product is added to what `output` holds.
  public func linear(
    _ input: Matrix, _ weight: PackedMatrix, bias: Matrix? = nil, activation: Activation = .none,
    residual: Matrix? = nil, accumulating: Bool = false, output: Matrix
  ) {
    precondition(input.columns == weight.depth && output.columns == weight.columns, "shapes")
    product(
      martlet_operand(base: input.base, row_stride: input.stride, column_stride: 1), weight,
      epilogue(
        input: input, bias: bias, activation: activation, residual: residual,
        accumulating: accumulating, output: output),
      output)
  }

  /// What follows the products of a linear layer, with its shapes checked.
  func epilogue(
    input: Matrix, bias: Matrix?, activation: Activation, residual: Matrix?,
    accumulating: Bool = false, output: Matrix
  ) -> martlet_epilogue {
    precondition(input.rows == output.rows, "rows")
    precondition(bias == nil || bias?.count == output.columns, "bias")
    precondition(
      residual == nil || (residual?.rows == output.rows && residual?.columns == output.columns),
      "residual")
    let isInPlace = residual.map { $0.base == output.base } ?? false
    precondition(
      !isInPlace || (activation == .none && residual?.stride == output.stride), "in place")
    return martlet_epilogue(
      bias: bias.map { UnsafePointer($0.base) },
      residual: isInPlace ? nil : residual.map { UnsafePointer($0.base) },
      residual_stride: residual?.stride ?? 0, activation: activation.code,
      accumulate: accumulating || isInPlace ? 1 : 0)
  }

  /// Gradient of a linear layer's weight: weightGradient += outputGradientᵀ · input.
  ///
  /// Shapes: outputGradient [m, n], input [m, k], weightGradient [n, k]; `scratch` holds at least
  /// m × k packed.
  public func linearWeightGradient(
    outputGradient: Matrix, input: Matrix, weightGradient: Matrix, scratch: PackedMatrix
  ) {
    precondition(outputGradient.rows == input.rows, "rows")
    precondition(
      weightGradient.rows == outputGradient.columns && weightGradient.columns == input.columns,
      "shapes")
    let b = scratch.reshaped(depth: input.rows, columns: input.columns, kernels: self)
    b.fill(input, transposed: false, kernels: self)
    product(
      martlet_operand(
        base: outputGradient.base, row_stride: 1, column_stride: outputGradient.stride), b,
      martlet_epilogue(
        bias: nil, residual: nil, residual_stride: 0, activation: MARTLET_ACTIVATION_NONE,
        accumulate: 1), weightGradient)
  }

  /// Gradient of a linear layer's bias: biasGradient[n] += column sums of outputGradient [m, n].
  public func linearBiasGradient(outputGradient: Matrix, biasGradient: Matrix) {
    precondition(biasGradient.count == outputGradient.columns, "a gradient for each bias")
    pool.split(outputGradient.columns, granularity: 16) { columns in
      table.pointee.column_sums(
        biasGradient.base, outputGradient.base, outputGradient.rows, outputGradient.stride,
        columns.lowerBound, columns.upperBound)
    }
  }

  private func product(
    _ a: martlet_operand, _ b: PackedMatrix, _ epilogue: martlet_epilogue, _ output: Matrix
  ) {
    let panelCount = panels(b.columns)
    // Below some 100 µs of work, waking another thread costs more than it brings.
    let threads = operations(output, depth: b.depth) < 1e6 ? ComputePool.single : pool
    let block = caches.rows(of: b.depth * MemoryLayout<Float>.size)
    threads.split(rows: output.rows, columns: b.columns, panels: panelCount, block: block) {
      rows, panels in
      table.pointee.matmul(
        a, b.buffer.base, b.depth, b.columns, output.base, output.stride, epilogue,
        rows.lowerBound, rows.upperBound, panels.lowerBound, panels.upperBound)
    }
  }

  /// Multiply-adds in a product whose sums are `depth` long.
  func operations(_ output: Matrix, depth: Int) -> Double {
    Double(output.rows) * Double(output.columns) * Double(depth)
  }
}

extension ComputePool {
  /// Shares a product's output over the threads: by rows when it is tall, else by panels of columns. The
  /// rows of a share come in blocks of nearly equal size, at most `block`.
  func split(
    rows: Int, columns: Int, panels: Int, block: Int, _ body: (Range<Int>, Range<Int>) -> Void
  ) {
    func inBlocks(_ rows: Range<Int>, _ panels: Range<Int>) {
      let blocks = (rows.count + block - 1) / block
      for index in 0..<blocks {
        let start = rows.lowerBound + rows.count * index / blocks
        body(start..<rows.lowerBound + rows.count * (index + 1) / blocks, panels)
      }
    }
    if rows >= columns || panels < threads {
      split(rows, granularity: 14) { inBlocks($0, 0..<panels) }
    } else {
      split(panels) { inBlocks(0..<rows, $0) }
    }
  }
}
