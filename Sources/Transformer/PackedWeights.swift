import Tensor

/// A model's weights as inference reads them: products packed, tables and vectors where they stand. Processes
/// and encoders share them.
public struct PackedWeights: Sendable {
  /// Biases, norms and tables are read where they stand.
  public let parameters: ModelParameters
  /// All packed weights, one behind the other: they are streamed, and as one run they get large
  /// pages.
  let buffer: FloatBuffer
  /// Bytes of all packed weights, which a forward pass reads once.
  public var byteCount: Int { buffer.count * MemoryLayout<Float>.size }
  /// The constant tables of places, where the shape has any.
  let sinusoids: ConstantPositions
  /// The angles of rotary places.
  let angles: [RotaryTable]
  /// What relative places add to the scores of each set of blocks' weights.
  private(set) var relative: [Int: RelativeAttention.Tables] = [:]
  private let products: [ParameterKey: PackedWeight]

  /// Packs `parameters` for `kernels`: the blocks in 8 bits where `parameters.quantization` says, else in bfloat16 where
  /// `kernels` use it.
  public init(_ parameters: ModelParameters, kernels: Kernels) {
    let smoothed = Set((parameters.quantization?.smoothing ?? [:]).keys)
    let count = Self.floats(
      parameters.products, isQuantized: parameters.quantization != nil, smoothed: smoothed,
      kernels: kernels)
    self.init(
      parameters, smoothed: smoothed, buffer: FloatBuffer(count: count), isFilled: false,
      kernels: kernels)
  }

  /// As `init(_:kernels:)`, and gives the memory of the unpacked products back to the system: they read as zero
  /// afterwards, so nobody else may use them in `parameters`.
  public init(releasing parameters: ModelParameters, kernels: Kernels) {
    self.init(parameters, kernels: kernels)
    for spec in parameters.tensors
    where spec.isQuantizable || parameters.extent == .head && spec.isProduct {
      parameters.buffer.release(spec.range)
    }
  }

  /// Weights whose packed form is in `buffer`, by another run of `init(_:kernels:)` with the same
  /// shape and kernels; `smoothed` names those with smoothing factors.
  init(
    _ parameters: ModelParameters, buffer: FloatBuffer, smoothed: Set<ParameterKey>,
    kernels: Kernels
  ) {
    self.init(parameters, smoothed: smoothed, buffer: buffer, isFilled: true, kernels: kernels)
  }

  /// A trunk's weights, which others may share, with those that a model over it has beside them.
  init(_ trunk: PackedWeights, adding own: PackedWeights, kernels: Kernels) {
    self.init(
      trunk.parameters.adding(own.parameters),
      products: trunk.products.merging(own.products) { first, _ in first }, kernels: kernels)
  }

  /// Weights whose products are packed already; others may share them.
  init(
    _ parameters: ModelParameters, products: [ParameterKey: PackedWeight], kernels: Kernels
  ) {
    (self.parameters, self.products) = (parameters, products)
    buffer = FloatBuffer(count: 0)
    sinusoids = ConstantPositions(parameters.shape)
    angles = parameters.shape.angles
    if parameters.shape.hasRelativePlaces { relative = Network(self).relativeTables(kernels) }
  }

  private init(
    _ parameters: ModelParameters, smoothed: Set<ParameterKey>, buffer: FloatBuffer,
    isFilled: Bool, kernels: Kernels
  ) {
    let quantization = parameters.quantization
    var products: [ParameterKey: PackedWeight] = [:]
    var next = 0
    for spec in parameters.products {
      let isSmoothed = smoothed.contains(spec.key)
      let form = Form(spec, isQuantized: quantization != nil, kernels)
      let floats = Self.floats(spec, form, isSmoothed: isSmoothed, kernels: kernels)
      let storage = FloatBuffer(next..<next + floats, of: buffer)
      next += (floats + 15) / 16 * 16
      let weight = isFilled ? nil : parameters[spec.key]
      switch form {
      case .int8:
        products[spec.key] = .int8(
          weight.map {
            QuantizedMatrix(
              $0, smoothing: quantization?.smoothing[spec.key],
              scales: quantization?.scales[spec.key], in: storage, kernels: kernels)
          }
            ?? QuantizedMatrix(
              depth: spec.columns, columns: spec.rows, isSmoothed: isSmoothed, in: storage,
              kernels: kernels))
      case .bf16:
        products[spec.key] = .bf16(
          weight.map { BFloat16Matrix($0, in: storage, kernels: kernels) }
            ?? BFloat16Matrix(
              depth: spec.columns, columns: spec.rows, in: storage, kernels: kernels))
      case .float:
        products[spec.key] = .float(
          weight.map { PackedMatrix.transposing($0, in: storage, kernels: kernels) }
            ?? PackedMatrix(depth: spec.columns, columns: spec.rows, in: storage, kernels: kernels))
      }
    }
    (self.parameters, self.buffer, self.products) = (parameters, buffer, products)
    guard parameters.extent != .head else {
      (sinusoids, angles) = (ConstantPositions(), [])
      return
    }
    sinusoids = ConstantPositions(parameters.shape)
    angles = parameters.shape.angles
    if parameters.shape.hasRelativePlaces { relative = Network(self).relativeTables(kernels) }
  }

  /// The packed weight that `key` names.
  subscript(key: ParameterKey) -> PackedWeight? { products[key] }

  /// Floats of the packed form.
  static func floats(
    _ products: [TensorSpec], isQuantized: Bool, smoothed: Set<ParameterKey>, kernels: Kernels
  ) -> Int {
    products.reduce(0) { total, spec in
      let floats = floats(
        spec, Form(spec, isQuantized: isQuantized, kernels),
        isSmoothed: smoothed.contains(spec.key), kernels: kernels)
      return total + (floats + 15) / 16 * 16
    }
  }

  /// How a product's weight is packed. Heads are in single precision: they are small, and what they add to answers is last.
  private enum Form {
    case float, bf16, int8

    init(_ spec: TensorSpec, isQuantized: Bool, _ kernels: Kernels) {
      self =
        !spec.isQuantizable ? .float : isQuantized ? .int8 : kernels.usesBFloat16 ? .bf16 : .float
    }
  }

  private static func floats(
    _ spec: TensorSpec, _ form: Form, isSmoothed: Bool, kernels: Kernels
  ) -> Int {
    let (depth, columns) = (spec.columns, spec.rows)
    return switch form {
    case .int8:
      QuantizedMatrix.floats(
        depth: depth, columns: columns, isSmoothed: isSmoothed, kernels: kernels)
    case .bf16: BFloat16Matrix.floats(depth: depth, columns: columns, kernels: kernels)
    case .float: PackedMatrix.floats(depth: depth, columns: columns, kernels: kernels)
    }
  }
}
