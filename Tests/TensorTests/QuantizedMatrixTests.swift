import Tensor
import Testing

@Suite("8-bit products agree with exact integer sums")
struct QuantizedMatrixTests {
  static let sets = InstructionSet.available

  /// A repeatable sequence in −1…1 with an outlier here and there.
  static func numbers(_ count: Int, seed: UInt32) -> [Float] {
    var state = seed
    return (0..<count).map { index in
      state = state &* 1_664_525 &+ 1_013_904_223
      let value = Float(state >> 8) / Float(1 << 23) - 1
      return index % 97 == 5 ? value * 8 : value
    }
  }

  /// Where four products are added in 16 bits, 171 · 191 is the most that fits: the largest weights
  /// of a lane give way.
  static func limitLanes(_ q: inout [Double]) {
    for start in stride(from: 0, to: q.count, by: 8) {
      for lane in [[0, 1, 4, 5], [2, 3, 6, 7]] {
        let places = lane.map { start + $0 }.filter { $0 < q.count }
        for sign in [-1.0, 1] {
          while places.reduce(0, { $0 + max(q[$1] * sign, 0) }) > 171 {
            let top = places.map { q[$0] * sign }.max() ?? 0
            if let place = places.first(where: { q[$0] * sign == top }) { q[place] -= sign }
          }
        }
      }
    }
  }

  /// The definition, in double precision: quantise rows of both, multiply integers, scale back.
  static func reference(
    _ x: [Float], _ w: [Float], bias: [Float], rows: Int, k: Int, n: Int, limit: Double,
    highest: Double
  ) -> [Double] {
    var y: [Double] = []
    for i in 0..<rows {
      let row = x[i * k..<(i + 1) * k].map(Double.init)
      let (low, high) = (min(row.min() ?? 0, 0), max(row.max() ?? 0, 0))
      let scale = (high - low) / highest
      let zero = (-low / scale).rounded(.toNearestOrEven)
      let u = row.map {
        min(max(($0 / scale).rounded(.toNearestOrEven) + zero, 0), highest) - zero
      }
      for j in 0..<n {
        let weights = w[j * k..<(j + 1) * k].map(Double.init)
        let top = (weights.map(abs).max() ?? 0) / limit
        var q = weights.map { ($0 / top).rounded(.toNearestOrEven) }
        if highest < 255 { limitLanes(&q) }
        y.append(zip(u, q).reduce(0) { $0 + $1.0 * $1.1 } * scale * top + Double(bias[j]))
      }
    }
    return y
  }

  @Test(
    "Odd shapes, with bias and residual in place", arguments: sets,
    [(1, 3, 1), (5, 64, 33), (17, 70, 40), (29, 384, 96)])
  func products(set: InstructionSet, shape: (Int, Int, Int)) throws {
    let (rows, k, n) = shape
    let kernels = try #require(Kernels(set))
    let x = Self.numbers(rows * k, seed: 1)
    let w = Self.numbers(n * k, seed: 2)
    let bias = Self.numbers(n, seed: 3)
    let start = Self.numbers(rows * n, seed: 4)
    let weight = QuantizedMatrix(Matrix(rows: n, columns: k, w), kernels: kernels)
    let output = Matrix(rows: rows, columns: n, start)
    kernels.linear(
      Matrix(rows: rows, columns: k, x), weight, bias: Matrix(rows: 1, columns: n, bias),
      residual: output, output: output, scratch: QuantizedRows())
    let addsInLanes = kernels.integerName == "avx2"
    let limit = addsInLanes ? 64.0 : 127.0
    let highest = addsInLanes ? 191.0 : 255.0
    let wanted = Self.reference(
      x, w, bias: bias, rows: rows, k: k, n: n, limit: limit, highest: highest)
    // A value that stands between two steps may round to either; that is one step of one product.
    let step = 8.0 / limit * 8 * 2
    for index in 0..<rows * n {
      let found = Double(output.buffer[index]) - Double(start[index])
      #expect(abs(found - wanted[index]) < 1e-3 + step, "element \(index)")
    }
    let far = (0..<rows * n).filter {
      abs(Double(output.buffer[$0]) - Double(start[$0]) - wanted[$0]) > 1e-3
    }
    #expect(far.count * 20 <= rows * n, "\(far.count) of \(rows * n) differ by a rounding step")
  }

  @Test("A row has the same bits alone, in a batch, and over threads", arguments: sets)
  func rowsAreIndependent(set: InstructionSet) throws {
    let (rows, k, n) = (40, 96, 70)
    let x = Matrix(rows: rows, columns: k, Self.numbers(rows * k, seed: 5))
    let w = Matrix(rows: n, columns: k, Self.numbers(n * k, seed: 6))
    let one = try #require(Kernels(set))
    let three = try #require(Kernels(set, threads: 3))
    let weight = QuantizedMatrix(w, kernels: one)
    func run(_ kernels: Kernels, _ input: Matrix) -> [Float] {
      let output = Matrix(rows: input.rows, columns: n)
      kernels.linear(input, weight, activation: .gelu, output: output, scratch: QuantizedRows())
      return output.buffer.values(0..<input.rows * n)
    }
    let together = run(one, x)
    #expect(run(three, x) == together)
    for row in [0, 13, 39] {
      #expect(run(one, x.rowRange(row..<row + 1)) == Array(together[row * n..<(row + 1) * n]))
    }
  }

  @Test("Smoothing changes where the outliers are, not what is computed", arguments: sets)
  func smoothing(set: InstructionSet) throws {
    let (rows, k, n) = (6, 64, 20)
    let kernels = try #require(Kernels(set))
    var x = Self.numbers(rows * k, seed: 7)
    for row in 0..<rows { x[row * k + 9] *= 60 }
    let w = Self.numbers(n * k, seed: 8)
    var factors = [Float](repeating: 1, count: k)
    factors[9] = 8
    let input = Matrix(rows: rows, columns: k, x)
    let matrix = Matrix(rows: n, columns: k, w)
    func error(_ weight: QuantizedMatrix) -> Double {
      let output = Matrix(rows: rows, columns: n)
      kernels.linear(input, weight, output: output, scratch: QuantizedRows())
      var sum = 0.0
      for i in 0..<rows {
        for j in 0..<n {
          let exact = (0..<k).reduce(0.0) { $0 + Double(x[i * k + $1]) * Double(w[j * k + $1]) }
          sum += (Double(output[i, j]) - exact) * (Double(output[i, j]) - exact)
        }
      }
      return sum
    }
    let plain = error(QuantizedMatrix(matrix, kernels: kernels))
    #expect(error(QuantizedMatrix(matrix, smoothing: factors, kernels: kernels)) < plain)
  }
}
