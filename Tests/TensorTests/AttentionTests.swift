import Foundation
import Tensor
import Testing

/// One kind of attention, with numbers for what it learns beside queries, keys and values.
struct AttentionCase: CustomTestStringConvertible, Sendable {
  /// Which relative tables there are.
  enum Tables { case none, keys, queries, both, sharedByAll }

  let testDescription: String
  let form: AttentionForm
  var hasBias = false
  var tables = Tables.none

  static let layout = (try? RaggedRows(lengths: [1, 70, 9, 33])) ?? RaggedRows()
  static let longest = 75

  static let all: [AttentionCase] = [
    .init("plain", AttentionForm(heads: 2, headSize: 5)),
    .init("odd size, own scale", AttentionForm(heads: 2, headSize: 33, scale: 0.3)),
    .init("grouped", AttentionForm(heads: 4, keyValueHeads: 2, headSize: 5)),
    .init("one key", AttentionForm(heads: 3, keyValueHeads: 1, headSize: 40)),
    .init("causal", AttentionForm(heads: 2, headSize: 5, right: 0)),
    .init("window", AttentionForm(heads: 2, headSize: 37, left: 5, right: 5)),
    .init("window of itself", AttentionForm(heads: 1, headSize: 3, left: 0, right: 0)),
    .init(
      "causal window, grouped",
      AttentionForm(heads: 4, keyValueHeads: 2, headSize: 5, left: 3, right: 0)),
    .init("window beyond the text", AttentionForm(heads: 1, headSize: 5, left: 40, right: 1000)),
    .init(
      "cap", AttentionForm(heads: 4, keyValueHeads: 2, headSize: 5, scale: 1, left: 9, softCap: 1.5)
    ),
    .init("slopes", AttentionForm(heads: 2, headSize: 5, slopes: [0.5, 0.1])),
    .init("slopes, window", AttentionForm(heads: 2, headSize: 5, left: 7, slopes: [0.5, 0.1])),
    .init("bias", AttentionForm(heads: 2, headSize: 5), hasBias: true),
    .init(
      "bias, cap, grouped, window",
      AttentionForm(heads: 2, keyValueHeads: 1, headSize: 5, left: 20, right: 6, softCap: 2),
      hasBias: true),
    .init("relative keys", AttentionForm(heads: 2, headSize: 5), tables: .keys),
    .init("relative queries", AttentionForm(heads: 2, headSize: 5), tables: .queries),
    .init(
      "both, as DeBERTa", AttentionForm(heads: 2, headSize: 35, scale: 0.1), tables: .both),
    .init("shared by heads, as BERT", AttentionForm(heads: 2, headSize: 5), tables: .sharedByAll),
    .init(
      "all at once",
      AttentionForm(
        heads: 4, keyValueHeads: 2, headSize: 5, left: 11, right: 4, slopes: [0.5, 0.1, 0, 0.2]),
      hasBias: true, tables: .both),
  ]

  init(_ name: String, _ form: AttentionForm, hasBias: Bool = false, tables: Tables = .none) {
    (testDescription, self.form, self.hasBias, self.tables) = (name, form, hasBias, tables)
  }

  /// Rows of 24 that widen with the distance, to both sides, as DeBERTa's log buckets do.
  static let rows = rows(longest: longest)

  static func rows(longest: Int) -> [Int32] { (1 - longest..<longest).map(row) }

  private static func row(_ distance: Int) -> Int32 {
    let size = abs(distance)
    let bucket = size <= 4 ? size : min(4 + Int(log2(Double(size) / 4) * 3), 20)
    return Int32(min(max(12 + (distance > 0 ? -bucket : bucket), 0), 23))
  }
}

/// The numbers of a case.
private struct Numbers {
  let fused: Matrix
  let slopes: Matrix
  let bias: Matrix?
  let keys: Matrix?
  let queries: Matrix?
  let rows: [Int32]

  init(
    _ example: AttentionCase, layout: RaggedRows = AttentionCase.layout,
    longest: Int = AttentionCase.longest
  ) {
    rows = AttentionCase.rows(longest: longest)
    var numbers = TestNumbers(seed: 51)
    let form = example.form
    fused = numbers.matrix(layout.rows, form.fusedWidth, -2...2)
    slopes = numbers.matrix(layout.rows, form.width)
    bias = example.hasBias ? numbers.matrix(form.heads, 2 * longest - 1) : nil
    let tables = (numbers.matrix(24, form.width), numbers.matrix(24, form.width))
    let shared = numbers.matrix(24, form.headSize)
    switch example.tables {
    case .none: (keys, queries) = (nil, nil)
    case .keys: (keys, queries) = (tables.0, nil)
    case .queries: (keys, queries) = (nil, tables.1)
    case .both: (keys, queries) = tables
    case .sharedByAll: (keys, queries) = (shared, shared)
    }
  }

  var tables: RelativeTables? {
    keys == nil && queries == nil
      ? nil : RelativeTables(keys: keys, queries: queries, rows: rows)
  }

  /// All inputs of the reading below.
  var inputs: Inputs {
    Inputs(
      fused: fused.doubles, bias: bias?.doubles ?? [], keys: keys?.doubles ?? [],
      queries: queries?.doubles ?? [], rows: rows)
  }
}

private struct Inputs {
  /// Empty where there is none.
  var fused, bias, keys, queries: [[Double]]
  /// Of the tables, by the distance.
  var rows: [Int32]
}

/// Attention read from its definition, pair by pair, for one row of the batch.
private func plain(_ form: AttentionForm, _ layout: RaggedRows, _ x: Inputs, row: Int) -> [Double] {
  let sequence = (0..<layout.count).last { layout.starts[$0] <= row } ?? 0
  let (start, length) = (layout.starts[sequence], layout.length(sequence))
  let (i, size) = (row - start, form.headSize)
  let seen = max(0, i - (form.left ?? length))...min(length - 1, i + (form.right ?? length))
  func dot(_ a: ArraySlice<Double>, _ b: ArraySlice<Double>) -> Double {
    zip(a, b).reduce(0) { $0 + $1.0 * $1.1 }
  }
  func slice(_ row: [Double], _ at: Int) -> ArraySlice<Double> { row[at..<at + size] }
  return (0..<form.heads).flatMap { head -> [Double] in
    let keyAt = form.width + head / (form.heads / form.keyValueHeads) * size
    let query = slice(x.fused[row], head * size)
    func table(_ table: [[Double]], _ j: Int) -> ArraySlice<Double> {
      let row = table[Int(x.rows[x.rows.count / 2 + j - i])]
      return row.count == size ? row[...] : slice(row, head * size)
    }
    let scores = seen.map { j -> Double in
      let key = slice(x.fused[start + j], keyAt)
      var score = dot(query, key)
      if !x.keys.isEmpty { score += dot(query, table(x.keys, j)) }
      if !x.queries.isEmpty { score += dot(key, table(x.queries, j)) }
      score *= Double(form.scale)
      if form.softCap > 0 { score = Double(form.softCap) * tanh(score / Double(form.softCap)) }
      if !form.slopes.isEmpty { score -= Double(form.slopes[head]) * Double(abs(i - j)) }
      return x.bias.isEmpty ? score : score + x.bias[head][x.rows.count / 2 + j - i]
    }
    let shares = Plain.softmax(scores)
    return (0..<size).map { column in
      zip(seen, shares).reduce(0) {
        $0 + x.fused[start + $1.0][keyAt + form.keyValueWidth + column] * $1.1
      }
    }
  }
}

@Suite("Attention equals its definition pair by pair")
struct AttentionTests {
  static let cases = InstructionSet.available.flatMap { set in
    AttentionCase.all.map { (set, $0) }
  }
  private let layout = AttentionCase.layout

  /// The outputs where they take the queries' place.
  private func inPlace(
    _ set: InstructionSet, _ numbers: Numbers, _ layout: RaggedRows, _ form: AttentionForm
  ) -> [Float]? {
    let fused = Matrix(
      rows: numbers.fused.rows, columns: numbers.fused.columns, numbers.fused.values)
    let output = fused.columnRange(0..<form.width)
    Kernels(set)?.attention(
      fused: fused, layout: layout, form: form, distanceBias: numbers.bias,
      relative: numbers.tables, output: output, scratch: AttentionScratch())
    return output.values
  }

  @Test("Outputs, in any batch and with any number of threads", arguments: cases)
  func forward(set: InstructionSet, example: AttentionCase) throws {
    let (kernels, form) = (try #require(Kernels(set)), example.form)
    let numbers = Numbers(example)
    func run(_ kernels: Kernels, _ fused: Matrix, _ layout: RaggedRows, keeping: Bool) -> Matrix {
      let output = Matrix(rows: layout.rows, columns: form.width)
      kernels.attention(
        fused: fused, layout: layout, form: form, distanceBias: numbers.bias,
        relative: numbers.tables, output: output,
        weights: keeping ? FloatBuffer(count: form.weightCount(layout)) : nil,
        scratch: AttentionScratch())
      return output
    }
    let output = run(kernels, numbers.fused, layout, keeping: false)
    let want = (0..<layout.rows).map { plain(form, layout, numbers.inputs, row: $0) }
    #expect(difference(output.doubles, want) < 3e-6)
    #expect(run(kernels, numbers.fused, layout, keeping: true).values == output.values)
    #expect(inPlace(set, numbers, layout, form) == output.values)
    let threaded = try #require(Kernels(set, threads: 2))
    #expect(run(threaded, numbers.fused, layout, keeping: false).values == output.values)
    for sequence in 0..<layout.count {
      let rows = layout.starts[sequence]..<layout.starts[sequence + 1]
      let alone = run(
        threaded, numbers.fused.rowRange(rows), try RaggedRows(lengths: [rows.count]),
        keeping: false)
      #expect(alone.values == output.rowRange(rows).values)
    }
  }

  @Test("In bfloat16: near the definition, and the same bits in any batch", arguments: cases)
  func bfloat16(set: InstructionSet, example: AttentionCase) throws {
    let form = example.form
    let numbers = Numbers(example)
    func run(_ fused: Matrix, _ layout: RaggedRows, threads: Int) throws -> Matrix {
      let kernels = try #require(Kernels(set, threads: threads, usesBFloat16: true))
      let output = Matrix(rows: layout.rows, columns: form.width)
      kernels.attention(
        fused: fused, layout: layout, form: form, distanceBias: numbers.bias,
        relative: numbers.tables, output: output, scratch: AttentionScratch())
      return output
    }
    let output = try run(numbers.fused, layout, threads: 1)
    let want = (0..<layout.rows).map { plain(form, layout, numbers.inputs, row: $0) }
    #expect(difference(output.doubles, want) < 0.03)
    #expect(try run(numbers.fused, layout, threads: 2).values == output.values)
    for sequence in 0..<layout.count {
      let rows = layout[sequence]
      let single = try RaggedRows(lengths: [rows.count])
      let alone = try run(numbers.fused.rowRange(rows), single, threads: 2)
      #expect(alone.values == output.rowRange(rows).values)
    }
  }

  @Test("In bfloat16, texts longer than a block of keys", arguments: InstructionSet.available)
  func longBFloat16(set: InstructionSet) throws {
    let (halves, floats) = (
      try #require(Kernels(set, usesBFloat16: true)), try #require(Kernels(set))
    )
    var numbers = TestNumbers(seed: 53)
    let layout = try RaggedRows(lengths: [1300])
    for (left, right) in [(nil, nil), (nil, 0), (700, 30), (3, 3)] as [(Int?, Int?)] {
      let form = AttentionForm(heads: 2, headSize: 32, left: left, right: right)
      let fused = numbers.matrix(layout.rows, form.fusedWidth, -2...2)
      func run(_ kernels: Kernels) -> Matrix {
        let output = Matrix(rows: layout.rows, columns: form.width)
        kernels.attention(
          fused: fused, layout: layout, form: form, output: output, scratch: AttentionScratch())
        return output
      }
      // A weight of the largest score after many blocks: the running maximum rises late.
      for column in 0..<32 { fused[1290, 64 + column] = 6 * fused[1299, column] }
      #expect(difference(run(halves).doubles, run(floats).doubles) < 0.03, "\(form)")
    }
  }

  @Test(
    "In bfloat16, NaN and infinity reach their row's output", arguments: InstructionSet.available)
  func notFiniteBFloat16(set: InstructionSet) throws {
    let kernels = try #require(Kernels(set, usesBFloat16: true))
    var numbers = TestNumbers(seed: 54)
    let form = AttentionForm(heads: 1, headSize: 8)
    let layout = try RaggedRows(lengths: [40])
    for value in [Float.nan, .infinity] {
      for column in [0, 8, 16] {
        let fused = numbers.matrix(40, 24)
        fused[7, column] = value
        fused[20, 0] = 1
        let output = Matrix(rows: 40, columns: 8)
        kernels.attention(
          fused: fused, layout: layout, form: form, output: output, scratch: AttentionScratch())
        let row = column == 0 ? 7 : 20
        let isFinite = output.row(row).allSatisfy { $0.isFinite }
        #expect(!isFinite, "\(value) at \(column)")
      }
    }
  }

  /// Texts of more keys than inference has at hand at a time.
  static let longCases: [AttentionCase] = [
    .init("plain", AttentionForm(heads: 2, keyValueHeads: 1, headSize: 20)),
    .init("causal", AttentionForm(heads: 1, headSize: 20, right: 0)),
    .init("narrow window", AttentionForm(heads: 1, headSize: 20, left: 30, right: 9)),
    .init("window of itself", AttentionForm(heads: 1, headSize: 20, left: 0, right: 0)),
    .init("wide window", AttentionForm(heads: 1, headSize: 20, left: 1100, right: 1010)),
    .init("window behind", AttentionForm(heads: 1, headSize: 20, left: 0, right: 1500)),
    .init("cap", AttentionForm(heads: 1, headSize: 20, scale: 1, softCap: 1.5)),
    .init("bias, slopes", AttentionForm(heads: 1, headSize: 20, slopes: [0.01]), hasBias: true),
    .init("both tables", AttentionForm(heads: 2, headSize: 20), tables: .both),
    .init("tables, window", AttentionForm(heads: 1, headSize: 20, left: 990), tables: .both),
  ]

  @Test(
    "A text longer than a block of keys: outputs, in any batch and with any number of threads",
    arguments: InstructionSet.available.flatMap { set in longCases.map { (set, $0) } })
  func long(set: InstructionSet, example: AttentionCase) throws {
    let (length, form) = (2090, example.form)
    let layout = try RaggedRows(lengths: [40, length])
    let numbers = Numbers(example, layout: layout, longest: length)
    func run(threads: Int, _ fused: Matrix, _ layout: RaggedRows) throws -> Matrix {
      let output = Matrix(rows: layout.rows, columns: form.width)
      try #require(Kernels(set, threads: threads)).attention(
        fused: fused, layout: layout, form: form, distanceBias: numbers.bias,
        relative: numbers.tables, output: output, scratch: AttentionScratch())
      return output
    }
    let output = try run(threads: 2, numbers.fused, layout)
    let (inputs, doubles) = (numbers.inputs, output.doubles)
    for row in [0, 39, 40, 67, 1023, 1050, 1063, 1064, 1065, 1500, 2087, 2088, 2089, 2129] {
      let want = plain(form, layout, inputs, row: row)
      #expect(difference([doubles[row]], [want]) < 3e-6, "row \(row)")
    }
    let alone = try run(
      threads: 1, numbers.fused.rowRange(40..<40 + length), RaggedRows(lengths: [length]))
    #expect(alone.values == output.rowRange(40..<40 + length).values)
    #expect(inPlace(set, numbers, layout, form) == output.values)
  }

  @Test("Gradients equal central differences, whatever the number of threads", arguments: cases)
  func backward(set: InstructionSet, example: AttentionCase) throws {
    let form = example.form
    let numbers = Numbers(example)
    func run(threads: Int) throws -> [Matrix] {
      let kernels = try #require(Kernels(set, threads: threads))
      let weights = FloatBuffer(count: form.weightCount(layout))
      let scratch = AttentionScratch()
      kernels.attention(
        fused: numbers.fused, layout: layout, form: form, distanceBias: numbers.bias,
        relative: numbers.tables, output: Matrix(rows: layout.rows, columns: form.width),
        weights: weights, scratch: scratch)
      func zeros(_ like: Matrix?) -> Matrix? {
        like.map { Matrix(rows: $0.rows, columns: $0.columns) }
      }
      let gradient = Matrix(rows: layout.rows, columns: form.fusedWidth)
      let (bias, keys, queries) = (
        zeros(numbers.bias), zeros(numbers.keys), zeros(numbers.queries)
      )
      kernels.attentionBackward(
        outputGradient: numbers.slopes, fused: numbers.fused, layout: layout, form: form,
        relative: numbers.tables, weights: weights, fusedGradient: gradient, biasGradient: bias,
        relativeGradients: (keys, queries), scratch: scratch)
      return [gradient, bias, keys, queries].compactMap(\.self)
    }
    let gradients = try run(threads: 1)
    #expect(try run(threads: 2).map(\.values) == gradients.map(\.values))

    var random = TestNumbers(seed: 52)
    let inputs = numbers.inputs
    let parts = [\Inputs.fused, \.bias, \.keys, \.queries]
    for (gradient, part) in zip(gradients, parts.filter { !inputs[keyPath: $0].isEmpty }) {
      for _ in 0..<20 {
        let row = Int(random.next() % UInt64(gradient.rows))
        let column = Int(random.next() % UInt64(gradient.columns))
        // Only rows of the same sequence feel a change of `fused`.
        let isFused = part == \.fused
        let sequence = (0..<layout.count).last { layout.starts[$0] <= row } ?? 0
        let felt =
          isFused ? layout.starts[sequence]..<layout.starts[sequence + 1] : 0..<layout.rows
        func loss(_ step: Double) -> Double {
          var moved = inputs
          moved[keyPath: part][row][column] += step
          return felt.reduce(0) { sum, row in
            sum
              + weighed(
                [plain(form, layout, moved, row: row)],
                numbers.slopes.rowRange(row..<row + 1))
          }
        }
        let slope = (loss(1e-5) - loss(-1e-5)) / 2e-5
        #expect(
          abs(Double(gradient[row, column]) - slope) < 1e-5 * max(1, abs(slope)),
          "\(part) at \(row), \(column)")
      }
    }
  }

  @Test("With dropout: the slope along a direction, and one mask on all instruction sets")
  func dropout() throws {
    let forms = [
      AttentionForm(heads: 2, headSize: 4), AttentionForm(heads: 2, headSize: 4, left: 6, right: 3),
    ]
    let dropout = Dropout(probability: 0.4, seed: 5)
    let layout = try RaggedRows(lengths: [6, 50])
    for form in forms {
      var outputs: [[[Double]]] = []
      for set in InstructionSet.available {
        let kernels = try #require(Kernels(set))
        var numbers = TestNumbers(seed: 14)
        let (fused, dy) = (numbers.matrix(56, form.fusedWidth), numbers.matrix(56, form.width))
        let direction = numbers.matrix(56, form.fusedWidth)
        let (weights, scratch) = (
          FloatBuffer(count: form.weightCount(layout)), AttentionScratch()
        )
        func run(_ step: Float) -> Matrix {
          let moved = Matrix(
            rows: 56, columns: form.fusedWidth,
            zip(fused.values, direction.values).map { $0 + step * $1 })
          let output = Matrix(rows: 56, columns: form.width)
          kernels.attention(
            fused: moved, layout: layout, form: form, output: output, weights: weights,
            dropout: dropout, scratch: scratch)
          return output
        }
        let slope = (weighed(run(0.01).doubles, dy) - weighed(run(-0.01).doubles, dy)) / 0.02
        outputs.append(run(0).doubles)
        let gradient = Matrix(rows: 56, columns: form.fusedWidth)
        kernels.attentionBackward(
          outputGradient: dy, fused: fused, layout: layout, form: form, weights: weights,
          dropout: dropout, fusedGradient: gradient, scratch: scratch)
        #expect(abs(weighed(gradient.doubles, direction) - slope) < 2e-3 * max(1, abs(slope)))
      }
      for output in outputs { #expect(difference(output, outputs[0]) < 1e-5) }
    }
  }

  @Test("A window's kept weights grow with the text, not with its square")
  func memory() throws {
    let form = AttentionForm(heads: 2, headSize: 4, left: 64, right: 64)
    let (long, short) = (try RaggedRows(lengths: [8192]), try RaggedRows(lengths: [3, 4]))
    #expect(form.weightCount(long) <= 2 * 8192 * 192)
    #expect(AttentionForm(heads: 2, headSize: 4).weightCount(short) == 50)
  }
}
