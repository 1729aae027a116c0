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
  let fused: Matrix
  let layout: RaggedRows
  let form: AttentionForm
  let bias: Matrix?
  let relative: RelativeTables?
  let weights: FloatBuffer?
  let dropout: Dropout
  /// What comes before each sequence: kept weights, and pairs of tokens, of one head. Inference, which
  /// needs neither, allocates nothing.
  private let before: [(weights: Int, pairs: Int)]

  init(
    fused: Matrix, layout: RaggedRows, form: AttentionForm, bias: Matrix?,
    relative: RelativeTables?, weights: FloatBuffer?, dropout: Dropout
  ) {
    precondition(fused.columns == form.fusedWidth && fused.rows == layout.rows, "shapes")
    if let weights { precondition(weights.count >= form.weightCount(layout), "weights") }
    if let bias {
      precondition(bias.rows == form.heads && bias.columns % 2 == 1, "a bias for each head")
      precondition((bias.columns + 1) / 2 >= layout.longest, "distances outside the bias")
    }
    if let relative {
      precondition(relative.longest >= layout.longest, "distances outside the relative rows")
      for columns in [relative.keys, relative.queries].compactMap({ $0?.columns }) {
        precondition(columns == form.width || columns == form.headSize, "relative tables")
      }
    }
    (self.fused, self.layout, self.form, self.bias) = (fused, layout, form, bias)
    (self.relative, self.weights, self.dropout) = (relative, weights, dropout)
    guard weights != nil || dropout.probability > 0 else {
      before = []
      return
    }
    var next = (weights: 0, pairs: 0)
    before = (0..<layout.count).map { index in
      let length = layout.length(index)
      defer { next = (next.weights + length * form.band(length), next.pairs + length * length) }
      return next
    }
  }

  /// Whether the bfloat16 kernels compute it: they keep nothing, and know no cap and no relative tables.
  var isPlain: Bool {
    weights == nil && dropout.probability == 0 && relative == nil && form.softCap == 0
  }

  /// Floats of scratch that the longest sequence needs.
  func scratchFloats(_ rows: UnsafePointer<Int32>?, backward: Bool) -> Int {
    with(head: 0, length: layout.longest, rows) {
      martlet_attention_scratch(&$0, backward ? 1 : 0)
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
    let length = layout.length(sequence)
    with(head: head, length: length, rows) { arguments in
      arguments.query = UnsafePointer(row + head * size)
      arguments.key = UnsafePointer(row + form.keyOffset(head))
      arguments.value = UnsafePointer(row + form.keyOffset(head) + form.keyValueWidth)
      arguments.row_stride = fused.stride
      arguments.query_stride = fused.stride
      arguments.output = output.base + start * output.stride + head * size
      arguments.output_stride = output.stride
      arguments.scratch = scratch.base
      arguments.is_packed = isPacked ? 1 : 0
      if !before.isEmpty {
        let kept = before[sequence]
        arguments.weights = weights.map {
          $0.base + kept.weights * form.heads + head * length * arguments.band
        }
        arguments.dropout = dropout.probability
        arguments.seed = dropout.seed
        arguments.index = UInt32(
          truncatingIfNeeded: kept.pairs * form.heads + head * length * length)
      }
      body(&arguments)
    }
  }

  private func with<Result>(
    head: Int, length: Int, _ rows: UnsafePointer<Int32>?,
    _ body: (inout martlet_attention) -> Result
  ) -> Result {
    var arguments = martlet_attention()
    arguments.length = length
    arguments.weights = weights?.base
    arguments.head_size = form.headSize
    arguments.scale = form.scale
    arguments.left = min(form.left ?? length, length)
    arguments.right = min(form.right ?? length, length)
    arguments.band = form.band(length)
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
      * (0..<layout.count).reduce(0) { $0 + layout.length($1) * band(layout.length($1)) }
  }

  /// Kept weights of one row of a sequence of `length`.
  fileprivate func band(_ length: Int) -> Int {
    martlet_attention_band(length, min(left ?? length, length), min(right ?? length, length))
  }

  /// Where the key of query head `head` stands in a fused row.
  func keyOffset(_ head: Int) -> Int { width + head / group * headSize }
}
