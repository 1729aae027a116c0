import CKernels

/// Rounds a linear layer's weights to integers so that the errors of one weight are made up for by
/// the weights after it, as far as the inputs that it sees allow (GPTQ, Frantar et al., 2023, in the
/// form without an inverse that QuIP, Chee et al., 2023, section 3.1, calls LDLQ).
///
/// With H = Σ xᵀx over typical inputs, H = (U + I) D (U + I)ᵀ with U strictly upper triangular, weight
/// k becomes round(w_k + Σ_{j<k} (w_j − ŵ_j) U_jk). The integers keep to what `MARTLET_INT8_LANE_LIMIT`
/// says, so that every instruction set computes with the same ones.
public struct WeightRounding: Sendable {
  /// U by rows.
  private let feedback: FloatBuffer
  private let inputs: Int

  /// Share of the mean diagonal that is added to it, so that inputs that never vary do no harm.
  private static let damping = 0.01

  /// - Parameter moments: H by rows, [inputs, inputs].
  public init(moments: Matrix) {
    precondition(moments.rows == moments.columns, "one moment for each pair of inputs")
    inputs = moments.rows
    let count = inputs
    feedback = FloatBuffer(count: count * count)
    var h = [Double](repeating: 0, count: count * count)
    var trace = 0.0
    for row in 0..<count {
      for column in 0...row { h[row * count + column] = Double(moments[row, column]) }
      trace += h[row * count + row]
    }
    let extra = max(trace / Double(max(count, 1)) * Self.damping, 1e-20)
    for index in 0..<count { h[index * count + index] += extra }
    h.withUnsafeMutableBufferPointer { Self.factor($0, count) }
    for k in 0..<count {
      let inverse = 1 / h[k * count + k]
      for j in 0..<k { feedback[j * count + k] = Float(h[k * count + j] * inverse) }
    }
  }

  /// From the last row up: H = LᵀL, with L in the lower triangle of `h`.
  private static func factor(_ h: UnsafeMutableBufferPointer<Double>, _ count: Int) {
    for p in stride(from: count - 1, through: 0, by: -1) {
      let pivot = h[p * count + p].squareRoot()
      h[p * count + p] = pivot
      for j in 0..<p { h[p * count + j] /= pivot }
      for i in 0..<p {
        let share = h[p * count + i]
        for j in 0...i { h[i * count + j] -= share * h[p * count + j] }
      }
    }
  }

  /// Replaces `weight` [outputs, inputs] by integers times a scale for each output; returns the scales.
  public func round(_ weight: Matrix, threads: Int = 1) -> [Float] {
    precondition(weight.columns == inputs, "one weight for each input")
    let scales = FloatBuffer(count: weight.rows)
    ComputePool(threads: threads).split(weight.rows) { rows in
      let corrections = FloatBuffer(count: inputs)
      for row in rows {
        scales.base[row] = round(
          weight.base + row * weight.stride, corrections: corrections.base)
      }
    }
    return scales.values(0..<weight.rows)
  }

  private func round(
    _ row: UnsafeMutablePointer<Float>, corrections: UnsafeMutablePointer<Float>
  ) -> Float {
    var top: Float = 0
    for p in 0..<inputs {
      top = max(top, abs(row[p]))
      corrections[p] = 0
    }
    guard top > 0 else { return 0 }
    let scale = top / Float(MARTLET_INT8_LANE_WEIGHT)
    let limit = Float(MARTLET_INT8_LANE_LIMIT)
    // What the two lanes of eight inputs hold of each sign.
    var (above, below) = (SIMD2<Float>.zero, SIMD2<Float>.zero)
    for p in 0..<inputs {
      if p % 8 == 0 { (above, below) = (.zero, .zero) }
      let lane = p % 4 / 2
      var q = ((row[p] + corrections[p]) / scale).rounded(.toNearestOrEven)
      q = max(min(q, 127, limit - above[lane]), -127, below[lane] - limit)
      if q > 0 { above[lane] += q } else { below[lane] -= q }
      let error = row[p] - q * scale
      row[p] = q * scale
      let line = feedback.base + p * inputs
      for next in p + 1..<max(inputs, p + 1) { corrections[next] += error * line[next] }
    }
    return scale
  }
}
