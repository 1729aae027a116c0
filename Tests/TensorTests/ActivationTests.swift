import Foundation
import Tensor
import Testing

/// The definition in double precision.
private func plain(_ activation: Activation, _ x: Double) -> Double {
  func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }
  switch activation {
  case .none: return x
  case .relu: return max(0, x)
  case .gelu: return x * 0.5 * erfc(-x / 2.0.squareRoot())
  case .tanh: return tanh(x)
  // Not 0.5·x·(1 + tanh u), whose sum cancels on the left.
  case .geluTanh: return x * sigmoid(2 * (2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x))
  case .quickGELU: return x * sigmoid(1.702 * x)
  case .silu: return x * sigmoid(x)
  case .relu2: return max(0, x) * max(0, x)
  case .sigmoid: return sigmoid(x)
  }
}

@Suite("Activations equal their definitions in double precision")
struct ActivationTests {
  static let cases = InstructionSet.available.flatMap { set in
    Activation.allCases.map { (set, $0) }
  }

  @Test("Values and slopes, alone and behind a product", arguments: cases)
  func values(set: InstructionSet, activation: Activation) throws {
    let kernels = try #require(Kernels(set))
    let points = (0...4001).map { Float($0) * 0.005 - 10 }
    let count = points.count
    let x = Matrix(rows: 1, columns: count, points)
    let (y, slope) = (Matrix(rows: 1, columns: count), Matrix(rows: 1, columns: count))
    kernels.activate(x, activation, output: y)
    let ones = Matrix(rows: 1, columns: count, points.map { _ in 1 })
    kernels.activateBackward(outputGradient: ones, input: x, activation, inputGradient: slope)
    for (index, point) in points.enumerated() where point != 0 {
      let v = Double(point)
      let want = plain(activation, v)
      #expect(abs(y.doubles[0][index] - want) < 1e-6 * max(1, abs(want)), "\(activation) of \(v)")
      let step = 1e-5
      let rise = (plain(activation, v + step) - plain(activation, v - step)) / (2 * step)
      #expect(abs(Double(slope[0, index]) - rise) < 2e-6 * max(1, abs(rise)), "slope at \(v)")
    }
    let product = Matrix(rows: count, columns: 1)
    kernels.linear(
      Matrix(rows: count, columns: 1, points),
      .transposing(Matrix(rows: 1, columns: 1, [1]), kernels: kernels), activation: activation,
      output: product)
    #expect(product.values == y.values)
  }

  @Test("Those by sigmoids keep six digits where they are small, and end where floats end")
  func small() throws {
    let kernels = try Kernels.best()
    let points: [Float] = [-8, -5, -1, -1e-3, 1e-6, 3]
    for activation in [Activation.quickGELU, .silu, .sigmoid] {
      let y = Matrix(rows: 1, columns: points.count)
      kernels.activate(Matrix(rows: 1, columns: points.count, points), activation, output: y)
      for (got, point) in zip(y.doubles[0], points) {
        let want = plain(activation, Double(point))
        #expect(abs(got - want) < 2e-6 * abs(want), "\(activation) of \(point)")
      }
      let ends = Matrix(rows: 1, columns: 4, [-1e30, -200, 200, 1e30])
      kernels.activate(ends, activation, output: ends)
      #expect(ends.values.allSatisfy { $0.isFinite })
      #expect(abs(ends[0, 1]) < 1e-30)
    }
  }

  @Test("transformers' other names are known, and no others")
  func names() {
    #expect(Activation(named: "gelu_new") == .geluTanh)
    #expect(Activation(named: "gelu_pytorch_tanh") == .geluTanh)
    #expect(Activation(named: "swish") == .silu)
    #expect(Activation(named: "linear") == Activation.none)
    #expect(Activation(named: "none") == nil)
    #expect(Activation(named: "mish") == nil)
  }

  @Test("A gated product and its gradient", arguments: cases)
  func gated(set: InstructionSet, activation: Activation) throws {
    let kernels = try #require(Kernels(set))
    let threaded = try #require(Kernels(set, threads: 2))
    var numbers = TestNumbers(seed: 31)
    for width in [1, 17, 70] {
      let (wide, dy) = (numbers.matrix(19, 2 * width, -3...3), numbers.matrix(19, width))
      func values(_ wide: [[Double]]) -> [[Double]] {
        wide.map { row in (0..<width).map { plain(activation, row[$0]) * row[width + $0] } }
      }
      let output = Matrix(rows: 19, columns: width)
      kernels.gated(wide, activation, output: output)
      #expect(difference(output.doubles, values(wide.doubles)) < 2e-6)
      let gradient = Matrix(rows: 19, columns: 2 * width)
      kernels.gatedBackward(
        outputGradient: dy, wide: wide, activation, wideGradient: gradient)
      // Each row of the output depends on its own row alone.
      for row in 0..<19 {
        let want = slopes([wide.doubles[row]]) { weighed(values($0), dy.rowRange(row..<row + 1)) }
        #expect(difference([gradient.doubles[row]], want) < 1e-5)
      }
      let inPlace = Matrix(rows: 19, columns: 2 * width)
      inPlace.copy(from: wide)
      threaded.gated(inPlace, activation, output: inPlace.columnRange(0..<width))
      #expect(inPlace.columnRange(0..<width).values == output.values)
    }
  }

  @Test func scaling() throws {
    let kernels = try Kernels.best(threads: 2)
    var numbers = TestNumbers(seed: 32)
    let x = numbers.matrix(200, 33)
    let want = x.values.map { $0 * 22.5 }
    kernels.scale(x, by: 22.5)
    #expect(x.values == want)
  }
}
