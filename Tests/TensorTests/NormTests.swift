import Tensor
import Testing

/// A norm by its definition; `gain` holds the offset already.
private func plain(_ row: [Double], _ kind: Norm.Kind, _ gain: [Double], _ bias: [Double]?)
  -> [Double]
{
  let mean = kind == .layer ? row.reduce(0, +) / Double(row.count) : 0
  let variance = row.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(row.count)
  return row.indices.map {
    (row[$0] - mean) / (variance + 1e-3).squareRoot() * gain[$0] + (bias?[$0] ?? 0)
  }
}

@Suite("Norms equal their definitions, and their gradients central differences")
struct NormTests {
  static let cases = InstructionSet.available.flatMap { set in
    [(set, Norm.Kind.layer), (set, .rms)]
  }

  @Test(arguments: cases)
  func norms(set: InstructionSet, kind: Norm.Kind) throws {
    let kernels = try #require(Kernels(set))
    let threaded = try #require(Kernels(set, threads: 2))
    var numbers = TestNumbers(seed: 12)
    for (n, hasBias, offset) in [(2, true, 0), (9, false, 1), (17, true, 1), (33, false, 0)] {
      let (x, dy) = (numbers.matrix(70, n, -2...2), numbers.matrix(70, n))
      let (gain, bias) = (numbers.matrix(1, n, 0.5...1.5), numbers.matrix(1, n))
      let norm = Norm(
        kind, gain: gain, bias: hasBias ? bias : nil, gainOffset: Float(offset), epsilon: 1e-3)
      func values(_ x: [[Double]], _ gain: [Double], _ bias: [Double]) -> [[Double]] {
        x.map { plain($0, kind, gain.map { $0 + Double(offset) }, hasBias ? bias : nil) }
      }
      let (g, b) = (gain.doubles[0], bias.doubles[0])
      let (output, statistics) = (Matrix(rows: 70, columns: n), NormStatistics(rows: 70))
      kernels.norm(x, norm, output: output, statistics: statistics)
      #expect(difference(output.doubles, values(x.doubles, g, b)) < 5e-6)
      let again = Matrix(rows: 70, columns: n)
      threaded.norm(x, norm, output: again)
      #expect(again.values == output.values)

      let dx = numbers.matrix(70, n)
      let before = dx.doubles
      let (dgain, dbias) = (Matrix(rows: 1, columns: n), Matrix(rows: 1, columns: n))
      kernels.normBackward(
        outputGradient: dy, input: x, norm, statistics: statistics, inputGradient: dx,
        gainGradient: dgain, biasGradient: hasBias ? dbias : nil, accumulating: true)
      let added = zip(dx.doubles, before).map { zip($0, $1).map { $0 - $1 } }
      #expect(difference(added, slopes(x.doubles) { weighed(values($0, g, b), dy) }) < 2e-5)
      #expect(
        difference(
          dgain.doubles, slopes(gain.doubles) { weighed(values(x.doubles, $0[0], b), dy) }) < 2e-5)
      if hasBias {
        #expect(
          difference(
            dbias.doubles, slopes(bias.doubles) { weighed(values(x.doubles, g, $0[0]), dy) })
            < 2e-5)
      }
      let copy = Matrix(rows: 70, columns: n)
      copy.copy(from: dy)
      kernels.normBackward(
        outputGradient: copy, input: x, norm, statistics: statistics, inputGradient: copy,
        gainGradient: dgain, biasGradient: nil, accumulating: false)
      #expect(difference(copy.doubles, added) < 1e-6)
    }
  }

  @Test("Norms of heads leave the values alone", arguments: cases)
  func heads(set: InstructionSet, kind: Norm.Kind) throws {
    let kernels = try #require(Kernels(set))
    let threaded = try #require(Kernels(set, threads: 2))
    var numbers = TestNumbers(seed: 13)
    let form = AttentionForm(heads: 4, keyValueHeads: 2, headSize: 9)
    let (x, dy) = (numbers.matrix(33, form.fusedWidth), numbers.matrix(33, form.fusedWidth))
    let (q, k) = (numbers.matrix(1, 9, 0.5...1.5), numbers.matrix(1, 9, 0.5...1.5))
    let queries = Norm(kind, gain: q, gainOffset: 1, epsilon: 1e-3)
    let keys = Norm(kind, gain: k, epsilon: 1e-3)
    func values(_ x: [[Double]], _ q: [Double], _ k: [Double]) -> [[Double]] {
      x.map { row in
        (0..<8).flatMap { head in
          let slice = Array(row[head * 9..<head * 9 + 9])
          return head < 4
            ? plain(slice, kind, q.map { $0 + 1 }, nil)
            : head < 6 ? plain(slice, kind, k, nil) : slice
        }
      }
    }
    let output = Matrix(rows: 33, columns: form.fusedWidth)
    let statistics = NormStatistics(rows: 33 * form.normedRows)
    kernels.normHeads(
      x, form, queries: queries, keys: keys, output: output, statistics: statistics)
    #expect(difference(output.doubles, values(x.doubles, q.doubles[0], k.doubles[0])) < 5e-6)
    let inPlace = Matrix(rows: 33, columns: form.fusedWidth)
    inPlace.copy(from: x)
    threaded.normHeads(inPlace, form, queries: queries, keys: keys, output: inPlace)
    #expect(inPlace.values == output.values)

    let gradient = Matrix(rows: 33, columns: form.fusedWidth)
    gradient.copy(from: dy)
    let (dq, dk) = (Matrix(rows: 1, columns: 9), Matrix(rows: 1, columns: 9))
    kernels.normHeadsBackward(
      gradient, fused: x, form, queries: queries, keys: keys, statistics: statistics,
      queryGainGradient: dq, keyGainGradient: dk)
    let (qs, ks) = (q.doubles[0], k.doubles[0])
    #expect(
      difference(gradient.doubles, slopes(x.doubles) { weighed(values($0, qs, ks), dy) }) < 2e-5)
    #expect(
      difference(dq.doubles, slopes(q.doubles) { weighed(values(x.doubles, $0[0], ks), dy) })
        < 2e-5)
    #expect(
      difference(dk.doubles, slopes(k.doubles) { weighed(values(x.doubles, qs, $0[0]), dy) })
        < 2e-5)
  }
}
