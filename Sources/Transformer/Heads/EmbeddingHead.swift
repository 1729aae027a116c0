import Tensor
import Tokenization

/// Makes one vector of a text's hidden states: pooling, then dense layers and normalisation.
struct EmbeddingHead: TaskHead {
  private struct DenseLayer: Sendable {
    let weight: PackedMatrix
    let bias: Matrix?
    let activation: EmbeddingConfiguration.DenseActivation
    let outputs: Int
    let addsInput: Bool
    let projection: PackedMatrix?
  }

  private let configuration: EmbeddingConfiguration
  private let layers: [DenseLayer]
  /// Tokens of the prompt, which have no part in pooling.
  private let excludedTokens: Int
  let kept = RowSelection.all

  /// Reads the weights of the dense layers, if there are any.
  ///
  /// - Throws: `ModelError` naming file or tensor.
  init(_ source: HeadSource) throws {
    let kernels = source.kernels
    let hiddenSize = source.configuration.shape.hiddenSize
    configuration = source.configuration.embedding ?? EmbeddingConfiguration(poolings: [.mean])
    excludedTokens = source.excludedTokens
    var width = hiddenSize * configuration.poolings.count
    var layers: [DenseLayer] = []
    for case .dense(let dense) in configuration.steps {
      guard dense.inputs == width else {
        throw ModelError.badConfiguration(
          path: dense.directory + "/config.json", key: "in_features",
          problem: "is \(dense.inputs), but the vectors that come in have \(width) numbers")
      }
      let file = try Checkpoint(directory: dense.directory)
      let shape = (dense.outputs, dense.inputs)
      let bias = dense.hasBias ? Matrix(rows: 1, columns: dense.outputs) : nil
      if let bias { try file.read("linear.bias", into: bias) }
      layers.append(
        DenseLayer(
          weight: try Self.weight("linear.weight", shape, file, kernels), bias: bias,
          activation: dense.activation, outputs: dense.outputs, addsInput: dense.addsInput,
          projection: dense.addsInput && dense.inputs != dense.outputs
            ? try Self.weight("residual.weight", shape, file, kernels) : nil))
      width = dense.outputs
    }
    self.layers = layers
  }

  private static func weight(
    _ name: String, _ shape: (outputs: Int, inputs: Int), _ file: Checkpoint, _ kernels: Kernels
  ) throws -> PackedMatrix {
    // The file must hold the tensor before memory is taken for it.
    guard file[name]?.shape == [shape.outputs, shape.inputs] else {
      throw ModelError.wrongTensor(
        path: file.path, name: name,
        found: file[name].map { "\($0.type) \($0.shape)" } ?? "missing",
        wanted: "F64, F32, F16 or BF16 \([shape.outputs, shape.inputs])")
    }
    let weight = Matrix(rows: shape.outputs, columns: shape.inputs)
    try file.read(name, into: weight)
    return .transposing(weight, kernels: kernels)
  }

  func outputs(
    _ encoder: Encoder, _ sequences: [Int], _ encodings: [Encoding]
  ) -> [SequenceOutput] {
    let (states, layout) = encoder.read(sequences, keeping: .all)
    return vectors(states, layout, kernels: encoder.kernels).map { SequenceOutput($0) }
  }

  /// The embedding of each sequence of `states`, [tokens, d].
  private func vectors(
    _ states: Matrix, _ layout: RaggedRows, kernels: Kernels
  ) -> [[Float]] {
    var vectors = (0..<layout.count).map { sequence in
      configuration.poolings.flatMap { Self.pool(states, layout[sequence], excludedTokens, $0) }
    }
    var next = 0
    for step in configuration.steps {
      switch step {
      case .normalize: vectors = vectors.map(Self.normalized)
      case .dense:
        vectors = Self.apply(layers[next], vectors, kernels)
        next += 1
      }
    }
    guard let width = configuration.width else { return vectors }
    return vectors.map { Array($0.prefix(width)) }
  }

  private static func apply(
    _ layer: DenseLayer, _ vectors: [[Float]], _ kernels: Kernels
  ) -> [[Float]] {
    let input = Matrix(
      rows: vectors.count, columns: vectors.first?.count ?? 0, vectors.flatMap(\.self))
    let output = Matrix(rows: vectors.count, columns: layer.outputs)
    kernels.linear(
      input, layer.weight, bias: layer.bias, activation: layer.activation.kernelActivation,
      output: output)
    var results = (0..<output.rows).map(output.row)
    if layer.activation == .sigmoid { results = results.map { $0.map(HeadFunction.sigmoid) } }
    guard layer.addsInput else { return results }
    if let projection = layer.projection { kernels.linear(input, projection, output: output) }
    return results.enumerated().map { index, result in
      let own = layer.projection == nil ? vectors[index] : output.row(index)
      return zip(result, own).map { $0 + $1 }
    }
  }

  /// A weighted mean counts places from the sequence's beginning, tokens that are skipped too.
  private static func pool(
    _ states: Matrix, _ sequence: Range<Int>, _ skipped: Int, _ pooling: Pooling
  ) -> [Float] {
    let rows = sequence.dropFirst(min(skipped, sequence.count - 1))
    let count = Float(rows.count)
    switch pooling {
    case .cls: return states.row(rows.lowerBound)
    case .lastToken: return states.row(rows.upperBound - 1)
    // NaN stays, on either side.
    case .max: return fold(states, rows) { $1 > $0 || $1.isNaN ? $1 : $0 }
    case .mean: return sum(states, rows) { _ in 1 }.map { $0 / count }
    case .meanSqrtLength:
      return sum(states, rows) { _ in 1 }.map { $0 / count.squareRoot() }
    case .weightedMean:
      func weight(_ row: Int) -> Float { Float(row - sequence.lowerBound + 1) }
      let total = rows.reduce(0) { $0 + weight($1) }
      return sum(states, rows, weight: weight).map { $0 / total }
    }
  }

  private static func sum(
    _ states: Matrix, _ rows: Range<Int>, weight: (Int) -> Float
  ) -> [Float] {
    var total = [Float](repeating: 0, count: states.columns)
    for row in rows {
      let (values, weight) = (states.row(row), weight(row))
      for column in total.indices { total[column] += weight * values[column] }
    }
    return total
  }

  private static func fold(
    _ states: Matrix, _ rows: Range<Int>, _ combine: (Float, Float) -> Float
  ) -> [Float] {
    var result = states.row(rows.lowerBound)
    for row in rows.dropFirst() {
      let values = states.row(row)
      for column in result.indices { result[column] = combine(result[column], values[column]) }
    }
    return result
  }

  /// As torch has it: the length is taken as at least 1e-12.
  static func normalized(_ vector: [Float]) -> [Float] {
    let squares = vector.reduce(0.0) { $0 + Double($1) * Double($1) }
    let scale = 1 / max(squares.squareRoot(), 1e-12)
    return vector.map { Float(Double($0) * scale) }
  }
}

extension EmbeddingConfiguration.DenseActivation {
  fileprivate var kernelActivation: Activation {
    switch self {
    case .identity, .sigmoid: .none
    case .tanh: .tanh
    case .relu: .relu
    case .gelu: .gelu
    }
  }
}
