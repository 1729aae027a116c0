import Tensor
import Testing

/// The kernels of an instruction set, with or without a CPU's own multiplication of bfloat16 numbers.
struct BFloat16Path: CustomTestStringConvertible, Sendable {
  let set: InstructionSet
  let isNative: Bool

  var testDescription: String { "\(set)\(isNative ? ", native" : "")" }

  func kernels(threads: Int = 1) -> Kernels? {
    Kernels(set, threads: threads, usesBFloat16: true, multipliesBFloat16: isNative)
  }

  static let all = InstructionSet.available.flatMap { set -> [BFloat16Path] in
    // Arm's instruction rounds otherwise; the table of kernels in C allows for it.
    let hasOwn = Kernels(set)?.multipliesBFloat16 == true && set != .neon
    return [BFloat16Path(set: set, isNative: false)]
      + (hasOwn ? [BFloat16Path(set: set, isNative: true)] : [])
  }
}

/// What the instruction is defined to do, number by number.
enum PlainBFloat16 {
  /// The nearest bfloat16, halves to even, subnormal numbers to zero: by trying both neighbours.
  static func rounded(_ x: Float) -> Float {
    if x.isNaN || x.isInfinite { return x }
    if x.magnitude < .leastNormalMagnitude { return x.sign == .minus ? -0.0 : 0 }
    let low = x.bitPattern & 0xFFFF_0000
    let (down, up) = (Double(Float(bitPattern: low)), Double(x.sign == .minus ? -1.0 : 1.0))
    let step = up * Double(Float(bitPattern: low).ulp) * 65536
    let (below, above) = (abs(Double(x) - down), abs(down + step - Double(x)))
    let isEven = low >> 16 & 1 == 0
    let goesDown = below < above || (below == above && isEven)
    return Float(goesDown ? down : down + step)
  }

  /// start + Σ x·w, the second of each pair first, each product with one rounding.
  static func dot(_ x: [Float], _ w: [Float], from start: Float) -> Float {
    var sum = start
    for pair in stride(from: 0, to: x.count, by: 2) {
      for place in [pair + 1, pair] {
        let (a, b) = place < x.count ? (rounded(x[place]), rounded(w[place])) : (0, 0)
        sum = sum.addingProduct(a, b)
      }
    }
    return sum
  }
}

@Suite("bfloat16 products equal their definition bit by bit")
struct BFloat16MatrixTests {
  @Test(
    "Odd shapes, with bias, activation and residual", arguments: BFloat16Path.all,
    [(1, 1, 1), (3, 5, 33), (15, 64, 31), (29, 127, 70), (61, 384, 96)])
  func products(path: BFloat16Path, shape: (Int, Int, Int)) throws {
    let (rows, k, n) = shape
    let kernels = try #require(path.kernels())
    var numbers = TestNumbers(seed: 71)
    let (x, w) = (numbers.matrix(rows, k, -2...3), numbers.matrix(n, k))
    let (bias, residual) = (numbers.matrix(1, n), numbers.matrix(rows, n))
    let weight = BFloat16Matrix(w, kernels: kernels)
    let output = Matrix(rows: rows, columns: n)
    kernels.linear(
      x, weight, bias: bias, activation: .relu, residual: residual, output: output,
      scratch: BFloat16Rows())
    let inPlace = Matrix(rows: rows, columns: n)
    inPlace.copy(from: residual)
    kernels.linear(
      x, weight, bias: bias, residual: inPlace, output: inPlace, scratch: BFloat16Rows())
    for i in 0..<rows {
      for j in 0..<n {
        let plain = PlainBFloat16.dot(x.row(i), w.row(j), from: bias[0, j])
        #expect(output[i, j] == max(0, plain) + residual[i, j], "\(i), \(j)")
        let onTop = PlainBFloat16.dot(x.row(i), w.row(j), from: bias[0, j] + residual[i, j])
        #expect(inPlace[i, j] == onTop, "\(i), \(j) in place")
      }
    }
  }

  @Test("Numbers are rounded to the nearest, halves to even", arguments: BFloat16Path.all)
  func rounding(path: BFloat16Path) throws {
    let kernels = try #require(path.kernels())
    var values: [Float] = [
      1, 1 + 0x1p-8, 1 + 0x1.8p-7, 1 + 0x1p-8 + 0x1p-20, -1 - 0x1p-8, .greatestFiniteMagnitude,
      .leastNormalMagnitude, .leastNonzeroMagnitude, -.leastNonzeroMagnitude, 0, 3.14159, 1e-30,
    ]
    var numbers = TestNumbers(seed: 72)
    while values.count < 1000 {
      let value = Float(bitPattern: UInt32(truncatingIfNeeded: numbers.next()))
      // Above, the product of a sum that begins at zero would be infinite as it should.
      if value.isFinite { values.append(value) }
    }
    let column = Matrix(rows: values.count, columns: 1, values)
    let output = Matrix(rows: values.count, columns: 1)
    let one = BFloat16Matrix(Matrix(rows: 1, columns: 1, [1]), kernels: kernels)
    kernels.linear(column, one, output: output, scratch: BFloat16Rows())
    let turned = Matrix(rows: 1, columns: values.count)
    kernels.linear(
      Matrix(rows: 1, columns: 1, [1]), BFloat16Matrix(column, kernels: kernels), output: turned,
      scratch: BFloat16Rows())
    for (index, value) in values.enumerated() {
      let want = PlainBFloat16.rounded(value)
      #expect(output[index, 0] == want, "\(value) as an input")
      #expect(turned[0, index] == want, "\(value) as a weight")
    }
  }

  @Test("What is not finite stays so, in its row alone", arguments: BFloat16Path.all)
  func notFinite(path: BFloat16Path) throws {
    let kernels = try #require(path.kernels())
    var numbers = TestNumbers(seed: 73)
    let (x, w) = (numbers.matrix(5, 70), numbers.matrix(40, 70))
    let weight = BFloat16Matrix(w, kernels: kernels)
    // A NaN whose payload lies in the half that rounding drops.
    for value in [Float.nan, Float(bitPattern: 0x7F80_0001), .infinity] {
      x[2, 33] = value
      let output = Matrix(rows: 5, columns: 40)
      kernels.linear(x, weight, output: output, scratch: BFloat16Rows())
      for row in 0..<5 {
        #expect(output.row(row).allSatisfy { $0.isFinite == (row != 2) }, "\(value) in row \(row)")
      }
    }
  }

  @Test("A row has the same bits alone, in a batch, and over threads", arguments: BFloat16Path.all)
  func rowsAreIndependent(path: BFloat16Path) throws {
    let (one, three) = (try #require(path.kernels()), try #require(path.kernels(threads: 3)))
    var numbers = TestNumbers(seed: 74)
    for (rows, k, n) in [(127, 200, 300), (400, 700, 77)] {
      let (x, w) = (numbers.matrix(rows, k), numbers.matrix(n, k))
      let weight = BFloat16Matrix(w, kernels: one)
      func run(_ kernels: Kernels, _ input: Matrix) -> [Float] {
        let output = Matrix(rows: input.rows, columns: n)
        kernels.linear(input, weight, activation: .gelu, output: output, scratch: BFloat16Rows())
        return output.values
      }
      let together = run(one, x)
      #expect(run(three, x) == together)
      for row in [0, 13, rows - 1] {
        #expect(run(one, x.rowRange(row..<row + 1)) == Array(together[row * n..<(row + 1) * n]))
      }
    }
  }

  @Test("Packed weights take half of single precision's memory")
  func memory() throws {
    let kernels = try #require(Kernels(.portable))
    #expect(
      2 * BFloat16Matrix.floats(depth: 768, columns: 3072, kernels: kernels)
        == PackedMatrix.floats(depth: 768, columns: 3072, kernels: kernels))
  }
}
