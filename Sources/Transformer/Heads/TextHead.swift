import Tensor
import Tokenization

/// Reads the states for a head on the whole text.
struct TextHead: TaskHead {
  private let head: SequenceHead
  var kept: RowSelection { head.kept }

  /// - Throws: `ModelError.noHead` where the model has none.
  init(_ source: HeadSource) throws {
    guard let head = source.sequenceHead else {
      throw ModelError.noHead(path: source.configuration.directory)
    }
    self.head = head
  }

  func outputs(
    _ encoder: Encoder, _ sequences: [Int], _ encodings: [Encoding]
  ) -> [SequenceOutput] {
    let (pooled, logits, _) = encoder.read(head, sequences)
    return sequences.indices.map {
      var output = SequenceOutput(logits.row($0))
      output.pooled = pooled.row($0)
      return output
    }
  }
}

/// Reads the states for a head on each token: a linear layer, or the family's head on the text for each.
struct TokenHead: TaskHead {
  private enum Layer {
    case linear(weight: PackedMatrix, bias: Matrix)
    case sequence(SequenceHead)
  }

  private let layer: Layer
  let kept = RowSelection.all

  /// - Throws: `ModelError` naming the tensor.
  init(_ source: HeadSource) throws {
    if let head = source.sequenceHead {
      layer = .sequence(head)
      return
    }
    let tensors = source.configuration.tokenLayerTensors
    guard tensors.count == 2 else {
      throw ModelError.noHead(path: source.configuration.directory)
    }
    for (name, matrix) in tensors { try source.read(name, matrix) }
    layer = .linear(
      weight: .transposing(tensors[0].matrix, kernels: source.kernels), bias: tensors[1].matrix)
  }

  func outputs(
    _ encoder: Encoder, _ sequences: [Int], _ encodings: [Encoding]
  ) -> [SequenceOutput] {
    let (all, layout): (Matrix, RaggedRows)
    switch layer {
    case .sequence(let head): (_, all, layout) = encoder.read(head, sequences)
    case .linear(let weight, let bias):
      let states: Matrix
      (states, layout) = encoder.read(sequences, keeping: .all)
      all = Matrix(rows: states.rows, columns: bias.columns)
      encoder.kernels.linear(states, weight, bias: bias, output: all)
    }
    return sequences.indices.map { SequenceOutput(all, layout[$0]) }
  }
}
