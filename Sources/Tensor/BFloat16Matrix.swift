import CKernels

/// Weights of a linear layer in bfloat16, packed for the kernels of one instruction set: half the memory of
/// single precision, with its range and 8 bits of precision.
///
/// Inputs are rounded as well, once for a product; sums are in single precision. Where the CPU does not multiply
/// bfloat16 numbers, the kernels take them apart and multiply in single precision, with the same results but for
/// subnormal sums.
public struct BFloat16Matrix: Sendable {
  /// Inputs.
  public let depth: Int
  /// Outputs.
  public let columns: Int
  private let words: FloatBuffer

  /// Floats of memory that weights [columns, depth] take packed.
  public static func floats(depth: Int, columns: Int, kernels: Kernels) -> Int {
    let panel = kernels.bfloats.pointee.panel_columns
    return (depth + 1) / 2 * ((columns + panel - 1) / panel * panel)
  }

  /// Weights [columns, depth] whose packed form `storage` holds or will hold.
  public init(depth: Int, columns: Int, in storage: FloatBuffer, kernels: Kernels) {
    precondition(
      storage.count >= Self.floats(depth: depth, columns: columns, kernels: kernels),
      "the storage is too small")
    (self.depth, self.columns, words) = (depth, columns, storage)
  }

  /// Rounds and packs `weight` [columns, depth], in `storage` where it is given.
  public init(_ weight: Matrix, in storage: FloatBuffer? = nil, kernels: Kernels) {
    let room = Self.floats(depth: weight.columns, columns: weight.rows, kernels: kernels)
    self.init(
      depth: weight.columns, columns: weight.rows, in: storage ?? FloatBuffer(count: room),
      kernels: kernels)
    kernels.bfloats.pointee.pack(words.words, weight.base, depth, columns, weight.stride)
  }

  var packed: martlet_bf16_weight {
    martlet_bf16_weight(panels: UnsafePointer(words.words), k: depth, n: columns)
  }
}

/// Room for rounded inputs, grown to the largest product seen.
public final class BFloat16Rows {
  private var words = FloatBuffer(count: 0)

  /// Empty.
  public init() {}

  func reserve(rows: Int, depth: Int) -> martlet_bf16_operand {
    // An odd number of lines, so that rows do not all begin in the same set of the first-level cache.
    let stride = ((depth + 1) / 2 + 15) / 16 * 16 | 16
    if words.count < rows * stride { words = FloatBuffer(count: rows * stride) }
    return martlet_bf16_operand(words: UnsafePointer(words.words), stride: stride)
  }
}

extension FloatBuffer {
  /// The storage as words of two bfloat16 numbers.
  fileprivate var words: UnsafeMutablePointer<UInt32> {
    UnsafeMutableRawPointer(base).assumingMemoryBound(to: UInt32.self)
  }
}

extension Kernels {
  /// output = activation(input · B + bias) + residual in bfloat16 products with single-precision sums. A row's
  /// answer has the same bits in any batch and over any number of threads.
  ///
  /// Shapes as for `linear` with floats; `residual` may be the output when there is no activation.
  public func linear(
    _ input: Matrix, _ weight: BFloat16Matrix, bias: Matrix? = nil,
    activation: Activation = .none, residual: Matrix? = nil, output: Matrix, scratch: BFloat16Rows
  ) {
    precondition(input.columns == weight.depth && output.columns == weight.columns, "shapes")
    let epilogue = epilogue(
      input: input, bias: bias, activation: activation, residual: residual, output: output)
    let operand = scratch.reserve(rows: input.rows, depth: input.columns)
    // A product takes about half of a float one's time, so twice the operations of `linear` with floats
    // pay for another thread.
    let threads = operations(output, depth: weight.depth) < 2e6 ? ComputePool.single : pool
    threads.split(input.rows, granularity: 14) { rows in
      let start = rows.lowerBound
      bfloats.pointee.round(
        UnsafeMutablePointer(mutating: operand.words) + start * operand.stride, operand.stride,
        input.base + start * input.stride, rows.count, input.columns, input.stride)
    }
    let panel = bfloats.pointee.panel_columns
    let panelCount = (weight.columns + panel - 1) / panel
    let block = caches.rows(of: operand.stride * MemoryLayout<UInt32>.size)
    threads.split(rows: output.rows, columns: weight.columns, panels: panelCount, block: block) {
      rows, panels in
      var (a, b, end) = (operand, weight.packed, epilogue)
      bfloats.pointee.matmul(
        &a, &b, output.base, output.stride, &end, table, rows.lowerBound, rows.upperBound,
        panels.lowerBound, panels.upperBound)
    }
  }
}
