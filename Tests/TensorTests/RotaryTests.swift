import Foundation
import Tensor
import Testing

/// One head of one row, turned by `position` with the given radians per place.
private func turned(
  _ head: [Double], _ position: Int, _ frequencies: [Double], _ pairing: RotaryAngles.Pairing,
  _ amplitude: Double = 1
) -> [Double] {
  var result = head
  for (i, frequency) in frequencies.enumerated() {
    let (first, second) =
      pairing == .neighbours ? (2 * i, 2 * i + 1) : (i, i + frequencies.count)
    let angle = Double(position) * frequency
    result[first] = amplitude * (head[first] * cos(angle) - head[second] * sin(angle))
    result[second] = amplitude * (head[first] * sin(angle) + head[second] * cos(angle))
  }
  return result
}

@Suite("Rotary positions")
struct RotaryTests {
  @Test(
    "Queries and keys turn by both pairings, whole or in part, and back",
    arguments: InstructionSet.available)
  func pairings(set: InstructionSet) throws {
    let kernels = try #require(Kernels(set))
    let threaded = try #require(Kernels(set, threads: 2))
    var numbers = TestNumbers(seed: 41)
    let layout = try RaggedRows(lengths: [1, 40, 7])
    for (headSize, width, values) in [(8, 8, false), (70, 70, false), (64, 16, true)] {
      let form = AttentionForm(heads: 4, keyValueHeads: 2, headSize: headSize)
      let fused = numbers.matrix(layout.rows, form.fusedWidth)
      let frequencies = (0..<width / 2).map { pow(500, -Double(2 * $0) / Double(width)) }
      for pairing in [RotaryAngles.Pairing.neighbours, .halves] {
        let angles = RotaryAngles(
          positions: 40, headSize: headSize, width: width, base: 500, pairing: pairing)
        let output = Matrix(rows: layout.rows, columns: form.fusedWidth)
        output.copy(from: fused)
        kernels.rotate(output, layout, form, angles, includingValues: values)
        let want = (0..<layout.count).flatMap { sequence in
          (0..<layout.length(sequence)).map { place in
            let row = fused.doubles[layout.starts[sequence] + place]
            return (0..<8).flatMap { head in
              let slice = Array(row[head * headSize..<(head + 1) * headSize])
              return head < 6 || values ? turned(slice, place, frequencies, pairing) : slice
            }
          }
        }
        #expect(difference(output.doubles, want) < 1e-6)
        let again = Matrix(rows: layout.rows, columns: form.fusedWidth)
        again.copy(from: fused)
        threaded.rotate(again, layout, form, angles, includingValues: values)
        #expect(again.values == output.values)
        // A rotation is orthogonal, so turning back is both its inverse and its gradient.
        kernels.rotate(output, layout, form, angles, includingValues: values, backwards: true)
        #expect(difference(output.doubles, fused.doubles) < 1e-6)
      }
    }
  }

  @Test("All instruction sets turn to the same bits", arguments: ["neighbours", "halves"])
  func bits(pairing: String) throws {
    let pairing = try #require(RotaryAngles.Pairing(rawValue: pairing))
    let angles = RotaryAngles(positions: 9, headSize: 70, pairing: pairing)
    let results = try InstructionSet.available.map { set in
      var numbers = TestNumbers(seed: 42)
      let form = AttentionForm(heads: 2, headSize: 70)
      let fused = numbers.matrix(9, form.fusedWidth)
      try #require(Kernels(set)).rotate(fused, try RaggedRows(lengths: [9]), form, angles)
      return fused.values
    }
    #expect(results.allSatisfy { $0 == results[0] })
  }

  @Test("Scores depend on the distance alone")
  func distance() throws {
    let kernels = try Kernels.best()
    let angles = RotaryAngles(positions: 40, headSize: 8)
    let fused = Matrix(rows: 40, columns: 24)
    for row in 0..<40 {
      for column in 0..<24 { fused[row, column] = Float(column % 8) * 0.3 - 1 }
    }
    kernels.rotate(
      fused, try RaggedRows(lengths: [40]), AttentionForm(heads: 1, headSize: 8), angles)
    func score(_ query: Int, _ key: Int) -> Double {
      (0..<8).reduce(0) { $0 + Double(fused[query, $1]) * Double(fused[key, 8 + $1]) }
    }
    for distance in [0, 1, 7] {
      #expect(abs(score(3, 3 + distance) - score(30, 30 + distance)) < 1e-4)
    }
    #expect(abs(score(3, 4) - score(3, 10)) > 1e-2)
  }

  /// `Tests/Reference/rotary_scalings.py` prints the expected values.
  @Test("Scalings change the angles as transformers has it")
  func scalings() {
    func check(_ scaling: RotaryScaling, length: Int = 10, _ want: [Double]) {
      let got = scaling.frequencies(base: 10000, width: 8, length: length)
      for (a, b) in zip(got, want) { #expect(abs(a - b) < 2e-7 * b, "\(scaling): \(got)") }
      #expect(got.count == want.count)
    }
    check(.none, [1, 0.1, 0.01, 0.001])
    check(.linear(factor: 4), [0.25, 0.02500000037, 0.00249999994, 0.000250000012])
    let dynamic = RotaryScaling.dynamic(factor: 2, trained: 64)
    check(dynamic, length: 100, [1, 0.07778222114, 0.006050074007, 0.0004705882457])
    check(dynamic, length: 60, [1, 0.1, 0.01, 0.001])
    var yarn = RotaryScaling.YaRN(factor: 4, trained: 2048)
    check(.yarn(yarn), [1, 0.1000000015, 0.006249999627, 0.000250000012])
    (yarn.fast, yarn.slow, yarn.rounds) = (20, 2, false)
    check(.yarn(yarn), [1, 0.1000000015, 0.004090900533, 0.000250000012])
    check(
      .llama3(factor: 8, lowFrequency: 1, highFrequency: 4, trained: 200),
      [1, 0.07617371529, 0.001249999972, 0.0001250000059])
    check(.ntk(factor: 2), [0.8408964153, 0.07071067812, 0.005946035575, 0.0005])
    check(
      .ntk(factor: 2, exponent: 0.625),
      [0.7471924551, 0.06379787263, 0.005604135719, 0.0005])
  }

  @Test("With dynamic scaling a text's angles depend on its own length, not on its neighbours'")
  func dynamic() throws {
    let scaling = RotaryScaling.dynamic(factor: 2, trained: 16)
    let angles = RotaryAngles(positions: 64, headSize: 8, pairing: .halves, scaling: scaling)
    let form = AttentionForm(heads: 1, headSize: 8)
    var numbers = TestNumbers(seed: 43)
    let layout = try RaggedRows(lengths: [10, 40, 16, 23, 40])
    let fused = numbers.matrix(layout.rows, form.fusedWidth)
    let before = fused.doubles
    try Kernels.best(threads: 2).rotate(fused, layout, form, angles)
    for sequence in 0..<layout.count {
      let length = layout.length(sequence)
      let frequencies = scaling.frequencies(base: 10000, width: 8, length: length)
      for place in 0..<length {
        let row = layout.starts[sequence] + place
        let want = turned(Array(before[row][0..<8]), place, frequencies, .halves)
        #expect(difference([Array(fused.doubles[row][0..<8])], [want]) < 1e-6)
      }
    }
  }

  @Test("YaRN multiplies queries and keys")
  func amplitude() throws {
    let yarn = RotaryScaling.YaRN(factor: 4, trained: 16)
    #expect(abs(RotaryScaling.yarn(yarn).amplitude - (0.1 * log(4) + 1)) < 1e-12)
    #expect(
      RotaryScaling.yarn(.init(factor: 4, trained: 16, attentionFactor: 0.5)).amplitude == 0.5)
    let angles = RotaryAngles(positions: 20, headSize: 8, pairing: .halves, scaling: .yarn(yarn))
    let form = AttentionForm(heads: 1, headSize: 8)
    var numbers = TestNumbers(seed: 44)
    let fused = numbers.matrix(20, 24)
    let before = fused.doubles
    try Kernels.best().rotate(fused, try RaggedRows(lengths: [20]), form, angles)
    let frequencies = RotaryScaling.yarn(yarn).frequencies(base: 10000, width: 8, length: 20)
    for row in 0..<20 {
      let want = turned(Array(before[row][8..<16]), row, frequencies, .halves, 0.1 * log(4) + 1)
      #expect(difference([Array(fused.doubles[row][8..<16])], [want]) < 1e-6)
    }
  }
}
