import Tensor

/// One tensor's place in the flat buffer that holds all of them.
public struct ParameterEntry: Sendable, Equatable {
  /// Which tensor, in this program's own names, such as `layers.0.attention.fused.weight`.
  public let name: String
  /// Rows; 1 for a vector.
  public let rows: Int
  /// Columns.
  public let columns: Int
  /// First float in the buffer.
  public let offset: Int
  /// Whether weight decay applies: not to biases and norms.
  public let decays: Bool

  /// Whether this is a weight of a layer's products, which inference packs or quantises.
  public var isLayerWeight: Bool {
    name.hasPrefix("layers.") && name.hasSuffix(".weight")
  }

  /// Floats taken.
  public var range: Range<Int> { offset..<offset + rows * columns }
}

/// The four weights of a layer, which inference packs or quantises.
public enum LayerWeight: String, Sendable, CaseIterable {
  /// Query, key and value projections.
  case fused = "attention.fused"
  /// Attention output.
  case output = "attention.output"
  /// Feed-forward, in.
  case up = "feedForward.up"
  /// Feed-forward, out.
  case down = "feedForward.down"

  /// What layer `index`'s weight and bias are called, without the last part.
  func stem(layer index: Int) -> String { "layers.\(index).\(rawValue)" }

  /// What layer `index`'s weight is called in `EncoderParameters.entries`.
  func name(layer index: Int) -> String { stem(layer: index) + ".weight" }
}

/// The trainable tensors of an encoder with its head, as views of one flat buffer.
///
/// The same views over a second buffer name the gradients, over a third and fourth the optimiser's
/// moments: what is said of one buffer's layout holds for all.
public struct EncoderParameters: Sendable {
  /// The tensors of one encoder layer. Weights are [outputs, inputs].
  public struct Layer: Sendable {
    /// Query, key and value projections, one under the other: [3d, d] and [3d].
    public let fusedWeight, fusedBias: Matrix
    /// Attention output: [d, d] and [d].
    public let outputWeight, outputBias: Matrix
    /// The attention block's norm.
    public let attentionGain, attentionShift: Matrix
    /// Feed-forward, in: [f, d] and [f].
    public let upWeight, upBias: Matrix
    /// Feed-forward, out: [d, f] and [d].
    public let downWeight, downBias: Matrix
    /// The feed-forward block's norm.
    public let feedForwardGain, feedForwardShift: Matrix
  }

  /// Says that inference runs the layers in 8 bits.
  public struct Quantization: Sendable, Equatable {
    /// By weight, a factor for each input: it divides the input and multiplies its weights.
    public var smoothing: [String: [Float]]
    /// By weight, the scale of each output's integers; chosen by the largest where it is missing.
    public var scales: [String: [Float]]

    /// 8-bit layers, those named in `smoothing` smoothed.
    public init(smoothing: [String: [Float]] = [:], scales: [String: [Float]] = [:]) {
      (self.smoothing, self.scales) = (smoothing, scales)
    }
  }

  /// Whose tensors these are.
  public let configuration: EncoderConfiguration
  /// Nil for single precision. The weights here are then the values that the 8-bit ones stand for.
  public var quantization: Quantization?
  /// All floats.
  public let buffer: FloatBuffer
  /// Every tensor's place, in order; without the layers' weights where `hasLayerWeights` is false.
  public let entries: [ParameterEntry]
  /// False where only the packed form of the layers' weights is at hand; they are then views of no rows.
  public let hasLayerWeights: Bool
  /// [vocabulary, d].
  public let words: Matrix
  /// [positions, d]; outside `buffer` (never trained) when sinusoidal; nil without positions.
  public let positions: Matrix?
  /// [token types, d].
  public let tokenTypes: Matrix?
  /// The norm over embeddings.
  public let embeddingGain, embeddingShift: Matrix
  /// Encoder layers.
  public let layers: [Layer]
  /// The norm behind the last layer, with pre-norm.
  public let finalGain, finalShift: Matrix?
  /// First layer of the head: [d, d] and [d].
  public let poolWeight, poolBias: Matrix?
  /// Second layer of the head: [labels, d] and [labels].
  public let classifierWeight, classifierBias: Matrix?

  /// Views of `buffer`, or of a new zeroed one.
  public init(
    _ configuration: EncoderConfiguration, buffer given: FloatBuffer? = nil,
    hasLayerWeights: Bool = true
  ) {
    let entries = Self.layout(configuration, hasLayerWeights: hasLayerWeights)
    self.hasLayerWeights = hasLayerWeights
    let count = Self.floats(entries)
    let buffer = given ?? FloatBuffer(count: count)
    precondition(buffer.count == count, "the buffer does not fit the configuration")
    var views: [String: Matrix] = [:]
    for entry in entries {
      views[entry.name] = Matrix(
        buffer, offset: entry.offset, rows: entry.rows, columns: entry.columns)
    }
    func view(_ name: String) -> Matrix {
      guard let matrix = views[name] else { preconditionFailure("no tensor is named \(name)") }
      return matrix
    }
    self.configuration = configuration
    self.entries = entries
    self.buffer = buffer
    words = view("embeddings.words")
    switch configuration.positionalEncoding {
    case .sinusoidal:
      positions = PositionalEncoding.sinusoids(
        positions: configuration.positionCount, width: configuration.hiddenSize)
    case .learned: positions = view("embeddings.positions")
    case .rotary, .alibi, .none: positions = nil
    }
    tokenTypes = views["embeddings.tokenTypes"]
    (embeddingGain, embeddingShift) = (view("embeddings.norm.gain"), view("embeddings.norm.shift"))
    layers = (0..<configuration.layerCount).map { index in
      func part(_ name: String) -> Matrix { view("layers.\(index).\(name)") }
      func weight(_ weight: LayerWeight) -> Matrix {
        hasLayerWeights
          ? view(weight.name(layer: index)) : Matrix(buffer, rows: 0, columns: 1)
      }
      func bias(_ weight: LayerWeight) -> Matrix { view(weight.stem(layer: index) + ".bias") }
      return Layer(
        fusedWeight: weight(.fused), fusedBias: bias(.fused),
        outputWeight: weight(.output), outputBias: bias(.output),
        attentionGain: part("attention.norm.gain"), attentionShift: part("attention.norm.shift"),
        upWeight: weight(.up), upBias: bias(.up),
        downWeight: weight(.down), downBias: bias(.down),
        feedForwardGain: part("feedForward.norm.gain"),
        feedForwardShift: part("feedForward.norm.shift"))
    }
    (finalGain, finalShift) = (views["final.norm.gain"], views["final.norm.shift"])
    (poolWeight, poolBias) = (views["head.pool.weight"], views["head.pool.bias"])
    (classifierWeight, classifierBias) = (
      views["head.classifier.weight"], views["head.classifier.bias"]
    )
  }

  /// Floats in a buffer for `configuration`.
  static func floatCount(_ configuration: EncoderConfiguration, hasLayerWeights: Bool) -> Int {
    floats(layout(configuration, hasLayerWeights: hasLayerWeights))
  }

  /// A copy of all but the layers' weights.
  func withoutLayerWeights() -> EncoderParameters {
    var copy = EncoderParameters(configuration, hasLayerWeights: false)
    copy.quantization = quantization.map { _ in .init() }
    let sources = Dictionary(uniqueKeysWithValues: entries.map { ($0.name, $0) })
    for entry in copy.entries {
      if let source = sources[entry.name] { copy.matrix(entry).copy(from: matrix(source)) }
    }
    return copy
  }

  /// The same layout over another buffer.
  public func over(_ buffer: FloatBuffer) -> EncoderParameters {
    EncoderParameters(configuration, buffer: buffer)
  }

  /// The view of a tensor by its name in `entries`.
  public func matrix(_ entry: ParameterEntry) -> Matrix {
    Matrix(buffer, offset: entry.offset, rows: entry.rows, columns: entry.columns)
  }

  private static func floats(_ entries: [ParameterEntry]) -> Int {
    ((entries.last?.range.upperBound ?? 0) + 15) / 16 * 16
  }

  private static func layout(
    _ c: EncoderConfiguration, hasLayerWeights: Bool
  ) -> [ParameterEntry] {
    var entries: [ParameterEntry] = []
    var offset = 0
    func put(_ name: String, _ rows: Int, _ columns: Int, decays: Bool = true) {
      entries.append(
        ParameterEntry(name: name, rows: rows, columns: columns, offset: offset, decays: decays))
      // Each tensor starts on a cache line.
      offset += (rows * columns + 15) / 16 * 16
    }
    func norm(_ name: String) {
      put("\(name).norm.gain", 1, c.hiddenSize, decays: false)
      put("\(name).norm.shift", 1, c.hiddenSize, decays: false)
    }
    func linear(_ name: String, _ outputs: Int, _ inputs: Int) {
      if hasLayerWeights || !name.hasPrefix("layers.") { put("\(name).weight", outputs, inputs) }
      put("\(name).bias", 1, outputs, decays: false)
    }
    put("embeddings.words", c.vocabularySize, c.hiddenSize)
    if c.positionalEncoding == .learned {
      put("embeddings.positions", c.positionCount, c.hiddenSize)
    }
    if c.tokenTypeCount > 0 { put("embeddings.tokenTypes", c.tokenTypeCount, c.hiddenSize) }
    norm("embeddings")
    for layer in 0..<c.layerCount {
      linear(LayerWeight.fused.stem(layer: layer), 3 * c.hiddenSize, c.hiddenSize)
      linear(LayerWeight.output.stem(layer: layer), c.hiddenSize, c.hiddenSize)
      norm("layers.\(layer).attention")
      linear(LayerWeight.up.stem(layer: layer), c.feedForwardSize, c.hiddenSize)
      linear(LayerWeight.down.stem(layer: layer), c.hiddenSize, c.feedForwardSize)
      norm("layers.\(layer).feedForward")
    }
    if c.normalization == .pre { norm("final") }
    if !c.labels.isEmpty {
      linear("head.pool", c.hiddenSize, c.hiddenSize)
      linear("head.classifier", c.labels.count, c.hiddenSize)
    }
    return entries
  }
}
