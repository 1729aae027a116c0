import CKernels

/// A norm over rows with its parameters.
public struct Norm: Sendable {
  /// What is divided by.
  public enum Kind: String, Sendable {
    /// The mean is taken off, then the standard deviation divides (Ba, Kiros and Hinton, 2016).
    case layer
    /// The root of the mean square divides (Zhang and Sennrich, 2019).
    case rms
  }

  /// What is divided by.
  public let kind: Kind
  /// Factors, one a column.
  public let gain: Matrix
  /// Summands, one a column; nil for none.
  public let bias: Matrix?
  /// Added to each gain: 1 where they are kept as their distance from one, as Gemma does.
  public let gainOffset: Float
  /// Keeps the division from zero.
  public let epsilon: Float

  /// A norm of rows of `gain.count` columns.
  public init(
    _ kind: Kind, gain: Matrix, bias: Matrix? = nil, gainOffset: Float = 0, epsilon: Float
  ) {
    precondition(bias == nil || bias?.count == gain.count, "a bias for each gain")
    (self.kind, self.gain, self.bias) = (kind, gain, bias)
    (self.gainOffset, self.epsilon) = (gainOffset, epsilon)
  }

  var constants: martlet_norm {
    martlet_norm(
      gain: gain.base, bias: bias.map { UnsafePointer($0.base) }, gain_offset: gainOffset,
      epsilon: epsilon, is_centred: kind == .layer ? 1 : 0)
  }
}

/// Means and reciprocal deviations by row, which the backward pass needs. An RMS norm has no means.
public struct NormStatistics: Sendable {
  let mean: FloatBuffer
  let reciprocalDeviation: FloatBuffer

  /// Room for `rows`.
  public init(rows: Int) {
    mean = FloatBuffer(count: rows)
    reciprocalDeviation = FloatBuffer(count: rows)
  }
}

extension Matrix {
  var strided: martlet_rows { martlet_rows(base: base, stride: stride) }

  /// The rows from `row` on, for a kernel.
  func strided(from row: Int) -> martlet_rows {
    martlet_rows(base: base + row * stride, stride: stride)
  }
}

extension Kernels {
  /// output = norm(input), by row.
  ///
  /// Shapes: input and output [m, n] (may be the same).
  public func norm(
    _ input: Matrix, _ norm: Norm, output: Matrix, statistics: NormStatistics? = nil
  ) {
    precondition(input.rows == output.rows && input.columns == output.columns, "shapes")
    precondition(norm.gain.count == input.columns, "parameters")
    if let statistics { precondition(statistics.mean.count >= input.rows, "statistics") }
    withUnsafePointer(to: norm.constants) { constants in
      pool.split(input.rows, granularity: 64) { rows in
        let start = rows.lowerBound
        table.pointee.norm(
          output.strided(from: start), input.strided(from: start), rows.count, input.columns,
          constants, statistics.map { $0.mean.base + start },
          statistics.map { $0.reciprocalDeviation.base + start })
      }
    }
  }

  /// Gradients of `norm`: sets (or, with `accumulating`, adds to) inputGradient, and adds to
  /// the gain's and the bias's where they are given. inputGradient may be outputGradient.
  public func normBackward(
    outputGradient: Matrix, input: Matrix, _ norm: Norm, statistics: NormStatistics,
    inputGradient: Matrix, gainGradient: Matrix?, biasGradient: Matrix?, accumulating: Bool
  ) {
    precondition(
      outputGradient.rows == input.rows && outputGradient.columns == input.columns
        && inputGradient.rows == input.rows && inputGradient.columns == input.columns, "shapes")
    let n = input.columns
    precondition(norm.gain.count == n && gainGradient?.count ?? n == n, "parameters")
    precondition(biasGradient == nil || biasGradient?.count == n, "parameters")
    precondition(statistics.mean.count >= input.rows, "statistics")
    let deviation = statistics.reciprocalDeviation.base
    let mean = norm.kind == .layer ? statistics.mean.base : nil
    if let gainGradient {
      pool.split(n, granularity: 16) { columns in
        table.pointee.norm_parameters(
          gainGradient.base, biasGradient?.base, outputGradient.strided, input.strided,
          input.rows, mean, deviation, columns.lowerBound, columns.upperBound)
      }
    }
    withUnsafePointer(to: norm.constants) { constants in
      pool.split(input.rows, granularity: 64) { rows in
        let start = rows.lowerBound
        table.pointee.norm_backward(
          inputGradient.strided(from: start), outputGradient.strided(from: start),
          input.strided(from: start), rows.count, n, constants, mean.map { $0 + start },
          deviation + start, accumulating ? 1 : 0)
      }
    }
  }
}
