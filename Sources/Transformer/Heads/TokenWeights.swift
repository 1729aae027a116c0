import Tensor

/// A weight for each token of the vocabulary, for queries that no layer reads: `SparseStaticEmbedding` of sentence-transformers.
enum TokenWeights {
  /// The weights that `directory` holds, one for each of `count` tokens.
  ///
  /// - Throws: `ModelError` naming the tensor.
  static func read(_ directory: String, count: Int) throws -> [Float] {
    let file = try Checkpoint(directory: directory)
    let weights = Matrix(rows: 1, columns: file["weight"]?.count ?? count)
    try file.read("weight", into: weights)
    guard weights.columns == count else {
      throw ModelError.wrongTensor(
        path: file.path, name: "weight", found: "[\(weights.columns)]",
        wanted: "[\(count)], one for each token of the documents' vocabulary")
    }
    return weights.row(0)
  }
}
