import CKernels

/// 8-bit weights of a linear layer, packed for one instruction set's integer kernels.
///
/// Each output's weights share a scale: w = q · scale with q in −127…127. Sums of products are exact.
/// On AVX2, where four products are added in 16 bits, weights that would overflow there together are
/// made smaller; those that `WeightRounding` makes never are.
public struct QuantizedMatrix: Sendable {
  /// Inputs.
  public let depth: Int
  /// Outputs.
  public let columns: Int
  /// Multiplies each input before it is quantised; nil when inputs are taken as they are.
  let inputScale: FloatBuffer?
  private let panels, scales, sums: FloatBuffer

  /// Floats of memory that 8-bit weights [columns, depth] take packed.
  public static func floats(
    depth: Int, columns: Int, isSmoothed: Bool, kernels: Kernels
  ) -> Int {
    let width = width(columns, kernels)
    return panelFloats(depth, width) + 2 * width + (isSmoothed ? (depth + 15) / 16 * 16 : 0)
  }

  private static func width(_ columns: Int, _ kernels: Kernels) -> Int {
    let panel = kernels.integers.pointee.panel_columns
    return (columns + panel - 1) / panel * panel
  }

  private static func panelFloats(_ depth: Int, _ width: Int) -> Int { (depth + 3) / 4 * width }

  /// Weights [columns, depth] whose packed form `storage` holds or will hold.
  public init(
    depth: Int, columns: Int, isSmoothed: Bool, in storage: FloatBuffer, kernels: Kernels
  ) {
    (self.depth, self.columns) = (depth, columns)
    let width = Self.width(columns, kernels)
    let room = Self.floats(
      depth: depth, columns: columns, isSmoothed: isSmoothed, kernels: kernels)
    precondition(storage.count >= room, "the storage is too small")
    let first = Self.panelFloats(depth, width)
    panels = FloatBuffer(0..<first, of: storage)
    scales = FloatBuffer(first..<first + width, of: storage)
    sums = FloatBuffer(first + width..<first + 2 * width, of: storage)
    let last = first + 2 * width
    inputScale = isSmoothed ? FloatBuffer(last..<last + depth, of: storage) : nil
  }

  /// Quantises and packs `weight` [columns, depth], in `storage` where it is given.
  ///
  /// With `smoothing` s (one factor an input), input p is divided by s[p] and its weights are
  /// multiplied by it, which moves outliers from activations to weights (SmoothQuant, Xiao et al.,
  /// 2023, equation 3). `scales` holds the scale of each output's weights; without, it is chosen by
  /// the largest of them.
  public init(
    _ weight: Matrix, smoothing: [Float]? = nil, scales rowScales: [Float]? = nil,
    in storage: FloatBuffer? = nil, kernels: Kernels
  ) {
    precondition(smoothing == nil || smoothing?.count == weight.columns, "a factor for each input")
    precondition(rowScales == nil || rowScales?.count == weight.rows, "a scale for each output")
    let room = Self.floats(
      depth: weight.columns, columns: weight.rows, isSmoothed: smoothing != nil, kernels: kernels)
    self.init(
      depth: weight.columns, columns: weight.rows, isSmoothed: smoothing != nil,
      in: storage ?? FloatBuffer(count: room), kernels: kernels)
    if let smoothing { inputScale?.set(smoothing.map { 1 / $0 }) }
    let factors = smoothing.map { FloatBuffer($0) }
    kernels.integers.pointee.pack(
      weight.base, depth, columns, weight.stride, factors?.base, rowScales,
      UnsafeMutableRawPointer(panels.base).assumingMemoryBound(to: Int8.self), scales.base,
      UnsafeMutableRawPointer(sums.base).assumingMemoryBound(to: Int32.self))
  }

  /// `weight` in 8 bits as files keep it, by the rule that packing has: values of −127…127 by rows,
  /// and a scale a row. `smoothing` and `scales` as in `init`.
  public static func stored(
    _ weight: Matrix, smoothing: [Float]? = nil, scales rowScales: [Float]? = nil
  ) -> (values: [Int8], scales: [Float]) {
    precondition(smoothing == nil || smoothing?.count == weight.columns, "a factor for each input")
    precondition(rowScales == nil || rowScales?.count == weight.rows, "a scale for each output")
    let factors = smoothing.map { FloatBuffer($0) }
    var values = [Int8](repeating: 0, count: weight.count)
    var scales = [Float](repeating: 0, count: weight.rows)
    martlet_int8_quantize_weights(
      weight.base, weight.columns, weight.rows, weight.stride, factors?.base, rowScales, &values,
      &scales)
    return (values, scales)
  }

  var packed: martlet_int8_weight {
    martlet_int8_weight(
      panels: UnsafeRawPointer(panels.base).assumingMemoryBound(to: Int8.self),
      scales: UnsafePointer(scales.base),
      sums: UnsafeRawPointer(sums.base).assumingMemoryBound(to: Int32.self), k: depth, n: columns)
  }
}

/// Room for quantised activations, grown to the largest product seen.
public final class QuantizedRows {
  private var values = FloatBuffer(count: 0)
  private var scales = FloatBuffer(count: 0)
  private var zeros = FloatBuffer(count: 0)

  /// Empty.
  public init() {}

  func reserve(rows: Int, depth: Int) -> martlet_int8_operand {
    // An odd number of cache lines, so that the rows of a tile do not fall on the same few of a cache's sets.
    let stride = ((depth + 63) / 64 | 1) * 64
    if values.count < rows * stride / 4 { values = FloatBuffer(count: rows * stride / 4) }
    if scales.count < rows {
      scales = FloatBuffer(count: rows)
      zeros = FloatBuffer(count: rows)
    }
    return martlet_int8_operand(
      values: UnsafeRawPointer(values.base).assumingMemoryBound(to: UInt8.self), stride: stride,
      scales: UnsafePointer(scales.base),
      zeros: UnsafeRawPointer(zeros.base).assumingMemoryBound(to: Int32.self))
  }
}

extension Kernels {
  /// output = activation(input · B + bias) + residual in 8-bit products: each row of `input` is
  /// quantised by its own range, so a row's answer does not depend on its neighbours.
  ///
  /// Shapes as for `linear` with floats; `residual` may be the output when there is no activation.
  public func linear(
    _ input: Matrix, _ weight: QuantizedMatrix, bias: Matrix? = nil,
    activation: Activation = .none, residual: Matrix? = nil, output: Matrix, scratch: QuantizedRows
  ) {
    precondition(input.columns == weight.depth && output.columns == weight.columns, "shapes")
    let epilogue = epilogue(
      input: input, bias: bias, activation: activation, residual: residual, output: output)
    let operand = scratch.reserve(rows: input.rows, depth: input.columns)
    // An 8-bit product takes about a quarter of a float one's time, so four times the operations
    // of `linear` with floats pay for another thread.
    let threads = operations(output, depth: weight.depth) < 4e6 ? ComputePool.single : pool
    threads.split(input.rows, granularity: 14) { rows in
      let start = rows.lowerBound
      integers.pointee.quantize(
        input.base + start * input.stride, rows.count, input.columns, input.stride,
        weight.inputScale?.base,
        UnsafeMutablePointer(mutating: operand.values) + start * operand.stride,
        operand.stride, UnsafeMutablePointer(mutating: operand.scales) + start,
        UnsafeMutablePointer(mutating: operand.zeros) + start)
    }
    let panelCount =
      (weight.columns + integers.pointee.panel_columns - 1)
      / integers.pointee.panel_columns
    let block = caches.rows(of: operand.stride)
    threads.split(rows: output.rows, columns: weight.columns, panels: panelCount, block: block) {
      rows, panels in
      var (a, b) = (operand, weight.packed)
      integers.pointee.matmul(
        &a, &b, output.base, output.stride, epilogue, table, rows.lowerBound, rows.upperBound,
        panels.lowerBound, panels.upperBound)
    }
  }
}
