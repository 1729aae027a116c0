import Tensor
import Testing

@Suite("Attention to keys of other rows")
struct CrossAttentionTests {
  private static let forms = [
    AttentionForm(heads: 2, headSize: 5),
    AttentionForm(heads: 4, keyValueHeads: 2, headSize: 33, scale: 0.3),
    AttentionForm(heads: 2, headSize: 5, right: 0),
    AttentionForm(heads: 2, headSize: 8, left: 4, right: 0, slopes: [0.5, 0.1]),
  ]
  static let cases = InstructionSet.available.flatMap { set in forms.map { (set, $0) } }

  /// The definition, in double precision, of one sequence.
  private func plain(
    _ form: AttentionForm, _ queries: [[Double]], _ keys: [[Double]], offset: Int = 0
  ) -> [[Double]] {
    queries.enumerated().map { i, query in
      (0..<form.heads).flatMap { head -> [Double] in
        let first = head / (form.heads / form.keyValueHeads) * form.headSize
        let place = offset + i
        let seen = keys.indices.filter {
          $0 >= place - (form.left ?? .max / 2) && $0 <= place + (form.right ?? .max / 2)
        }
        let scores = seen.map { j in
          let dot = (0..<form.headSize).reduce(0.0) {
            $0 + query[head * form.headSize + $1] * keys[j][first + $1]
          }
          let slope = form.slopes.isEmpty ? 0 : Double(form.slopes[head])
          return dot * Double(form.scale) - slope * Double(abs(j - place))
        }
        let weights = Plain.softmax(scores)
        return (0..<form.headSize).map { column in
          zip(seen, weights).reduce(0) {
            $0 + keys[$1.0][form.keyValueWidth + first + column] * $1.1
          }
        }
      }
    }
  }

  @Test("Outputs and gradients are those of the definition", arguments: cases)
  func definition(set: InstructionSet, form: AttentionForm) throws {
    // A causal form sees what is not behind it: enough keys for each query here.
    let sizes = [(3, 7), (40, 41), (1, 1), (5, 70)]
    let layout = try RaggedRows(lengths: sizes.map(\.0))
    let keyLayout = try RaggedRows(lengths: sizes.map(\.1))
    var numbers = TestNumbers(seed: 81)
    let queries = numbers.matrix(layout.rows, form.width)
    let all = numbers.matrix(keyLayout.rows, 2 * form.keyValueWidth)
    let slope = numbers.matrix(layout.rows, form.width)
    let keys = (0..<4).map { all.rowRange(keyLayout[$0]) }
    func run(threads: Int) throws -> [Matrix] {
      let kernels = try #require(Kernels(set, threads: threads))
      let (output, scratch) = (
        Matrix(rows: layout.rows, columns: form.width), AttentionScratch()
      )
      let weights = FloatBuffer(count: form.weightCount(layout, keys: keyLayout))
      kernels.attention(
        queries: queries, layout: layout, keys: keys, form: form, output: output,
        weights: weights, scratch: scratch)
      let served = Matrix(rows: layout.rows, columns: form.width)
      kernels.attention(
        queries: queries, layout: layout, keys: keys, form: form, output: served,
        scratch: scratch)
      #expect(difference(served.doubles, output.doubles) < 1e-5)
      let queryGradient = Matrix(rows: layout.rows, columns: form.width)
      let gradient = Matrix(rows: all.rows, columns: all.columns)
      kernels.attentionBackward(
        outputGradient: slope, queries: queries, layout: layout, keys: keys, form: form,
        weights: weights, queryGradient: queryGradient,
        keyGradients: (0..<4).map { gradient.rowRange(keyLayout[$0]) }, scratch: scratch)
      return [output, queryGradient, gradient]
    }
    let found = try run(threads: 1)
    #expect(try run(threads: 2).map(\.values) == found.map(\.values))
    for sequence in 0..<4 {
      let (rows, keyRows) = (layout[sequence], keyLayout[sequence])
      let (own, others) = (queries.rowRange(rows).doubles, all.rowRange(keyRows).doubles)
      #expect(
        difference(found[0].rowRange(rows).doubles, plain(form, own, others)) < 3e-6)
      guard rows.count * keyRows.count < 400 else { continue }
      let weight = slope.rowRange(rows)
      #expect(
        difference(
          found[1].rowRange(rows).doubles,
          slopes(own) { weighed(plain(form, $0, others), weight) }) < 1e-5)
      #expect(
        difference(
          found[2].rowRange(keyRows).doubles,
          slopes(others) { weighed(plain(form, own, $0), weight) }) < 1e-5)
    }
  }

  @Test("Rows that come later see what came before, as in one run over all", arguments: cases)
  func later(set: InstructionSet, form: AttentionForm) throws {
    var form = form
    form.right = 0
    let kernels = try #require(Kernels(set))
    var numbers = TestNumbers(seed: 82)
    let fused = numbers.matrix(90, form.fusedWidth)
    let bias = numbers.matrix(form.heads, 2 * 90 - 1)
    let (whole, scratch) = (Matrix(rows: 90, columns: form.width), AttentionScratch())
    kernels.attention(
      fused: fused, layout: try RaggedRows(lengths: [90]), form: form, distanceBias: bias,
      output: whole, scratch: scratch)
    let keys = fused.columnRange(form.width..<form.fusedWidth)
    // One row alone, some rows, and rows of two sequences at once.
    for starts in [[89], [50], [3, 70], [88, 1]] {
      let ends = starts.map { $0 + 1 + $0 % 3 }.map { min($0, 90) }
      let layout = try RaggedRows(lengths: zip(starts, ends).map { $1 - $0 })
      let queries = Matrix(rows: layout.rows, columns: form.width)
      for (sequence, start) in starts.enumerated() {
        queries.rowRange(layout[sequence]).copy(
          from: fused.columnRange(0..<form.width).rowRange(start..<ends[sequence]))
      }
      kernels.attention(
        queries: queries, layout: layout, keys: ends.map { keys.rowRange(0..<$0) },
        offsets: starts, form: form, distanceBias: bias, output: queries, scratch: scratch)
      for (sequence, start) in starts.enumerated() {
        #expect(
          difference(
            queries.rowRange(layout[sequence]).doubles,
            whole.rowRange(start..<ends[sequence]).doubles) < 2e-6)
      }
    }
  }
}
