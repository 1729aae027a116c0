import CKernels
import Foundation

/// A batch was to hold a sequence without rows: its first row would be another sequence's.
public struct EmptySequence: Error, Equatable, LocalizedError {
  /// Which of the sequences, from 0.
  public let index: Int

  /// The sequence of this index is empty.
  public init(index: Int) { self.index = index }

  /// What, where and how to mend it.
  public var errorDescription: String? {
    "sequence \(index) of the batch has no tokens. Leave it out, or give it a text."
  }
}

/// Where each sequence of a ragged batch starts among the rows: `starts[i]..<starts[i + 1]`. None is empty, so each has a first
/// and a last row of its own.
public struct RaggedRows: Sendable, Equatable {
  /// Row offsets, one more than there are sequences; the first is 0.
  public let starts: [Int]

  /// No sequences.
  public init() { starts = [0] }

  /// The layout of sequences of these lengths, one behind the other.
  ///
  /// - Throws: `EmptySequence` for a length below 1.
  public init(lengths: [Int]) throws(EmptySequence) {
    var starts = [0]
    starts.reserveCapacity(lengths.count + 1)
    for (index, length) in lengths.enumerated() {
      if length < 1 { throw EmptySequence(index: index) }
      starts.append((starts.last ?? 0) + length)
    }
    self.starts = starts
  }

  /// The rows of sequence `index`; at least one.
  public subscript(_ index: Int) -> Range<Int> { starts[index]..<starts[index + 1] }

  /// Sequences.
  public var count: Int { starts.count - 1 }
  /// Rows of all sequences.
  public var rows: Int { starts[starts.count - 1] }
  /// Rows of the longest sequence.
  public var longest: Int { (0..<count).reduce(0) { max($0, length($1)) } }
  /// Rows of sequence `index`.
  public func length(_ index: Int) -> Int { starts[index + 1] - starts[index] }
  /// Sum of squared lengths: the floats of one head's attention weights.
  public var squares: Int { (0..<count).reduce(0) { $0 + length($1) * length($1) } }
}

/// Dropout by a hash of seed and position, so that no mask is stored.
public struct Dropout: Sendable {
  /// Share of elements set to zero; 0 switches dropout off.
  public let probability: Float
  /// Changes the mask.
  public let seed: UInt32

  /// Drops with `probability`, by `seed`.
  public init(probability: Float, seed: UInt32) {
    precondition(probability >= 0 && probability < 1, "a probability below one")
    self.probability = probability
    self.seed = seed
  }

  /// Drops nothing.
  public static let none = Dropout(probability: 0, seed: 0)
}

/// Scratch memory of the attention kernels, one block for each thread's job.
public final class AttentionScratch: @unchecked Sendable {
  private var blocks: [FloatBuffer] = []
  private var size = 0

  /// Empty; grows to what is asked and stays there.
  public init() {}

  func reserve(threads: Int, longest: Int, headSize: Int) -> [FloatBuffer] {
    let wanted = martlet_attention_scratch(longest, headSize)
    if wanted > size || blocks.count < threads {
      size = max(size, wanted)
      blocks = (0..<threads).map { _ in FloatBuffer(count: size) }
    }
    return blocks
  }
}

extension Kernels {
  /// softmax(Q·Kᵀ / √d) · V for each head of each sequence (Vaswani et al., 2017, section 3.2.1).
  ///
  /// `fused` is [rows, 3 × width]: queries, keys and values side by side, each `heads` blocks wide.
  /// `output` is [rows, width]. With `weights` (heads × `layout.squares` floats) the softmax weights
  /// are kept for `attentionBackward`; without, only a block of them exists at a time.
  /// `distanceSlopes`, one a head, are taken off the scores for each row of distance.
  public func attention(
    fused: Matrix, layout: RaggedRows, heads: Int, output: Matrix, weights: FloatBuffer? = nil,
    dropout: Dropout = .none, distanceSlopes: [Float] = [], scratch: AttentionScratch
  ) {
    precondition(distanceSlopes.isEmpty || distanceSlopes.count == heads, "a slope for each head")
    let shape = AttentionShape(
      fused: fused, layout: layout, heads: heads, weights: weights, dropout: dropout)
    precondition(output.rows == layout.rows && output.columns == shape.width, "output")
    let blocks = scratch.reserve(
      threads: pool.threads, longest: layout.longest, headSize: shape.headSize)
    pool.split(layout.count * heads) { jobs in
      let block = blocks[
        min(jobs.lowerBound * pool.threads / (layout.count * heads), pool.threads - 1)]
      for job in jobs {
        var head = shape.head(job, output: output, dropout: dropout, scratch: block)
        if !distanceSlopes.isEmpty { head.slope = distanceSlopes[job % heads] }
        table.pointee.attention(&head)
      }
    }
  }

  /// Gradient of `attention` with the `weights` it kept: fusedGradient [rows, 3 × width].
  public func attentionBackward(
    outputGradient: Matrix, fused: Matrix, layout: RaggedRows, heads: Int, weights: FloatBuffer,
    dropout: Dropout, fusedGradient: Matrix, scratch: AttentionScratch
  ) {
    let shape = AttentionShape(
      fused: fused, layout: layout, heads: heads, weights: weights, dropout: dropout)
    precondition(outputGradient.rows == layout.rows && outputGradient.columns == shape.width)
    precondition(fusedGradient.rows == fused.rows && fusedGradient.stride == fused.stride)
    let blocks = scratch.reserve(
      threads: pool.threads, longest: layout.longest, headSize: shape.headSize)
    pool.split(layout.count * heads) { jobs in
      let block = blocks[
        min(jobs.lowerBound * pool.threads / (layout.count * heads), pool.threads - 1)]
      for job in jobs {
        let head = shape.head(job, output: outputGradient, dropout: dropout, scratch: block)
        let gradient = fusedGradient.base + shape.offset(job)
        var arguments = martlet_attention_gradient(
          forward: head, output_gradient: head.output, query_gradient: gradient,
          key_gradient: gradient + shape.width, value_gradient: gradient + 2 * shape.width)
        table.pointee.attention_backward(&arguments)
      }
    }
  }
}

/// Finds one head of one sequence in the fused buffers; job number = sequence × heads + head.
private struct AttentionShape {
  let fused: Matrix
  let layout: RaggedRows
  let heads: Int
  let weights: FloatBuffer?
  let width: Int
  let headSize: Int
  let squaresBefore: [Int]

  init(
    fused: Matrix, layout: RaggedRows, heads: Int, weights: FloatBuffer?, dropout: Dropout
  ) {
    precondition(heads > 0 && fused.columns % (3 * heads) == 0, "heads must divide the width")
    precondition(fused.rows == layout.rows, "rows")
    if let weights { precondition(weights.count >= heads * layout.squares, "weights") }
    self.fused = fused
    self.layout = layout
    self.heads = heads
    self.weights = weights
    width = fused.columns / 3
    headSize = width / heads
    // Only kept weights are found by it; inference allocates nothing here.
    guard weights != nil || dropout.probability > 0 else {
      squaresBefore = []
      return
    }
    var before = 0
    squaresBefore = (0..<layout.count).map { index in
      defer { before += layout.length(index) * layout.length(index) }
      return before
    }
  }

  func offset(_ job: Int) -> Int {
    layout.starts[job / heads] * fused.stride + job % heads * headSize
  }

  func head(
    _ job: Int, output: Matrix, dropout: Dropout, scratch: FloatBuffer
  ) -> martlet_attention {
    let (sequence, head) = (job / heads, job % heads)
    let length = layout.length(sequence)
    let base = fused.base + offset(job)
    let square =
      squaresBefore.isEmpty ? 0 : squaresBefore[sequence] * heads + head * length * length
    return martlet_attention(
      query: base, key: base + width, value: base + 2 * width, row_stride: fused.stride,
      output: output.base + layout.starts[sequence] * output.stride + head * headSize,
      output_stride: output.stride, length: length, head_size: headSize,
      scale: 1 / Float(headSize).squareRoot(), slope: 0, dropout: dropout.probability,
      seed: dropout.seed,
      index: UInt32(truncatingIfNeeded: square), weights: weights.map { $0.base + square },
      scratch: scratch.base)
  }
}
