import Foundation
import Tensor
import Testing

func exponential(_ x: Double) -> Double { exp(x) }

private let odd = [1, 2, 3, 7, 8, 9, 17, 31, 33, 127]

@Suite("Every instruction set agrees with the plain reference")
struct KernelAgreementTests {
  @Test(arguments: InstructionSet.available)
  func linearOverOddShapes(set: InstructionSet) throws {
    let kernels = try #require(Kernels(set))
    var numbers = TestNumbers(seed: 1)
    for m in odd {
      for k in [1, 3, 8, 33, 127] {
        for n in odd {
          let (x, w) = (numbers.matrix(m, k), numbers.matrix(n, k))
          let (bias, residual) = (numbers.matrix(1, n), numbers.matrix(m, n))
          let output = Matrix(rows: m, columns: n)
          kernels.linear(
            x, .transposing(w, kernels: kernels), bias: bias, activation: .relu,
            residual: residual, output: output)
          var want = Plain.product(x.doubles, Plain.transpose(w.doubles))
          for i in 0..<m {
            for j in 0..<n {
              want[i][j] = max(0, want[i][j] + Double(bias[0, j])) + Double(residual[i, j])
            }
          }
          #expect(difference(output.doubles, want) < 2e-6, "\(set) \(m)×\(k)×\(n)")
        }
      }
    }
  }

  @Test("A sum longer than one pass over a panel", arguments: InstructionSet.available)
  func linearOverDeepSums(set: InstructionSet) throws {
    let kernels = try #require(Kernels(set))
    var numbers = TestNumbers(seed: 2)
    for k in [1535, 1536, 1537, 3100] {
      let (x, w) = (numbers.matrix(17, k), numbers.matrix(33, k))
      let output = Matrix(rows: 17, columns: 33)
      kernels.linear(x, .transposing(w, kernels: kernels), output: output)
      let want = Plain.product(x.doubles, Plain.transpose(w.doubles))
      #expect(difference(output.doubles, want) < 5e-6, "\(set) k=\(k)")
    }
  }

  @Test(
    "A residual that is the output itself is added, with the bias",
    arguments: InstructionSet.available)
  func residualInPlace(set: InstructionSet) throws {
    let kernels = try #require(Kernels(set))
    var numbers = TestNumbers(seed: 21)
    for (m, n) in [(1, 1), (9, 33), (31, 64)] {
      let (x, w, bias) = (numbers.matrix(m, 17), numbers.matrix(n, 17), numbers.matrix(1, n))
      let output = numbers.matrix(m, n)
      let before = output.doubles
      kernels.linear(
        x, .transposing(w, kernels: kernels), bias: bias, residual: output, output: output)
      var want = Plain.product(x.doubles, Plain.transpose(w.doubles))
      for i in 0..<m { for j in 0..<n { want[i][j] += Double(bias[0, j]) + before[i][j] } }
      #expect(difference(output.doubles, want) < 2e-6, "\(set) \(m)×\(n)")
    }
  }

  @Test("A row's bits do not depend on the rows beside it", arguments: InstructionSet.available)
  func rowsAreIndependent(set: InstructionSet) throws {
    let kernels = try #require(Kernels(set))
    var numbers = TestNumbers(seed: 3)
    let (x, w) = (numbers.matrix(127, 200), numbers.matrix(77, 200))
    let packed = PackedMatrix.transposing(w, kernels: kernels)
    let together = Matrix(rows: 127, columns: 77)
    kernels.linear(x, packed, activation: .gelu, output: together)
    for row in [0, 5, 64, 126] {
      let alone = Matrix(rows: 1, columns: 77)
      kernels.linear(x.rowRange(row..<row + 1), packed, activation: .gelu, output: alone)
      #expect(alone.row(0) == together.row(row))
    }
    let twoThreads = try #require(Kernels(set, threads: 2))
    let split = Matrix(rows: 127, columns: 77)
    twoThreads.linear(x, packed, activation: .gelu, output: split)
    #expect(split.values == together.values)
  }

  @Test("Blocks of rows change no bits", arguments: InstructionSet.available)
  func blocksAreInvisible(set: InstructionSet) throws {
    let small = try #require(Kernels(set, caches: CacheSizes(second: 4096)))
    let large = try #require(Kernels(set, caches: CacheSizes(second: 1 << 30)))
    var numbers = TestNumbers(seed: 22)
    let (x, w) = (numbers.matrix(201, 65), numbers.matrix(70, 65))
    let outputs = [small, large].map { kernels in
      let (floats, integers, bfloats) = (
        Matrix(rows: 201, columns: 70), Matrix(rows: 201, columns: 70),
        Matrix(rows: 201, columns: 70)
      )
      kernels.linear(x, .transposing(w, kernels: kernels), output: floats)
      kernels.linear(
        x, QuantizedMatrix(w, kernels: kernels), output: integers, scratch: QuantizedRows())
      kernels.linear(
        x, BFloat16Matrix(w, kernels: kernels), output: bfloats, scratch: BFloat16Rows())
      return [floats, integers, bfloats].map(\.values)
    }
    #expect(outputs[0] == outputs[1])
  }

  @Test("Sums and activations of rows apart equal those of rows side by side")
  func stridedRows() throws {
    let kernels = try Kernels.best(threads: 2)
    var numbers = TestNumbers(seed: 23)
    let (wide, other) = (numbers.matrix(40, 33), numbers.matrix(40, 20))
    let strided = wide.columnRange(5..<25)
    let plain = Matrix(rows: 40, columns: 20, strided.values)
    for matrix in [plain, strided] {
      kernels.add(other, to: matrix)
      kernels.activate(matrix, .gelu, output: matrix)
      kernels.scale(matrix, by: 3)
    }
    #expect(strided.values == plain.values)
  }

  @Test(arguments: InstructionSet.available)
  func layerNormOverOddShapes(set: InstructionSet) throws {
    let kernels = try #require(Kernels(set))
    var numbers = TestNumbers(seed: 4)
    for n in odd {
      let (x, gain, bias) = (
        numbers.matrix(9, n, -3...5), numbers.matrix(1, n), numbers.matrix(1, n)
      )
      let output = Matrix(rows: 9, columns: n)
      kernels.norm(x, Norm(.layer, gain: gain, bias: bias, epsilon: 1e-5), output: output)
      let want = x.doubles.map { Plain.layerNorm($0, gain.doubles[0], bias.doubles[0], 1e-5) }
      #expect(difference(output.doubles, want) < 1e-5, "\(set) n=\(n)")
    }
  }

  @Test(arguments: InstructionSet.available)
  func softmaxOverOddShapes(set: InstructionSet) throws {
    let kernels = try #require(Kernels(set))
    var numbers = TestNumbers(seed: 5)
    for n in odd {
      let x = numbers.matrix(7, n, -30...30)
      let want = x.doubles.map(Plain.softmax)
      kernels.softmax(x)
      #expect(difference(x.doubles, want) < 1e-6, "\(set) n=\(n)")
    }
  }

  @Test("Dropout keeps the expected share and the mean", arguments: InstructionSet.available)
  func dropoutShare(set: InstructionSet) throws {
    let kernels = try #require(Kernels(set))
    let x = Matrix(rows: 1, columns: 100_003, [Float](repeating: 1, count: 100_003))
    kernels.apply(Dropout(probability: 0.3, seed: 7), to: x)
    let kept = x.values.filter { $0 != 0 }
    #expect(abs(Double(kept.count) / 100_003 - 0.7) < 0.01)
    #expect(kept.allSatisfy { abs($0 - 1 / 0.7) < 1e-6 })
    let again = Matrix(rows: 1, columns: 100_003, [Float](repeating: 1, count: 100_003))
    try #require(Kernels(set, threads: 2)).apply(Dropout(probability: 0.3, seed: 7), to: again)
    #expect(again.values == x.values)
  }

  @Test("All instruction sets draw the same dropout mask")
  func dropoutMaskIsShared() throws {
    var masks: [[Float]] = []
    for set in InstructionSet.available {
      let x = Matrix(rows: 1, columns: 1001, [Float](repeating: 1, count: 1001))
      try #require(Kernels(set)).apply(Dropout(probability: 0.5, seed: 9), to: x)
      masks.append(x.values)
    }
    #expect(masks.allSatisfy { $0 == masks[0] })
  }

  @Test("MARTLET_ISA forces a set, and an unknown one is refused by name")
  func choiceByEnvironment() throws {
    #expect(try Kernels.best(environment: ["MARTLET_ISA": "portable"]).name == "portable")
    #expect(throws: TensorError.unknownInstructionSet("sse9")) {
      try Kernels.best(environment: ["MARTLET_ISA": "sse9"])
    }
  }
}
