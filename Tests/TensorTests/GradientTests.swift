import Foundation
import Tensor
import Testing

/// Slope of `f` at each of `x` by central differences in double precision.
private func slopes(_ x: [[Double]], _ f: ([[Double]]) -> Double) -> [[Double]] {
  var point = x
  return x.indices.map { i in
    x[i].indices.map { j in
      let step = 1e-5
      point[i][j] = x[i][j] + step
      let above = f(point)
      point[i][j] = x[i][j] - step
      let below = f(point)
      point[i][j] = x[i][j]
      return (above - below) / (2 * step)
    }
  }
}

/// Σ of the products of a result and fixed weights: a scalar whose gradient is those weights.
private func weighed(_ result: [[Double]], _ weights: Matrix) -> Double {
  zip(result, weights.doubles).reduce(0) { $0 + zip($1.0, $1.1).reduce(0) { $0 + $1.0 * $1.1 } }
}

@Suite("Gradients equal central differences in double precision")
struct GradientTests {
  @Test(arguments: InstructionSet.available)
  func linear(set: InstructionSet) throws {
    let kernels = try #require(Kernels(set))
    var numbers = TestNumbers(seed: 11)
    for (m, k, n) in [(1, 3, 2), (9, 7, 17), (33, 8, 5)] {
      let (x, w, dy) = (numbers.matrix(m, k), numbers.matrix(n, k), numbers.matrix(m, n))
      let dw = Matrix(rows: n, columns: k)
      let db = Matrix(rows: 1, columns: n)
      let dx = Matrix(rows: m, columns: k)
      let scratch = PackedMatrix(depth: m, columns: k, kernels: kernels)
      kernels.linearWeightGradient(
        outputGradient: dy, input: x, weightGradient: dw, scratch: scratch)
      kernels.linearBiasGradient(outputGradient: dy, biasGradient: db)
      kernels.linear(dy, .direct(w, kernels: kernels), output: dx)
      #expect(
        difference(
          dw.doubles,
          slopes(w.doubles) { weighed(Plain.product(x.doubles, Plain.transpose($0)), dy) }) < 1e-5)
      #expect(
        difference(
          dx.doubles,
          slopes(x.doubles) { weighed(Plain.product($0, Plain.transpose(w.doubles)), dy) }) < 1e-5)
      let sums = (0..<n).map { j in dy.doubles.reduce(0) { $0 + $1[j] } }
      #expect(difference(db.doubles, [sums]) < 1e-5)
    }
  }

  @Test(arguments: InstructionSet.available)
  func layerNorm(set: InstructionSet) throws {
    let kernels = try #require(Kernels(set))
    var numbers = TestNumbers(seed: 12)
    for n in [2, 9, 17, 33] {
      let (x, dy) = (numbers.matrix(5, n, -2...2), numbers.matrix(5, n))
      let (gain, bias) = (numbers.matrix(1, n, 0.5...1.5), numbers.matrix(1, n))
      let statistics = LayerNormStatistics(rows: 5)
      kernels.layerNorm(
        x, gain: gain, bias: bias, epsilon: 1e-3, output: Matrix(rows: 5, columns: n),
        statistics: statistics)
      let dx = numbers.matrix(5, n)
      let before = dx.doubles
      let (dgain, dbias) = (Matrix(rows: 1, columns: n), Matrix(rows: 1, columns: n))
      kernels.layerNormBackward(
        outputGradient: dy, input: x, gain: gain, statistics: statistics, inputGradient: dx,
        gainGradient: dgain, biasGradient: dbias, accumulating: true)
      func loss(_ x: [[Double]], _ gain: [Double], _ bias: [Double]) -> Double {
        weighed(x.map { Plain.layerNorm($0, gain, bias, 1e-3) }, dy)
      }
      let added = zip(dx.doubles, before).map { zip($0, $1).map { $0 - $1 } }
      #expect(
        difference(added, slopes(x.doubles) { loss($0, gain.doubles[0], bias.doubles[0]) }) < 2e-5)
      #expect(
        difference(
          dgain.doubles, slopes(gain.doubles) { loss(x.doubles, $0[0], bias.doubles[0]) }) < 2e-5)
      #expect(
        difference(
          dbias.doubles, slopes(bias.doubles) { loss(x.doubles, gain.doubles[0], $0[0]) }) < 2e-5)
    }
  }

  @Test(arguments: InstructionSet.available)
  func attention(set: InstructionSet) throws {
    let kernels = try #require(Kernels(set))
    var numbers = TestNumbers(seed: 13)
    let layout = try RaggedRows(lengths: [1, 9, 3])
    let (heads, headSize) = (2, 5)
    let width = heads * headSize
    let fused = numbers.matrix(layout.rows, 3 * width)
    let dy = numbers.matrix(layout.rows, width)
    let weights = FloatBuffer(count: heads * layout.squares)
    let scratch = AttentionScratch()
    kernels.attention(
      fused: fused, layout: layout, heads: heads, output: Matrix(rows: layout.rows, columns: width),
      weights: weights, scratch: scratch)
    let gradient = Matrix(rows: layout.rows, columns: 3 * width)
    kernels.attentionBackward(
      outputGradient: dy, fused: fused, layout: layout, heads: heads, weights: weights,
      dropout: .none, fusedGradient: gradient, scratch: scratch)
    let want = slopes(fused.doubles) { point in
      var total = 0.0
      for sequence in 0..<layout.count {
        let rows = layout.starts[sequence]..<layout.starts[sequence + 1]
        for head in 0..<heads {
          func part(_ which: Int) -> [[Double]] {
            let start = which * width + head * headSize
            return point[rows].map { Array($0[start..<start + headSize]) }
          }
          let slice = dy.rowRange(rows).columnRange(head * headSize..<(head + 1) * headSize)
          total += weighed(Plain.attention(part(0), part(1), part(2)), slice)
        }
      }
      return total
    }
    #expect(difference(gradient.doubles, want) < 1e-5)
  }

  @Test("Attention with dropout: the slope along a direction", arguments: InstructionSet.available)
  func attentionDropout(set: InstructionSet) throws {
    let kernels = try #require(Kernels(set))
    var numbers = TestNumbers(seed: 14)
    let layout = try RaggedRows(lengths: [6, 4])
    let (fused, dy) = (numbers.matrix(10, 3 * 8), numbers.matrix(10, 8))
    let direction = numbers.matrix(10, 3 * 8)
    let dropout = Dropout(probability: 0.4, seed: 5)
    let (weights, scratch) = (FloatBuffer(count: 2 * layout.squares), AttentionScratch())
    func loss(_ step: Float) -> Double {
      let moved = Matrix(
        rows: 10, columns: 24, zip(fused.values, direction.values).map { $0 + step * $1 })
      let output = Matrix(rows: 10, columns: 8)
      kernels.attention(
        fused: moved, layout: layout, heads: 2, output: output, weights: weights, dropout: dropout,
        scratch: scratch)
      return weighed(output.doubles, dy)
    }
    let slope = (loss(0.01) - loss(-0.01)) / 0.02
    _ = loss(0)
    let gradient = Matrix(rows: 10, columns: 24)
    kernels.attentionBackward(
      outputGradient: dy, fused: fused, layout: layout, heads: 2, weights: weights,
      dropout: dropout, fusedGradient: gradient, scratch: scratch)
    #expect(abs(weighed(gradient.doubles, direction) - slope) < 2e-3 * max(1, abs(slope)))
  }

  @Test func crossEntropyWithSmoothingAndClassWeights() {
    var numbers = TestNumbers(seed: 15)
    let logits = numbers.matrix(4, 3, -2...2)
    let (labels, classWeights): ([Int], [Float]) = ([0, 2, 1, 2], [1, 2, 0.5])
    let gradient = Matrix(rows: 4, columns: 3)
    let loss = CrossEntropy.loss(
      logits: logits, labels: labels, smoothing: 0.1, classWeights: classWeights,
      gradient: gradient)
    func plain(_ rows: [[Double]]) -> Double {
      var (sum, total) = (0.0, 0.0)
      for (row, label) in zip(rows, labels) {
        let logs = Plain.softmax(row).map { log($0) }
        let weight = Double(classWeights[label])
        let mean = logs.reduce(0, +) / 3
        sum -= weight * (0.9 * logs[label] + 0.1 * mean)
        total += weight
      }
      return sum / total
    }
    #expect(abs(loss - plain(logits.doubles)) < 1e-7)
    #expect(difference(gradient.doubles, slopes(logits.doubles, plain)) < 1e-6)
  }

  @Test("The loss of a distribution is its divergence, with the slopes of the definition")
  func crossEntropyOfDistributions() {
    var numbers = TestNumbers(seed: 16)
    let logits = numbers.matrix(3, 3, -2...2)
    let targets: [[Float]] = [[0.5, 0.25, 0.25], [], [0, 0.75, 0.25]]
    let gradient = Matrix(rows: 3, columns: 3)
    let loss = CrossEntropy.loss(
      logits: logits, labels: [0, 2, 1], targets: targets, gradient: gradient)
    func plain(_ rows: [[Double]]) -> Double {
      zip(rows, [[0.5, 0.25, 0.25], [0, 0, 1], [0, 0.75, 0.25]]).reduce(0) { sum, pair in
        let logs = Plain.softmax(pair.0).map { log($0) }
        return sum + zip(pair.1, logs).reduce(0) { $1.0 > 0 ? $0 + $1.0 * (log($1.0) - $1.1) : $0 }
      } / 3
    }
    #expect(abs(loss - plain(logits.doubles)) < 1e-7)
    #expect(difference(gradient.doubles, slopes(logits.doubles, plain)) < 1e-6)
  }

  @Test("The disagreement of two passes and its slopes are those of the definition")
  func consistency() {
    var numbers = TestNumbers(seed: 17)
    let logits = numbers.matrix(6, 4, -2...2)
    let gradient = Matrix(rows: 6, columns: 4)
    gradient[0, 0] = 1
    let loss = Consistency.loss(logits: logits, scale: 3, gradient: gradient)
    func plain(_ rows: [[Double]]) -> Double {
      (0..<3).reduce(0) { sum, row in
        let (p, q) = (Plain.softmax(rows[row]), Plain.softmax(rows[3 + row]))
        let there = zip(p, q).reduce(0) { $0 + $1.0 * log($1.0 / $1.1) }
        let back = zip(q, p).reduce(0) { $0 + $1.0 * log($1.0 / $1.1) }
        return sum + (there + back) / 6
      }
    }
    #expect(abs(loss - plain(logits.doubles)) < 1e-7)
    var expected = slopes(logits.doubles) { 3 * plain($0) }
    // What is there already stays.
    expected[0][0] += 1
    #expect(difference(gradient.doubles, expected) < 1e-5)
  }

  @Test(arguments: InstructionSet.available)
  func embedding(set: InstructionSet) throws {
    let kernels = try #require(Kernels(set, threads: 2))
    var numbers = TestNumbers(seed: 16)
    let (table, dy) = (numbers.matrix(5, 33), numbers.matrix(4, 33))
    let ids: [Int32] = [3, 0, 3, 4]
    let output = Matrix(rows: 4, columns: 33)
    kernels.embed(ids, table: table, output: output)
    kernels.addEmbedding(ids, table: table, output: output)
    #expect(output.row(2) == table.row(3).map { 2 * $0 })
    let gradient = Matrix(rows: 5, columns: 33)
    kernels.embeddingBackward(ids, outputGradient: dy, tableGradient: gradient)
    #expect(gradient.row(3) == zip(dy.row(0), dy.row(2)).map { $0 + $1 })
    #expect(gradient.row(1).allSatisfy { $0 == 0 })
  }

  @Test("AdamW equals algorithm 2 of Loshchilov and Hutter", arguments: InstructionSet.available)
  func adamW(set: InstructionSet) throws {
    let kernels = try #require(Kernels(set))
    var numbers = TestNumbers(seed: 17)
    let count = 37
    let weights = FloatBuffer((0..<count).map { _ in numbers.uniform() })
    var plain = weights.values(0..<count).map(Double.init)
    var (m, v) = ([Double](repeating: 0, count: count), [Double](repeating: 0, count: count))
    let moments = (FloatBuffer(count: count), FloatBuffer(count: count))
    for step in 1...100 {
      let gradient = FloatBuffer((0..<count).map { _ in numbers.uniform() })
      kernels.adamW(
        weights: weights, gradient: gradient, moments: moments, range: 0..<count,
        step: AdamWStep(learningRate: 0.01, weightDecay: 0.1, step: step))
      for i in 0..<count {
        let g = Double(gradient[i])
        m[i] = 0.9 * m[i] + 0.1 * g
        v[i] = 0.999 * v[i] + 0.001 * g * g
        let (mHat, vHat) = (
          m[i] / (1 - pow(0.9, Double(step))), v[i] / (1 - pow(0.999, Double(step)))
        )
        plain[i] -= 0.01 * (mHat / (vHat.squareRoot() + 1e-8) + 0.1 * plain[i])
      }
    }
    for i in 0..<count { #expect(abs(Double(weights[i]) - plain[i]) < 2e-5) }
  }
}
