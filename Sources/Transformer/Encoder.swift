import Tensor

/// The forward pass, for inference: weights packed once, workspace reused, nothing kept for gradients.
///
/// Reads from top to bottom as the paper does: embeddings, then for each layer attention and
/// feed-forward with residual sums and norms, then the head. Not thread-safe: one for each worker.
public final class Encoder {
  fileprivate enum PackedWeight: Sendable {
    case float(PackedMatrix)
    case int8(QuantizedMatrix)
  }

  fileprivate struct PackedLayer: Sendable {
    let fused, output, up, down: PackedWeight
  }

  /// The packed weights, which processes and encoders share.
  public struct Weights: Sendable {
    /// Biases, norms and embeddings are read where they stand.
    public let parameters: EncoderParameters
    fileprivate let layers: [PackedLayer]
    fileprivate let pool, classifier: PackedMatrix?
    /// All packed weights, one behind the other: they are streamed, and as one run they get large
    /// pages.
    let packed: FloatBuffer

    /// Packs `parameters` for `kernels`: the layers in 8 bits where `parameters.quantization` says.
    public init(_ parameters: EncoderParameters, kernels: Kernels) {
      let smoothed = Set((parameters.quantization?.smoothing ?? [:]).keys)
      let count = Self.floats(
        parameters.configuration, isQuantized: parameters.quantization != nil, smoothed: smoothed,
        kernels: kernels)
      self.init(
        parameters, smoothed: smoothed, packed: FloatBuffer(count: count), isFilled: false,
        kernels: kernels)
    }

    /// Weights whose packed form is in `packed`, by another run of `init(_:kernels:)` with the same
    /// shape and kernels; `smoothed` names those with smoothing factors.
    init(
      _ parameters: EncoderParameters, packed: FloatBuffer, smoothed: Set<String>, kernels: Kernels
    ) {
      self.init(
        parameters, smoothed: smoothed, packed: packed, isFilled: true, kernels: kernels)
    }

    private init(
      _ parameters: EncoderParameters, smoothed: Set<String>, packed: FloatBuffer, isFilled: Bool,
      kernels: Kernels
    ) {
      let configuration = parameters.configuration
      let shapes = LayerShapes(configuration)
      var next = 0
      func room(_ floats: Int) -> FloatBuffer {
        defer { next += (floats + 15) / 16 * 16 }
        return FloatBuffer(next..<next + floats, of: packed)
      }
      func float(_ shape: (outputs: Int, inputs: Int), _ weight: Matrix?) -> PackedMatrix {
        let storage = room(
          PackedMatrix.floats(depth: shape.inputs, columns: shape.outputs, kernels: kernels))
        if !isFilled, let weight {
          return .transposing(weight, in: storage, kernels: kernels)
        }
        return PackedMatrix(
          depth: shape.inputs, columns: shape.outputs, in: storage, kernels: kernels)
      }
      func pack(_ weight: Matrix, _ place: LayerWeight, _ layer: Int) -> PackedWeight {
        let shape = shapes[place]
        guard let quantization = parameters.quantization else {
          return .float(float(shape, weight))
        }
        let name = place.name(layer: layer)
        let isSmoothed = smoothed.contains(name)
        let storage = room(
          QuantizedMatrix.floats(
            depth: shape.inputs, columns: shape.outputs, isSmoothed: isSmoothed, kernels: kernels))
        if isFilled {
          return .int8(
            QuantizedMatrix(
              depth: shape.inputs, columns: shape.outputs, isSmoothed: isSmoothed, in: storage,
              kernels: kernels))
        }
        return .int8(
          QuantizedMatrix(
            weight, smoothing: quantization.smoothing[name], scales: quantization.scales[name],
            in: storage, kernels: kernels))
      }
      self.parameters = parameters
      self.packed = packed
      layers = parameters.layers.enumerated().map { index, layer in
        PackedLayer(
          fused: pack(layer.fusedWeight, .fused, index),
          output: pack(layer.outputWeight, .output, index),
          up: pack(layer.upWeight, .up, index),
          down: pack(layer.downWeight, .down, index))
      }
      pool = parameters.poolWeight.map { float(($0.rows, $0.columns), $0) }
      classifier = parameters.classifierWeight.map { float(($0.rows, $0.columns), $0) }
    }

    /// Floats of the packed form.
    static func floats(
      _ configuration: EncoderConfiguration, isQuantized: Bool, smoothed: Set<String>,
      kernels: Kernels
    ) -> Int {
      let shapes = LayerShapes(configuration)
      var total = 0
      func add(_ floats: Int) { total += (floats + 15) / 16 * 16 }
      func addFloat(_ shape: (outputs: Int, inputs: Int)) {
        add(PackedMatrix.floats(depth: shape.inputs, columns: shape.outputs, kernels: kernels))
      }
      for layer in 0..<configuration.layerCount {
        for place in LayerWeight.allCases {
          let shape = shapes[place]
          guard isQuantized else {
            addFloat(shape)
            continue
          }
          add(
            QuantizedMatrix.floats(
              depth: shape.inputs, columns: shape.outputs,
              isSmoothed: smoothed.contains(place.name(layer: layer)), kernels: kernels))
        }
      }
      if !configuration.labels.isEmpty {
        addFloat((configuration.hiddenSize, configuration.hiddenSize))
        addFloat((configuration.labels.count, configuration.hiddenSize))
      }
      return total
    }

    /// As `init(_:kernels:)`, and gives the memory of the unpacked layer weights back to the
    /// system: they read as zero afterwards, so nobody else may use `parameters`' layers.
    public init(releasing parameters: EncoderParameters, kernels: Kernels) {
      self.init(parameters, kernels: kernels)
      for entry in parameters.entries where entry.isLayerWeight {
        parameters.buffer.release(entry.range)
      }
    }
  }

  /// The shape.
  public var configuration: EncoderConfiguration { weights.parameters.configuration }
  private let weights: Weights
  private let kernels: Kernels
  private let workspace = Workspace()
  private let scratch = AttentionScratch()
  private let angles: RotaryAngles?
  private let distanceSlopes: [Float]
  private let quantized = QuantizedRows()
  /// Sees what goes into each layer's products, by the weight's name in `EncoderParameters`; for
  /// measuring activations before quantising.
  public var observer: ((String, Matrix) -> Void)?

  /// An encoder with these weights.
  public init(_ weights: Weights, kernels: Kernels) {
    self.weights = weights
    self.kernels = kernels
    let c = weights.parameters.configuration
    distanceSlopes = c.distanceSlopes
    angles =
      c.positionalEncoding == .rotary
      ? RotaryAngles(positions: c.maximumTokens, headSize: c.hiddenSize / c.headCount) : nil
  }

  /// Hidden states of all tokens, [tokens, d]; valid until the next call.
  public func hiddenStates(_ batch: TokenBatch) -> Matrix {
    encode(batch, firstTokensOnly: false)
  }

  /// What the head's last layer read in the latest call of `logits`, [sequences, d]; valid until the next call.
  public private(set) var pooled: Matrix?

  /// The head's scores before softmax, [sequences, labels]; valid until the next call.
  public func logits(_ batch: TokenBatch) -> Matrix {
    guard let pool = weights.pool, let classifier = weights.classifier else {
      preconditionFailure("this model has no classification head")
    }
    let parameters = weights.parameters
    let first = encode(batch, firstTokensOnly: true)
    let pooled = workspace.matrix(.pooled, rows: first.rows, columns: configuration.hiddenSize)
    kernels.linear(
      first, pool, bias: parameters.poolBias, activation: configuration.headActivation,
      output: pooled)
    self.pooled = pooled
    let logits = workspace.matrix(.logits, rows: first.rows, columns: configuration.labels.count)
    kernels.linear(pooled, classifier, bias: parameters.classifierBias, output: logits)
    return logits
  }

  private func encode(_ batch: TokenBatch, firstTokensOnly: Bool) -> Matrix {
    var hidden = embeddings(batch)
    for (index, packed) in weights.layers.enumerated() {
      let last = index == weights.layers.count - 1
      hidden = layer(
        index, packed, hidden, batch.layout, firstTokensOnly: firstTokensOnly && last)
    }
    if firstTokensOnly && weights.layers.isEmpty { hidden = firstTokens(hidden, batch.layout) }
    if let gain = weights.parameters.finalGain, let shift = weights.parameters.finalShift {
      norm(hidden, gain, shift, output: hidden)
    }
    return hidden
  }

  private func embeddings(_ batch: TokenBatch) -> Matrix {
    let parameters = weights.parameters
    let hidden = workspace.matrix(
      .hidden, rows: batch.ids.count, columns: configuration.hiddenSize)
    kernels.embed(batch.ids, table: parameters.words, output: hidden)
    if let types = parameters.tokenTypes {
      if batch.tokenTypes.isEmpty {
        kernels.addEmbedding(row: 0, table: types, output: hidden)
      } else {
        kernels.addEmbedding(batch.tokenTypes, table: types, output: hidden)
      }
    }
    if let positions = parameters.positions {
      kernels.addPositions(
        batch.layout, offset: configuration.positionOffset, table: positions, output: hidden)
    }
    norm(hidden, parameters.embeddingGain, parameters.embeddingShift, output: hidden)
    return hidden
  }

  /// One encoder layer. When only first tokens are wanted of the last one, the work behind its
  /// attention is done for those rows alone: rows do not mix there.
  private func layer(
    _ index: Int, _ packed: PackedLayer, _ input: Matrix, _ layout: RaggedRows,
    firstTokensOnly: Bool
  ) -> Matrix {
    let layer = weights.parameters.layers[index]
    let d = configuration.hiddenSize
    let pre = configuration.normalization == .pre
    var hidden = input
    var normed = hidden
    if pre {
      normed = workspace.matrix(.normed, rows: hidden.rows, columns: d)
      norm(hidden, layer.attentionGain, layer.attentionShift, output: normed)
    }
    let fused = workspace.matrix(.fused, rows: hidden.rows, columns: 3 * d)
    observe(index, .fused, normed)
    linear(normed, packed.fused, bias: layer.fusedBias, output: fused)
    if let angles { kernels.rotate(fused, layout, heads: configuration.headCount, angles) }
    var mixed = workspace.matrix(.mixed, rows: hidden.rows, columns: d)
    kernels.attention(
      fused: fused, layout: layout, heads: configuration.headCount, output: mixed,
      distanceSlopes: distanceSlopes, scratch: scratch)
    if firstTokensOnly {
      mixed = firstTokens(mixed, layout)
      hidden = firstTokens(hidden, layout)
    }
    observe(index, .output, mixed)
    linear(mixed, packed.output, bias: layer.outputBias, residual: hidden, output: hidden)
    if !pre { norm(hidden, layer.attentionGain, layer.attentionShift, output: hidden) }

    normed = hidden
    if pre {
      normed = workspace.matrix(.normed, rows: hidden.rows, columns: d)
      norm(hidden, layer.feedForwardGain, layer.feedForwardShift, output: normed)
    }
    let wide = workspace.matrix(.wide, rows: hidden.rows, columns: configuration.feedForwardSize)
    observe(index, .up, normed)
    linear(
      normed, packed.up, bias: layer.upBias, activation: configuration.activation, output: wide)
    observe(index, .down, wide)
    linear(wide, packed.down, bias: layer.downBias, residual: hidden, output: hidden)
    if !pre { norm(hidden, layer.feedForwardGain, layer.feedForwardShift, output: hidden) }
    return hidden
  }

  private func observe(_ layer: Int, _ weight: LayerWeight, _ input: Matrix) {
    if let observer { observer(weight.name(layer: layer), input) }
  }

  private func linear(
    _ input: Matrix, _ weight: PackedWeight, bias: Matrix, activation: Activation = .none,
    residual: Matrix? = nil, output: Matrix
  ) {
    switch weight {
    case .float(let weight):
      kernels.linear(
        input, weight, bias: bias, activation: activation, residual: residual, output: output)
    case .int8(let weight):
      kernels.linear(
        input, weight, bias: bias, activation: activation, residual: residual, output: output,
        scratch: quantized)
    }
  }

  private func norm(_ input: Matrix, _ gain: Matrix, _ shift: Matrix, output: Matrix) {
    kernels.layerNorm(
      input, gain: gain, bias: shift, epsilon: configuration.layerNormEpsilon, output: output)
  }

  /// Moves each sequence's first row to the front of the same storage. Safe in order, because a
  /// sequence's number is never above its first row's.
  private func firstTokens(_ rows: Matrix, _ layout: RaggedRows) -> Matrix {
    for sequence in 0..<layout.count where layout.starts[sequence] != sequence {
      rows.setRow(sequence, from: rows, row: layout.starts[sequence])
    }
    return rows.rowRange(0..<layout.count)
  }
}

/// Outputs and inputs of a layer's four weights.
private struct LayerShapes {
  private let configuration: EncoderConfiguration

  init(_ configuration: EncoderConfiguration) { self.configuration = configuration }

  subscript(_ place: LayerWeight) -> (outputs: Int, inputs: Int) {
    let (d, f) = (configuration.hiddenSize, configuration.feedForwardSize)
    switch place {
    case .fused: return (3 * d, d)
    case .output: return (d, d)
    case .up: return (f, d)
    case .down: return (d, f)
    }
  }
}

/// Storage for the intermediate results of a forward pass, grown to the largest batch seen.
private final class Workspace {
  enum Slot: Int, CaseIterable { case hidden, normed, fused, mixed, wide, pooled, logits }

  private var buffers: [FloatBuffer?] = Slot.allCases.map { _ in nil }

  func matrix(_ slot: Slot, rows: Int, columns: Int) -> Matrix {
    if let buffer = buffers[slot.rawValue], buffer.count >= rows * columns {
      return Matrix(buffer, rows: rows, columns: columns)
    }
    let buffer = FloatBuffer(count: rows * columns)
    buffers[slot.rawValue] = buffer
    return Matrix(buffer, rows: rows, columns: columns)
  }
}
