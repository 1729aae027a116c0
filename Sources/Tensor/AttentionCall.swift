import CKernels

/// Scratch memory of the attention kernels, one block for each thread's job.
public final class AttentionScratch: @unchecked Sendable {
  private var blocks: [FloatBuffer] = []
  private var size = 0

  /// Empty; grows to what is asked and stays there.
  public init() {}

  func reserve(threads: Int, floats: Int) -> [FloatBuffer] {
    if floats > size || blocks.count < threads {
      size = max(size, floats)
      blocks = (0..<threads).map { _ in FloatBuffer(count: size) }
    }
    return blocks
  }
}

/// Finds one head of one sequence in the buffers of an attention.
struct AttentionCall {
  /// Queries, and behind them keys and values where these are of the same rows.
  let fused: Matrix
  let layout: RaggedRows
  /// Each sequence's keys and values side by side, where they are of other rows; empty where they are in `fused`.
  let keys: [Matrix]
  /// The place of each sequence's first query among its keys; empty where that is 0 for all.
  let offsets: [Int]
  let form: AttentionForm
  let bias: Matrix?
  let relative: RelativeTables?
  let weights: FloatBuffer?
  let dropout: Dropout
  /// What comes before each sequence: kept weights, and pairs of tokens, of one head. Inference, which
  /// needs neither, allocates nothing.
  private let before: [(weights: Int, pairs: Int)]

  init(
    fused: Matrix, layout: RaggedRows, keys: [Matrix] = [], offsets: [Int] = [],
    form: AttentionForm, bias: Matrix?, relative: RelativeTables?, weights: FloatBuffer?,
    dropout: Dropout
  ) {
    precondition(fused.rows == layout.rows, "rows")
    precondition(
      fused.columns == (keys.isEmpty ? form.fusedWidth : form.width)
        && keys.allSatisfy { $0.columns == 2 * form.keyValueWidth && $0.rows > 0 }, "shapes")
    precondition(keys.isEmpty || keys.count == layout.count, "keys for each sequence")
    precondition(
      offsets.isEmpty
        || offsets.count == keys.count && offsets.allSatisfy { $0 >= 0 }, "places of queries")
    precondition(keys.isEmpty || relative == nil, "relative tables are for rows of one text")
    (self.keys, self.offsets) = (keys, offsets)
    if let relative {
      precondition(relative.longest >= layout.longest, "distances outside the relative rows")
      for columns in [relative.keys, relative.queries].compactMap({ $0?.columns }) {
        precondition(columns == form.width || columns == form.headSize, "relative tables")
      }
    }
    (self.fused, self.layout, self.form, self.bias) = (fused, layout, form, bias)
    (self.relative, self.weights, self.dropout) = (relative, weights, dropout)
    let sizes = { (index: Int) in
      (
        queries: layout.length(index),
        keys: keys.isEmpty ? layout.length(index) : keys[index].rows,
        offset: offsets.isEmpty ? 0 : offsets[index]
      )
    }
    if let weights {
      let needed = (0..<layout.count).reduce(0) {
        let size = sizes($1)
        return $0 + size.queries * form.band(size.keys, queries: size.queries, offset: size.offset)
      }
      precondition(weights.count >= form.heads * needed, "weights")
    }
    if let bias {
      precondition(bias.rows == form.heads && bias.columns % 2 == 1, "a bias for each head")
      let farthest = (0..<layout.count).reduce(0) {
        let size = sizes($1)
        return max($0, size.keys, size.offset + size.queries)
      }
      precondition((bias.columns + 1) / 2 >= farthest, "distances outside the bias")
    }
    guard weights != nil || dropout.probability > 0 else {
      before = []
      return
    }
    var next = (weights: 0, pairs: 0)
    before = (0..<layout.count).map { index in
      let size = sizes(index)
      let band = form.band(size.keys, queries: size.queries, offset: size.offset)
      defer {
        next = (next.weights + size.queries * band, next.pairs + size.queries * size.keys)
      }
      return next
    }
  }

  /// Whether the bfloat16 kernels compute it: they keep nothing, and know no cap and no relative tables.
  var isPlain: Bool {
    weights == nil && dropout.probability == 0 && relative == nil && form.softCap == 0
      && keys.isEmpty
  }

  /// Queries and keys of a sequence, and the place of the first query.
  private func size(_ sequence: Int) -> (queries: Int, keys: Int, offset: Int) {
    let queries = layout.length(sequence)
    return (
      queries, keys.isEmpty ? queries : keys[sequence].rows,
      offsets.isEmpty ? 0 : offsets[sequence]
    )
  }

  /// Floats of scratch that the longest sequence needs.
  func scratchFloats(_ rows: UnsafePointer<Int32>?, backward: Bool) -> Int {
    if keys.isEmpty {
      return with(head: 0, size: (layout.longest, layout.longest, 0), rows) {
        martlet_attention_scratch(&$0, backward ? 1 : 0)
      }
    }
    return (0..<layout.count).reduce(0) { most, index in
      max(
        most,
        with(head: 0, size: size(index), rows) {
          martlet_attention_scratch(&$0, backward ? 1 : 0)
        })
    }
  }

  /// Calls `body` with the row of distance 0, or with nil where there are no relative tables.
  func withRows(_ body: (UnsafePointer<Int32>?) -> Void) {
    guard let relative else { return body(nil) }
    relative.rows.withUnsafeBufferPointer { rows in
      body(rows.baseAddress.map { $0 + relative.longest - 1 })
    }
  }

  /// Calls `body` with the arguments of one head of a sequence.
  func with(
    sequence: Int, head: Int, output: Matrix, rows: UnsafePointer<Int32>?, scratch: FloatBuffer,
    isPacked: Bool, _ body: (inout martlet_attention) -> Void
  ) {
    let (start, size) = (layout.starts[sequence], form.headSize)
    let row = fused.base + start * fused.stride
    let (queries, length, offset) = self.size(sequence)
    with(head: head, size: (queries, length, offset), rows) { arguments in
      arguments.query = UnsafePointer(row + head * size)
      let key =
        keys.isEmpty
        ? row + form.width : keys[sequence].base
      arguments.key = UnsafePointer(key + form.keyOffset(head))
      arguments.value = UnsafePointer(key + form.keyOffset(head) + form.keyValueWidth)
      arguments.row_stride = keys.isEmpty ? fused.stride : keys[sequence].stride
      arguments.query_stride = fused.stride
      arguments.output = output.base + start * output.stride + head * size
      arguments.output_stride = output.stride
      arguments.scratch = scratch.base
      arguments.is_packed = isPacked ? 1 : 0
      if !before.isEmpty {
        let kept = before[sequence]
        arguments.weights = weights.map {
          $0.base + kept.weights * form.heads + head * queries * arguments.band
        }
        arguments.dropout = dropout.probability
        arguments.seed = dropout.seed
        arguments.index = UInt32(
          truncatingIfNeeded: kept.pairs * form.heads + head * queries * length)
      }
      body(&arguments)
    }
  }

  private func with<Result>(
    head: Int, size: (queries: Int, keys: Int, offset: Int), _ rows: UnsafePointer<Int32>?,
    _ body: (inout martlet_attention) -> Result
  ) -> Result {
    var arguments = martlet_attention()
    let (length, places) = (size.keys, max(size.keys, size.offset + size.queries))
    (arguments.length, arguments.queries, arguments.offset) = (length, size.queries, size.offset)
    arguments.weights = weights?.base
    arguments.head_size = form.headSize
    arguments.scale = form.scale
    arguments.left = min(form.left ?? places, places)
    arguments.right = min(form.right ?? places, places)
    arguments.band = form.band(length, queries: size.queries, offset: size.offset)
    arguments.soft_cap = form.softCap
    arguments.slope = form.slopes.isEmpty ? 0 : form.slopes[head]
    arguments.bias = bias.map {
      UnsafePointer($0.base + head * $0.stride + ($0.columns - 1) / 2)
    }
    guard let relative, let rows else { return body(&arguments) }
    let tables = martlet_relative(
      keys: relative.keys.map { UnsafePointer($0.table(head, form)) },
      key_stride: relative.keys?.stride ?? 0,
      queries: relative.queries.map { UnsafePointer($0.table(head, form)) },
      query_stride: relative.queries?.stride ?? 0, rows: rows)
    return withUnsafePointer(to: tables) { tables in
      arguments.relative = tables
      return body(&arguments)
    }
  }
}

extension AttentionForm {
  /// Floats that `attention` keeps of its weights for the backward pass.
  public func weightCount(_ layout: RaggedRows) -> Int {
    heads
      * (0..<layout.count).reduce(0) {
        let length = layout.length($1)
        return $0 + length * band(length, queries: length, offset: 0)
      }
  }

  /// The same where the keys of each sequence are as many rows of their own as `keys` has.
  public func weightCount(_ layout: RaggedRows, keys: RaggedRows) -> Int {
    heads
      * (0..<layout.count).reduce(0) {
        let queries = layout.length($1)
        return $0 + queries * band(keys.length($1), queries: queries, offset: 0)
      }
  }

  /// Kept weights of one of `queries` rows over `length` keys.
  fileprivate func band(_ length: Int, queries: Int, offset: Int) -> Int {
    let places = max(length, offset + queries)
    return martlet_attention_band(length, min(left ?? places, places), min(right ?? places, places))
  }

  /// Where the key of query head `head` stands in a row of keys.
  func keyOffset(_ head: Int) -> Int { head / group * headSize }
}
