import CKernels

/// Means and reciprocal standard deviations by row, which the backward pass needs.
public struct LayerNormStatistics: Sendable {
  let mean: FloatBuffer
  let reciprocalDeviation: FloatBuffer

  /// Room for `rows`.
  public init(rows: Int) {
    mean = FloatBuffer(count: rows)
    reciprocalDeviation = FloatBuffer(count: rows)
  }
}

extension Kernels {
  /// output = (input − mean) / √(variance + ε) · gain + bias, by row (Ba, Kiros and Hinton, 2016).
  ///
  /// Shapes: input and output [m, n], contiguous (may be the same); gain and bias [n].
  public func layerNorm(
    _ input: Matrix, gain: Matrix, bias: Matrix, epsilon: Float, output: Matrix,
    statistics: LayerNormStatistics? = nil
  ) {
    precondition(input.isContiguous && output.isContiguous, "rows must stand side by side")
    precondition(input.rows == output.rows && input.columns == output.columns, "shapes")
    precondition(gain.count == input.columns && bias.count == input.columns, "parameters")
    if let statistics { precondition(statistics.mean.count >= input.rows, "statistics") }
    let n = input.columns
    pool.split(input.rows, granularity: 64) { rows in
      let start = rows.lowerBound
      table.pointee.layer_norm(
        output.base + start * n, input.base + start * n, gain.base, bias.base, rows.count, n,
        epsilon, statistics.map { $0.mean.base + start },
        statistics.map { $0.reciprocalDeviation.base + start })
    }
  }

  /// Gradients of `layerNorm`: sets (or, with `accumulating`, adds to) inputGradient, and adds to
  /// the gain's and the bias's.
  public func layerNormBackward(
    outputGradient: Matrix, input: Matrix, gain: Matrix, statistics: LayerNormStatistics,
    inputGradient: Matrix, gainGradient: Matrix, biasGradient: Matrix, accumulating: Bool
  ) {
    precondition(
      outputGradient.isContiguous && input.isContiguous && inputGradient.isContiguous, "rows")
    precondition(outputGradient.count == input.count && inputGradient.count == input.count)
    let n = input.columns
    precondition(gain.count == n && gainGradient.count == n && biasGradient.count == n)
    precondition(statistics.mean.count >= input.rows, "statistics")
    let (mean, deviation) = (statistics.mean.base, statistics.reciprocalDeviation.base)
    pool.split(n, granularity: 16) { columns in
      table.pointee.layer_norm_parameters(
        gainGradient.base, biasGradient.base, outputGradient.base, input.base, mean, deviation,
        input.rows, n, columns.lowerBound, columns.upperBound)
    }
    pool.split(input.rows, granularity: 64) { rows in
      let start = rows.lowerBound
      table.pointee.layer_norm_backward(
        inputGradient.base + start * n, outputGradient.base + start * n, input.base + start * n,
        gain.base, mean + start, deviation + start, rows.count, n, accumulating ? 1 : 0)
    }
  }
}
