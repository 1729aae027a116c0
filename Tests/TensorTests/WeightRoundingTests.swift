import Tensor
import Testing

@Suite("Weights rounded for the inputs they see")
struct WeightRoundingTests {
  private static let (rows, k, n) = (200, 64, 24)

  /// Inputs of which neighbours are alike, as hidden states are.
  private static let inputs: Matrix = {
    let noise = QuantizedMatrixTests.numbers(rows * k, seed: 11)
    let x = Matrix(rows: rows, columns: k)
    for row in 0..<rows {
      for p in 0..<k { x[row, p] = noise[row * k + p] + (p > 0 ? 0.8 * x[row, p - 1] : 0) }
    }
    return x
  }()

  private static func moments(_ x: Matrix) -> Matrix {
    let sums = Matrix(rows: x.columns, columns: x.columns)
    for i in 0..<x.columns {
      for j in 0..<x.columns {
        sums[i, j] = (0..<x.rows).reduce(0) { $0 + x[$1, i] * x[$1, j] }
      }
    }
    return sums
  }

  /// Σ over rows and outputs of the squared difference between x·wᵀ and x·vᵀ.
  private static func loss(_ x: Matrix, _ w: Matrix, _ v: Matrix) -> Double {
    var total = 0.0
    for row in 0..<x.rows {
      for j in 0..<w.rows {
        let error = (0..<x.columns).reduce(0.0) {
          $0 + Double(x[row, $1]) * Double(w[j, $1] - v[j, $1])
        }
        total += error * error
      }
    }
    return total
  }

  @Test("Products are closer to the true ones than with weights rounded alone, by a third")
  func beatsRoundingAlone() {
    let values = QuantizedMatrixTests.numbers(Self.n * Self.k, seed: 12)
    let weight = Matrix(rows: Self.n, columns: Self.k, values)
    let rounded = Matrix(rows: Self.n, columns: Self.k, values)
    let scales = WeightRounding(moments: Self.moments(Self.inputs)).round(rounded)
    let alone = Matrix(rows: Self.n, columns: Self.k)
    for j in 0..<Self.n {
      for p in 0..<Self.k { alone[j, p] = (weight[j, p] / scales[j]).rounded() * scales[j] }
    }
    let (ours, theirs) = (
      Self.loss(Self.inputs, weight, rounded), Self.loss(Self.inputs, weight, alone)
    )
    #expect(ours < 0.67 * theirs, "\(ours) against \(theirs)")
  }

  @Test("Each weight is a whole number of its output's steps, and no lane of four can overflow")
  func staysInsideLanes() {
    // Large weights of one sign are what overflows.
    let values = QuantizedMatrixTests.numbers(Self.n * Self.k, seed: 13).map { abs($0) + 1 }
    let weight = Matrix(rows: Self.n, columns: Self.k, values)
    let scales = WeightRounding(moments: Self.moments(Self.inputs)).round(weight)
    for j in 0..<Self.n {
      let q = (0..<Self.k).map { weight[j, $0] / scales[j] }
      #expect(q.allSatisfy { abs($0 - $0.rounded()) < 1e-3 && abs($0) <= 127.5 })
      for start in stride(from: 0, to: Self.k, by: 8) {
        for lane in [[0, 1, 4, 5], [2, 3, 6, 7]] {
          #expect(lane.reduce(0) { $0 + max(q[start + $1], 0) } <= 171.01)
          #expect(lane.reduce(0) { $0 - min(q[start + $1], 0) } <= 171.01)
        }
      }
    }
  }

  @Test(
    "Every instruction set sums the same integers exactly, at the largest activations too",
    arguments: InstructionSet.available)
  func sumsAreExact(set: InstructionSet) throws {
    let kernels = try #require(Kernels(set))
    let values = QuantizedMatrixTests.numbers(Self.n * Self.k, seed: 14).map { abs($0) + 1 }
    let weight = Matrix(rows: Self.n, columns: Self.k, values)
    let scales = WeightRounding(moments: Self.moments(Self.inputs)).round(weight)
    let packed = QuantizedMatrix(weight, scales: scales, kernels: kernels)
    // All inputs at the top of the range, where each is kept exactly.
    let input = Matrix(rows: 1, columns: Self.k, [Float](repeating: 3, count: Self.k))
    let output = Matrix(rows: 1, columns: Self.n)
    kernels.linear(input, packed, output: output, scratch: QuantizedRows())
    for j in 0..<Self.n {
      let exact = (0..<Self.k).reduce(0.0) { $0 + 3 * Double(weight[j, $1]) }
      #expect(abs(Double(output[0, j]) - exact) < 1e-5 * exact)
    }
  }
}
