import Foundation
import Tensor
import Tokenization

/// A weight for each word of the vocabulary: max or sum over a text's tokens of log(1 + relu(score)) (Formal et al., 2021).
struct SparseHead: TaskHead {
  private let words: WordHead
  private let configuration: SparseConfiguration
  let kept = RowSelection.all

  /// - Throws: `ModelError` naming the tensor.
  init(_ source: HeadSource) throws {
    words = try WordHead(source)
    configuration = source.configuration.sparse ?? SparseConfiguration()
  }

  func outputs(
    _ encoder: Encoder, _ sequences: [Int], _ encodings: [Encoding]
  ) -> [SequenceOutput] {
    let (states, layout) = encoder.read(sequences, keeping: .all)
    var weights = [[Float]](repeating: [], count: layout.count)
    var sequence = 0
    words.scores(states, kernels: encoder.kernels) { range, scores in
      for row in range {
        while row >= layout[sequence].upperBound { sequence += 1 }
        add(scores.row(row - range.lowerBound), to: &weights[sequence])
      }
    }
    return weights.map { SequenceOutput(finished($0)) }
  }

  /// The largest scores give the largest logarithms, so that these are taken once, at the end; NaN stays.
  private func add(_ scores: [Float], to weights: inout [Float]) {
    if weights.isEmpty { weights = [Float](repeating: 0, count: scores.count) }
    switch configuration.pooling {
    case .max:
      for (word, score) in scores.enumerated() where score > weights[word] || score.isNaN {
        weights[word] = score
      }
    case .sum:
      for (word, score) in scores.enumerated() where score > 0 || score.isNaN {
        weights[word] += logarithm(score)
      }
    }
  }

  private func finished(_ weights: [Float]) -> [Float] {
    configuration.pooling == .sum ? weights : weights.map { $0 == 0 ? 0 : logarithm($0) }
  }

  private func logarithm(_ score: Float) -> Float {
    let once = log1p(Double(score))
    return Float(configuration.isLogTwice ? log1p(once) : once)
  }
}

/// bge-m3's (Chen et al., 2024): a layer on each token gives the weight of the token that stands there, of which the largest counts.
struct TokenWeightHead: TaskHead {
  private let weight: PackedMatrix
  private let bias: Matrix
  let kept = RowSelection.all

  /// - Throws: `ModelError` naming the tensor.
  init(_ source: HeadSource, path: String) throws {
    let file = Checkpoint(try SafeTensors(path: path))
    weight = try file.packed(
      "weight", (1, source.configuration.shape.hiddenSize), source.kernels)
    bias = Matrix(rows: 1, columns: 1)
    try file.read("bias", into: bias)
  }

  func outputs(
    _ encoder: Encoder, _ sequences: [Int], _ encodings: [Encoding]
  ) -> [SequenceOutput] {
    let (states, layout) = encoder.read(sequences, keeping: .all)
    let weights = Matrix(rows: states.rows, columns: 1)
    encoder.kernels.linear(states, weight, bias: bias, activation: .relu, output: weights)
    return sequences.indices.map { SequenceOutput(weights, layout[$0]) }
  }
}
