import Tensor

/// The layers of some vector steps, with their weights: sentence-transformers' `Dense`, `LayerNorm` and `Normalize`.
struct VectorLayers: Sendable {
  private enum Layer: Sendable {
    case dense(Dense)
    case norm(Norm)
    case normalize
  }

  private struct Dense: Sendable {
    let weight: PackedMatrix
    let bias: Matrix?
    let activation: DenseLayerConfiguration.Activation
    let addsInput: Bool
    let projection: PackedMatrix?
  }

  /// torch's `LayerNorm` has no other here.
  private static let epsilon: Float = 1e-5

  private let layers: [Layer]

  /// Reads the weights, if there are any; vectors come in with `width` numbers.
  ///
  /// - Throws: `ModelError` naming file or tensor.
  init(_ steps: [VectorStep], width: Int, kernels: Kernels) throws {
    var width = width
    layers = try steps.map { step in
      switch step {
      case .normalize: return .normalize
      case .layerNorm(let directory, let stated):
        try Self.check(stated, width, directory, key: "dimension")
        let file = try Checkpoint(directory: directory)
        let (gain, bias) = (Matrix(rows: 1, columns: width), Matrix(rows: 1, columns: width))
        try file.read("norm.weight", into: gain)
        try file.read("norm.bias", into: bias)
        return .norm(Norm(.layer, gain: gain, bias: bias, epsilon: Self.epsilon))
      case .dense(let dense):
        try Self.check(dense.inputs, width, dense.directory, key: "in_features")
        width = dense.outputs
        return .dense(try Self.layer(dense, kernels))
      }
    }
  }

  private static func check(_ stated: Int, _ width: Int, _ directory: String, key: String) throws {
    guard stated == width else {
      throw ModelError.badConfiguration(
        path: directory + "/config.json", key: key,
        problem: "is \(stated), but the vectors that come in have \(width) numbers")
    }
  }

  private static func layer(
    _ dense: DenseLayerConfiguration, _ kernels: Kernels
  ) throws -> Dense {
    let file =
      try dense.file.map { try Checkpoint(SafeTensors(path: "\(dense.directory)/\($0)")) }
      ?? Checkpoint(directory: dense.directory)
    let shape = (dense.outputs, dense.inputs)
    let bias = dense.hasBias ? Matrix(rows: 1, columns: dense.outputs) : nil
    if let bias { try file.read(dense.prefix + "bias", into: bias) }
    let isProjected = dense.addsInput && dense.inputs != dense.outputs
    return Dense(
      weight: try file.packed(dense.prefix + "weight", shape, kernels), bias: bias,
      activation: dense.activation, addsInput: dense.addsInput,
      projection: isProjected
        ? try file.packed("residual.weight", shape, kernels) : nil)
  }

  /// What the rows of `vectors` become; where there is no step, these rows.
  func callAsFunction(_ vectors: Matrix, kernels: Kernels) -> Matrix {
    layers.reduce(vectors) { rows, layer in
      switch layer {
      case .normalize: return Self.normalized(rows)
      case .norm(let norm):
        let output = Matrix(rows: rows.rows, columns: rows.columns)
        kernels.norm(rows, norm, output: output)
        return output
      case .dense(let dense): return Self.apply(dense, rows, kernels)
      }
    }
  }

  private static func apply(_ layer: Dense, _ input: Matrix, _ kernels: Kernels) -> Matrix {
    let output = Matrix(rows: input.rows, columns: layer.weight.columns)
    kernels.linear(
      input, layer.weight, bias: layer.bias, activation: layer.activation.kernelActivation,
      output: output)
    if layer.activation == .sigmoid {
      for row in 0..<output.rows {
        for column in 0..<output.columns {
          output[row, column] = HeadFunction.sigmoid(output[row, column])
        }
      }
    }
    guard layer.addsInput else { return output }
    guard let projection = layer.projection else {
      kernels.add(input, to: output)
      return output
    }
    let projected = Matrix(rows: input.rows, columns: output.columns)
    kernels.linear(input, projection, output: projected)
    kernels.add(projected, to: output)
    return output
  }

  private static func normalized(_ vectors: Matrix) -> Matrix {
    let output = Matrix(rows: vectors.rows, columns: vectors.columns)
    for row in 0..<vectors.rows {
      for (column, value) in vectors.row(row).normalized().enumerated() {
        output[row, column] = value
      }
    }
    return output
  }
}

extension Checkpoint {
  /// The weight of a linear layer, packed.
  ///
  /// - Throws: `ModelError` naming the tensor; before memory is taken for one that is not there, or is of another shape.
  func packed(
    _ name: String, _ shape: (outputs: Int, inputs: Int), _ kernels: Kernels
  ) throws -> PackedMatrix {
    guard self[name]?.shape == [shape.outputs, shape.inputs] else {
      throw ModelError.wrongTensor(
        path: path, name: name, found: self[name].map { "\($0.type) \($0.shape)" } ?? "missing",
        wanted: "F64, F32, F16 or BF16 \([shape.outputs, shape.inputs])")
    }
    let weight = Matrix(rows: shape.outputs, columns: shape.inputs)
    try read(name, into: weight)
    return .transposing(weight, kernels: kernels)
  }
}

extension DenseLayerConfiguration.Activation {
  fileprivate var kernelActivation: Activation {
    switch self {
    case .identity, .sigmoid: .none
    case .tanh: .tanh
    case .relu: .relu
    case .gelu: .gelu
    }
  }
}
