import Tensor
import Tokenization

/// A vector for each token: the states through layers, without the tokens that are not scored.
struct MultiVectorHead: TaskHead {
  private let layers: VectorLayers
  private let dropsFirst: Bool
  let kept = RowSelection.all

  /// Reads the weights of the layers.
  ///
  /// - Throws: `ModelError` naming file or tensor.
  init(_ source: HeadSource) throws {
    let vectors = source.configuration.multiVector ?? MultiVectorConfiguration()
    layers = try VectorLayers(
      vectors.steps, width: source.configuration.shape.hiddenSize, kernels: source.kernels)
    dropsFirst = vectors.dropsFirst
  }

  func outputs(
    _ encoder: Encoder, _ sequences: [Int], _ encodings: [Encoding]
  ) -> [SequenceOutput] {
    let (states, layout) = encoder.read(sequences, keeping: .all)
    let vectors = layers(states, kernels: encoder.kernels)
    return sequences.indices.map {
      SequenceOutput(vectors, dropsFirst ? layout[$0].dropFirst() : layout[$0])
    }
  }
}
