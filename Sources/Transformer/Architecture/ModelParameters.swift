import Tensor

/// The trainable tensors of a model, as views of one flat buffer.
///
/// The same views over a second buffer name the gradients, over a third and fourth the optimiser's
/// moments: what is said of one buffer's layout holds for all.
public struct ModelParameters: Sendable {
  /// Says that inference runs the blocks' products in 8 bits.
  public struct Quantization: Sendable, Equatable {
    /// By weight, a factor for each input: it divides the input and multiplies its weights.
    public var smoothing: [ParameterKey: [Float]]
    /// By weight, the scale of each output's integers; chosen by the largest where it is missing.
    public var scales: [ParameterKey: [Float]]

    /// 8-bit blocks, those named in `smoothing` smoothed.
    public init(smoothing: [ParameterKey: [Float]] = [:], scales: [ParameterKey: [Float]] = [:]) {
      (self.smoothing, self.scales) = (smoothing, scales)
    }
  }

  /// Which of a shape's tensors are at hand.
  enum Extent: Sendable {
    /// All.
    case whole
    /// All but the blocks' products, of which only the packed form is at hand.
    case withoutBlockProducts
    /// What models over one trunk have beside it: the head on the whole text, and low-rank additions.
    case head

    func has(_ spec: TensorSpec) -> Bool {
      switch self {
      case .whole: true
      case .withoutBlockProducts: !spec.isQuantizable
      case .head: spec.key.place == .head || spec.key.isLowRank
      }
    }
  }

  /// Whose tensors these are.
  public let shape: ModelShape
  /// Nil for single precision. The weights here are then the values that the 8-bit ones stand for.
  public var quantization: Quantization?
  /// All floats.
  public let buffer: FloatBuffer
  /// The place of every tensor at hand, in order.
  public let tensors: [TensorSpec]
  let extent: Extent
  private let places: [ParameterKey: Int]
  /// Tensors in storage of their own, which an adapter adds.
  private var added: [ParameterKey: Matrix] = [:]

  /// Views of `buffer`, or of a new zeroed one.
  public init(_ shape: ModelShape, buffer given: FloatBuffer? = nil) {
    self.init(shape, .whole, buffer: given)
  }

  /// Views of some of the tensors.
  init(_ shape: ModelShape, _ extent: Extent, buffer given: FloatBuffer? = nil) {
    self.init(shape, extent, Self.layout(shape, extent), buffer: given)
  }

  private init(
    _ shape: ModelShape, _ extent: Extent, _ tensors: [TensorSpec], buffer given: FloatBuffer?
  ) {
    let count = Self.floats(tensors)
    let buffer = given ?? FloatBuffer(count: count)
    precondition(buffer.count == count, "the buffer does not fit the shape")
    self.shape = shape
    self.tensors = tensors
    self.buffer = buffer
    self.extent = extent
    places = Dictionary(
      tensors.enumerated().map { ($1.key, $0) }, uniquingKeysWith: { first, _ in first })
  }

  /// The tensor that `key` names; nil where the shape has none.
  public subscript(key: ParameterKey) -> Matrix? {
    if let place = places[key] { return matrix(tensors[place]) }
    if let tied = shape.tiedOutput, tied.key == key { return self[.embeddings, .words, .table] }
    return added[key]
  }

  /// The tensor of `part` at `place`; nil where the shape has none.
  public subscript(
    place: ParameterKey.Place, part: ParameterKey.Part, role: ParameterKey.Role
  ) -> Matrix? { self[ParameterKey(place, part, role)] }

  /// The word table, [vocabulary, width], with which every list of tensors begins.
  public var words: Matrix { matrix(tensors[0]) }

  /// The view of a tensor by its place.
  public func matrix(_ spec: TensorSpec) -> Matrix {
    Matrix(buffer, offset: spec.offset, rows: spec.rows, columns: spec.columns)
  }

  /// The same layout over another buffer.
  public func over(_ buffer: FloatBuffer) -> ModelParameters {
    ModelParameters(shape, extent, tensors, buffer: buffer)
  }

  /// The tensors from number `first` on, in the same storage.
  public func tail(from first: Int) -> ModelParameters {
    let rest = tensors.dropFirst(first)
    let start = rest.first?.offset ?? buffer.count
    return ModelParameters(
      shape, extent, rest.map { $0.moved(to: $0.offset - start) },
      buffer: FloatBuffer(start..<buffer.count, of: buffer))
  }

  /// A trunk's tensors, in the same storage, with those that a model over it has beside them.
  func adding(_ own: ModelParameters) -> ModelParameters {
    var shape = own.shape
    shape.embeddings = self.shape.embeddings
    var sum = ModelParameters(shape, extent, tensors, buffer: buffer)
    sum.quantization = quantization
    for spec in own.tensors { sum.added[spec.key] = own.matrix(spec) }
    return sum
  }

  /// The model without low-rank additions, W + scale · B · A in place of W, in the same storage: what it was is gone.
  ///
  /// Source: LoRA (Hu et al., 2022, section 4.1), "No Additional Inference Latency".
  public func merged(_ kernels: Kernels) -> ModelParameters {
    guard let adapter = shape.adapter else { return self }
    var plain = shape
    plain.adapter = nil
    let count = Self.floatCount(plain, .whole)
    let merged = ModelParameters(plain, buffer: FloatBuffer(0..<count, of: buffer))
    for addition in adapter.additions {
      guard let weight = merged[addition.product], let down = self[addition.down],
        let up = self[addition.up]
      else { continue }
      let scaled = Matrix(rows: up.rows, columns: up.columns)
      scaled.copy(from: up)
      kernels.scale(scaled, by: addition.scale)
      kernels.linear(
        scaled, .direct(down, kernels: kernels), accumulating: true,
        output: weight.rowRange(addition.rows))
    }
    return merged
  }

  /// What inference packs of it, whether the unpacked form is at hand or not.
  var products: [TensorSpec] {
    shape.products.filter { extent != .head || extent.has($0) }
  }

  /// A copy of all but the blocks' products.
  func withoutBlockProducts() -> ModelParameters {
    var copy = ModelParameters(shape, .withoutBlockProducts)
    copy.quantization = quantization.map { _ in .init() }
    for spec in copy.tensors {
      if let source = self[spec.key] { copy.matrix(spec).copy(from: source) }
    }
    return copy
  }

  /// Floats in a buffer for `shape`.
  static func floatCount(_ shape: ModelShape, _ extent: Extent) -> Int {
    floats(layout(shape, extent))
  }

  private static func floats(_ tensors: [TensorSpec]) -> Int {
    ((tensors.last?.range.upperBound ?? 0) + 15) / 16 * 16
  }

  private static func layout(_ shape: ModelShape, _ extent: Extent) -> [TensorSpec] {
    let all = shape.tensors
    if extent == .whole { return all }
    var offset = 0
    return all.filter(extent.has).map { spec in
      defer { offset += (spec.rows * spec.columns + 15) / 16 * 16 }
      return spec.moved(to: offset)
    }
  }
}
