import Tensor
import Tokenization

/// Scores of all words of the vocabulary for some tokens, as a model for masked words gives them.
struct WordHead: Sendable {
  private let dense: (weight: PackedMatrix, bias: Matrix?)?
  private let activation: Activation
  private let norm: Norm?
  private let decoder: PackedWeight
  private let bias: Matrix?
  private let width: Int
  /// Words of the vocabulary.
  let words: Int

  /// Rows whose scores are at hand at a time: each has as many numbers as there are words.
  private static let rowsAtOnce = 32

  /// - Throws: `ModelError` naming the tensor, or the family that has no such head.
  init(_ source: HeadSource) throws {
    let (shape, kernels) = (source.configuration.shape, source.kernels)
    (width, words) = (shape.embeddings.width, shape.vocabularySize)
    let known = shape.architecture?.wordHeads ?? []
    guard let first = known.first else {
      throw ModelError.unsupported(
        path: source.configuration.encoderDirectory,
        what: "the head for masked words of \(shape.modelType)",
        supported: Architecture.all.filter { !$0.wordHeads.isEmpty }
          .flatMap(\.modelTypes).joined(separator: ", "))
    }
    let names = known.first { source.shape(($0.dense ?? $0.decoder) + ".weight") != nil } ?? first
    func vector(_ name: String, _ count: Int) throws -> Matrix? {
      guard source.shape(name) != nil else { return nil }
      let vector = Matrix(rows: 1, columns: count)
      try source.read(name, vector)
      return vector
    }
    dense = try names.dense.map { name in
      let weight = Matrix(rows: shape.embeddings.width, columns: shape.hiddenSize)
      try source.read(name + ".weight", weight)
      return (
        .transposing(weight, kernels: kernels), try vector(name + ".bias", shape.embeddings.width)
      )
    }
    let block = shape.encoder.blocks.first
    activation = names.activation ?? block?.feedForward.activation ?? .gelu
    norm = try names.norm.map { name in
      let gain = Matrix(rows: 1, columns: shape.embeddings.width)
      try source.read(name + ".weight", gain)
      return Norm(
        .layer, gain: gain, bias: try vector(name + ".bias", gain.columns),
        epsilon: block?.feedForwardNorm?.epsilon ?? 1e-12)
    }
    var table = source.weights.words
    if source.shape(names.decoder + ".weight") != nil {
      table = Matrix(rows: words, columns: width)
      try source.read(names.decoder + ".weight", table)
    }
    decoder =
      kernels.usesBFloat16
      ? .bf16(BFloat16Matrix(table, kernels: kernels))
      : .float(.transposing(table, kernels: kernels))
    let name = names.biases.first { source.shape($0) != nil }
    bias = try name.flatMap { try vector($0, shape.vocabularySize) }
  }

  /// Calls `body` with some rows' numbers and the scores of all words, [rows, words], for all rows of `states` in order.
  func scores(_ states: Matrix, kernels: Kernels, _ body: (Range<Int>, Matrix) -> Void) {
    let scratch = BFloat16Rows()
    let most = min(states.rows, Self.rowsAtOnce)
    let logits = Matrix(rows: most, columns: words)
    var start = 0
    while start < states.rows {
      let range = start..<min(start + most, states.rows)
      let hidden = hidden(states.rowRange(range), kernels)
      let output = logits.rowRange(0..<range.count)
      switch decoder {
      case .bf16(let weight):
        kernels.linear(hidden, weight, bias: bias, output: output, scratch: scratch)
      case .float(let weight): kernels.linear(hidden, weight, bias: bias, output: output)
      case .int8: preconditionFailure("the head for words is never in 8 bits")
      }
      body(range, output)
      start = range.upperBound
    }
  }

  private func hidden(_ states: Matrix, _ kernels: Kernels) -> Matrix {
    guard let dense else { return states }
    let output = Matrix(rows: states.rows, columns: width)
    kernels.linear(states, dense.weight, bias: dense.bias, activation: activation, output: output)
    if let norm { kernels.norm(output, norm, output: output) }
    return output
  }
}

extension ModelConfiguration {
  /// The tensors of the head for words that `file` has; none for models without.
  func wordHeadTensors(_ file: Checkpoint) -> [(name: String, matrix: Matrix)] {
    guard task == .maskedWords || sparse != nil else { return [] }
    return (shape.architecture?.wordHeads ?? []).flatMap(\.tensors).compactMap { name in
      guard let shape = file[name]?.shape, let columns = shape.last else { return nil }
      return (name, Matrix(rows: shape.count > 1 ? shape[0] : 1, columns: columns))
    }
  }
}
