import Foundation
import JSON

/// A model as Stanford's ColBERT saves it: BERT and a projection in one file, the settings in `artifact.metadata`.
enum StanfordColBERT {
  private static let className = "HF_ColBERT"

  /// `config.json` with the class that the encoder has in `transformers`; nil where it is no such model.
  static func encoder(_ json: JSONValue, _ architecture: Architecture) -> JSONValue? {
    let named = json["architectures"]?.arrayValue?.compactMap(\.stringValue) ?? []
    guard named.contains(className), var object = json.objectValue else { return nil }
    object["architectures"] = [.string(architecture.classPrefix + "Model")]
    return .object(object)
  }

  /// How it makes a vector for each token.
  ///
  /// - Throws: `ModelError` naming file, key or tensor.
  static func vectors(
    _ directory: String, width: Int
  ) throws -> (MultiVectorConfiguration, Prompts) {
    let file = try Checkpoint(directory: directory)
    guard let shape = file["linear.weight"]?.shape, shape.count == 2 else {
      throw file.missing("linear.weight")
    }
    let path = directory + "/artifact.metadata"
    let json =
      FileManager.default.fileExists(atPath: path) ? try SavedModule.json(path) : .object([:])
    var vectors = MultiVectorConfiguration()
    vectors.steps = [
      .dense(
        DenseLayerConfiguration(
          directory: directory, inputs: width, outputs: shape[0], hasBias: false,
          activation: .identity, addsInput: false)), .normalize,
    ]
    vectors.insertsMarkers = true
    vectors.documentLength = try SavedModule.length(json, "doc_maxlen", path: path)
    if json["mask_punctuation"]?.boolValue ?? true {
      vectors.skippedTokens = MultiVectorConfiguration.punctuation
    }
    vectors.expansion = MultiVectorConfiguration.Expansion(
      length: try SavedModule.length(json, "query_maxlen", path: path)
        ?? MultiVectorConfiguration.queryLength, isFixed: true,
      attends: json["attend_to_mask_tokens"]?.boolValue ?? false, token: nil)
    func marker(_ key: String, _ standard: String) -> String {
      (json[key]?.stringValue ?? standard) + " "
    }
    return (
      vectors,
      Prompts([
        Prompts.Named(name: "query", text: marker("query_token_id", "[unused0]")),
        Prompts.Named(name: "document", text: marker("doc_token_id", "[unused1]")),
      ])
    )
  }
}
