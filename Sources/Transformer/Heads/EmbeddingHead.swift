import Tensor

/// Makes one vector of a text's hidden states: pooling, then dense layers and normalisation.
struct EmbeddingHead: Sendable {
  private struct DenseLayer: Sendable {
    let weight: PackedMatrix
    let bias: Matrix?
    let activation: Activation
    let outputs: Int
  }

  private let configuration: EmbeddingConfiguration
  private let layers: [DenseLayer]

  /// Reads the weights of the dense layers, if there are any.
  ///
  /// - Throws: `ModelError` naming file or tensor.
  init(_ configuration: EmbeddingConfiguration, hiddenSize: Int, kernels: Kernels) throws {
    self.configuration = configuration
    var width = hiddenSize * configuration.poolings.count
    var layers: [DenseLayer] = []
    for case .dense(let dense) in configuration.steps {
      guard dense.inputs == width else {
        throw ModelError.badConfiguration(
          path: dense.directory + "/config.json", key: "in_features",
          problem: "is \(dense.inputs), but the vectors that come in have \(width) numbers")
      }
      let file = try Checkpoint(directory: dense.directory)
      // The file must hold the tensor before memory is taken for it.
      guard file["linear.weight"]?.shape == [dense.outputs, dense.inputs] else {
        throw ModelError.wrongTensor(
          path: file.path, name: "linear.weight",
          found: file["linear.weight"].map { "\($0.type) \($0.shape)" } ?? "missing",
          wanted: "F32, F16 or BF16 \([dense.outputs, dense.inputs])")
      }
      let weight = Matrix(rows: dense.outputs, columns: dense.inputs)
      try file.read("linear.weight", into: weight)
      let bias = dense.hasBias ? Matrix(rows: 1, columns: dense.outputs) : nil
      if let bias { try file.read("linear.bias", into: bias) }
      layers.append(
        DenseLayer(
          weight: .transposing(weight, kernels: kernels), bias: bias,
          activation: dense.activation.kernelActivation, outputs: dense.outputs))
      width = dense.outputs
    }
    self.layers = layers
  }

  /// The embedding of each sequence of `states`, [tokens, d].
  func vectors(_ states: Matrix, _ layout: RaggedRows, kernels: Kernels) -> [[Float]] {
    var vectors = (0..<layout.count).map { sequence in
      configuration.poolings.flatMap { Self.pool(states, layout[sequence], $0) }
    }
    var next = 0
    for step in configuration.steps {
      switch step {
      case .normalize: vectors = vectors.map(Self.normalized)
      case .dense:
        let layer = layers[next]
        next += 1
        let input = Matrix(
          rows: vectors.count, columns: vectors.first?.count ?? 0, vectors.flatMap(\.self))
        let output = Matrix(rows: vectors.count, columns: layer.outputs)
        kernels.linear(
          input, layer.weight, bias: layer.bias, activation: layer.activation, output: output)
        vectors = (0..<output.rows).map(output.row)
      }
    }
    return vectors
  }

  private static func pool(_ states: Matrix, _ rows: Range<Int>, _ pooling: Pooling) -> [Float] {
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
      let total = count * (count + 1) / 2
      return sum(states, rows) { Float($0 + 1) }.map { $0 / total }
    }
  }

  private static func sum(
    _ states: Matrix, _ rows: Range<Int>, weight: (Int) -> Float
  ) -> [Float] {
    var total = [Float](repeating: 0, count: states.columns)
    for (place, row) in rows.enumerated() {
      let (values, weight) = (states.row(row), weight(place))
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
  private static func normalized(_ vector: [Float]) -> [Float] {
    let squares = vector.reduce(0.0) { $0 + Double($1) * Double($1) }
    let scale = 1 / max(squares.squareRoot(), 1e-12)
    return vector.map { Float(Double($0) * scale) }
  }
}

extension EmbeddingConfiguration.DenseActivation {
  fileprivate var kernelActivation: Activation {
    switch self {
    case .identity: .none
    case .tanh: .tanh
    case .relu: .relu
    }
  }
}
