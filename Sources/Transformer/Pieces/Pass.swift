import Tensor

/// One run through a model: memory, kernels, and what is kept for the gradient.
///
/// Inference and training run the same pieces. Inference gives each intermediate result one of a few slots,
/// which the next block overwrites, and keeps nothing; a recorder gives each a place of its own and keeps
/// what `backward` needs. Not thread-safe: one for each thread at work.
final class Pass {
  /// Intermediate results that live at the same time.
  enum Slot: Int, CaseIterable {
    case tables, hidden, normed, fused, mixed, wide, means, pooled, logits, convolved, chosen,
      narrow
  }

  var kernels: Kernels
  /// Scratch of the attention kernels.
  let attention = AttentionScratch()
  /// Scratch of the bfloat16 products.
  let rounded = BFloat16Rows()
  /// Scratch of the 8-bit products.
  let quantized = QuantizedRows()
  /// Nil in inference.
  let recorder: Recorder?
  /// Where each sequence stands among the rows.
  private(set) var layout = RaggedRows()
  /// What each sequence of the layout has kept of its tokens so far, while a decoder runs in inference.
  var caches: [SequenceCache]?
  /// The states that cross-attention reads, while a decoder runs in training.
  var source: SourceStates?
  /// How many rows of each sequence are seen, the first ones; empty for all.
  private(set) var seen: [Int] = []
  /// Sees what goes into each product of the blocks, in inference.
  var observer: ((ParameterKey, Matrix) -> Void)?
  /// Called before each product, so that a slow model can be told from a hung one.
  var progress: (() -> Void)?
  private var slots: [FloatBuffer?] = Slot.allCases.map { _ in nil }

  init(kernels: Kernels, recorder: Recorder? = nil) {
    (self.kernels, self.recorder) = (kernels, recorder)
  }

  /// Begins a run over sequences of this layout.
  func begin(_ layout: RaggedRows, seen: [Int] = []) { (self.layout, self.seen) = (layout, seen) }

  /// Storage for one result, whose elements are undefined.
  func matrix(_ slot: Slot, _ rows: Int, _ columns: Int) -> Matrix {
    if let recorder { return recorder.matrix(rows, columns) }
    let stride = Matrix.spread(columns)
    if let buffer = slots[slot.rawValue], buffer.count >= rows * stride {
      return Matrix(buffer, rows: rows, columns: columns, stride: stride)
    }
    let buffer = FloatBuffer(count: rows * stride)
    slots[slot.rawValue] = buffer
    return Matrix(buffer, rows: rows, columns: columns, stride: stride)
  }

  /// Ranges of nearly equal size whose rows go through a feed-forward together, so that its wide results stay
  /// small and near; one where all of them are kept or observed.
  func parts(_ rows: Int) -> [Range<Int>] {
    let most = 512
    guard recorder == nil, observer == nil, rows > most else { return [0..<rows] }
    let count = (rows + most - 1) / most
    return (0..<count).map { rows * $0 / count..<rows * ($0 + 1) / count }
  }

  /// Dropout at `place`, a number that no other place of the model has; none in inference.
  func dropout(_ probability: Float, _ place: UInt32) -> Dropout {
    guard let seed = recorder?.dropoutSeed else { return .none }
    return Dropout(probability: probability, seed: seed &+ place &* 0x9E37_79B9)
  }
}

/// What a run keeps for its gradient, in the order in which it came. `backward` takes it from the end.
final class Recorder {
  /// What one step of the forward pass keeps.
  enum Record {
    case norm(input: Matrix, NormStatistics)
    case product(input: Matrix)
    case activation(input: Matrix)
    case lowRank(input: Matrix, narrow: Matrix)
    case attention(fused: Matrix, weights: FloatBuffer, RelativeAttention.Tables?)
    case crossAttention(queries: Matrix, keys: Matrix, weights: FloatBuffer)
  }

  /// Decides what dropout drops; nil switches it off.
  private(set) var dropoutSeed: UInt32?
  private var records: [Record] = []
  private var buffers: [FloatBuffer] = []
  private var next = 0
  private var panels: PackedMatrix?

  /// Forgets the last run; its storage is used again.
  func begin(dropoutSeed: UInt32?) {
    self.dropoutSeed = dropoutSeed
    records.removeAll(keepingCapacity: true)
    next = 0
  }

  /// Storage of this run; runs after the first allocate nothing.
  func buffer(_ count: Int) -> FloatBuffer {
    defer { next += 1 }
    if next < buffers.count, buffers[next].count >= count { return buffers[next] }
    // A quarter of headroom, so that slightly larger batches do not allocate again.
    let fresh = FloatBuffer(count: count + count / 4)
    if next < buffers.count { buffers[next] = fresh } else { buffers.append(fresh) }
    return fresh
  }

  func matrix(_ rows: Int, _ columns: Int) -> Matrix {
    let stride = Matrix.spread(columns)
    return Matrix(buffer(rows * stride), rows: rows, columns: columns, stride: stride)
  }

  func keep(_ record: Record) { records.append(record) }

  /// What was kept last and not taken yet.
  func take() -> Record {
    guard let record = records.popLast() else {
      preconditionFailure("backward comes after forward")
    }
    return record
  }

  /// Scratch for packing `rows` × `columns`.
  func panels(_ rows: Int, _ columns: Int, _ kernels: Kernels) -> PackedMatrix {
    if let panels, panels.depth >= rows, panels.columns >= columns { return panels }
    let fresh = PackedMatrix(
      depth: max(rows, panels?.depth ?? 512), columns: max(columns, panels?.columns ?? 0),
      kernels: kernels)
    panels = fresh
    return fresh
  }
}
