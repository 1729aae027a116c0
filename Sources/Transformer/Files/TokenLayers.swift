import Foundation

/// The layers that bge-m3 (Chen et al., 2024) has beside its encoder: one for a weight of each token, one for a vector of each.
enum TokenLayers {
  /// `configuration` as a model of `task`, where the layer for it is in the folder; nil for another task.
  ///
  /// - Throws: `ModelError.missingFile`, which says how to convert a pickle.
  static func configuration(
    _ configuration: ModelConfiguration, as task: ModelTask
  ) throws -> ModelConfiguration? {
    var copy = configuration
    (copy.task, copy.embedding, copy.sparse, copy.multiVector) = (task, nil, nil, nil)
    (copy.labels, copy.shape.head) = ([], nil)
    let width = copy.shape.hiddenSize
    switch task {
    case .sparseEmbedding:
      copy.sparse = SparseConfiguration(tokenWeights: try file("sparse_linear", copy.directory))
    case .multiVectorEmbedding:
      let name = "colbert_linear"
      let path = try file(name, copy.directory)
      let outputs = try SafeTensors(path: path).entries["weight"]?.shape.first ?? width
      var vectors = MultiVectorConfiguration()
      var layer = DenseLayerConfiguration(
        directory: copy.directory, inputs: width, outputs: outputs, hasBias: true,
        activation: .identity, addsInput: false)
      (layer.file, layer.prefix) = (name + ".safetensors", "")
      (vectors.steps, vectors.dropsFirst) = ([.dense(layer), .normalize], true)
      copy.multiVector = vectors
    default: return nil
    }
    return copy
  }

  private static func file(_ name: String, _ directory: String) throws -> String {
    let path = "\(directory)/\(name).safetensors"
    if FileManager.default.fileExists(atPath: path) { return path }
    let pickle = "\(directory)/\(name).pt"
    guard FileManager.default.fileExists(atPath: pickle) else {
      throw ModelError.missingFile(
        path: path, hint: "This task needs it; martlet inspect says what the model is for.")
    }
    throw ModelError.missingFile(
      path: path,
      hint: "\(name).pt is a pickle, which can run code and is not read; convert it: python3 -c "
        + "\"import torch, safetensors.torch as s; s.save_file(torch.load('\(name).pt', weights_only=True), "
        + "'\(name).safetensors')\" in that folder.")
  }
}
