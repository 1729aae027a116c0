import Foundation
import JSON

extension ModelShape {
  /// Gives the shape the head on the whole text that `head` describes, or the family's one on each token.
  mutating func setHead(_ head: HeadDescription, _ architecture: Architecture) {
    let definition = head.task.definition
    let outputs = definition.tokenOutputs(head.labels)
    self.head = nil
    guard head.task != .embedding,
      outputs == nil || definition.tokenLayer(architecture) == nil
    else { return }
    self.head = self.head(
      for: head.labels.isEmpty ? (0..<(outputs ?? 0)).map { "\($0)" } : head.labels)
    if outputs != nil { self.head?.reading = .each }
  }
}

/// Reads and writes `config.json` as Hugging Face's `transformers` has it.
public enum ModelConfigurationFile {
  /// The content of `config.json` at `path`.
  ///
  /// - Throws: `ModelError.missingFile` or `.badConfiguration`.
  static func json(path: String) throws -> JSONValue {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw ModelError.missingFile(
        path: path, hint: "A model directory needs its shape in this file.")
    }
    do {
      return try JSONValue(
        parsing: data, limits: JSONLimits(fileBytes: data.count, depth: 32, bytes: 1 << 26))
    } catch {
      throw ModelError.badConfiguration(
        path: path, key: "", problem: "is not JSON: \(error.localizedDescription)")
    }
  }

  /// The shape that `json` describes, with its head on the whole text if it has one; messages call it `path`.
  ///
  /// - Throws: `ModelError` naming the key.
  public static func read(_ json: JSONValue, path: String) throws -> ModelShape {
    let architecture = try architecture(ConfigReader(json: json, path: path))
    var shape = try bareShape(json, path: path)
    shape.setHead(try HeadDescription(json, architecture, path: path), architecture)
    return shape
  }

  /// The same without a head.
  package static func bareShape(_ json: JSONValue, path: String) throws -> ModelShape {
    let reader = ConfigReader(json: json, path: path)
    let architecture = try architecture(reader)
    try reader.refuseVariants()
    var shape = try architecture.read(reader)
    if architecture.write == nil { shape.settings = json }
    return shape
  }

  /// The family that `model_type` names.
  ///
  /// - Throws: `ModelError.unsupported` with the list of what is supported.
  static func architecture(_ reader: ConfigReader) throws -> Architecture {
    let type = try reader.string("model_type")
    guard let architecture = Architecture.of(reader) else {
      throw ModelError.unsupported(
        path: reader.path, what: "model_type \"\(type.prefix(100))\"",
        supported: Architecture.supported)
    }
    return architecture
  }

  /// The content of `config.json` for `shape`; nil for a family that is not written here.
  public static func encode(
    _ shape: ModelShape, task: ModelTask = .classification,
    scoreActivation: ScoreActivation = .identity
  ) -> JSONValue? {
    guard let architecture = Architecture.named(shape.modelType) else { return nil }
    var json = JSONObject()
    let kind = shape.labels.isEmpty ? "Model" : task.definition.classSuffixes.first ?? "Model"
    if let write = architecture.write, shape.settings == nil {
      json["model_type"] = .string(shape.modelType)
      json["vocab_size"] = JSONValue(shape.vocabularySize)
      json["max_position_embeddings"] = JSONValue(shape.embeddings.positionCount)
      json["pad_token_id"] = JSONValue(shape.paddingID)
      for (key, value) in write(shape) { json[key] = value }
      let encoding = shape.positionalEncoding
      if encoding != .learned && encoding != .sinusoidal {
        json["martlet_positional_encoding"] = .string(encoding.rawValue)
      }
    } else {
      guard let settings = shape.settings?.objectValue else { return nil }
      json = settings
    }
    json["architectures"] = [.string(architecture.classPrefix + kind)]
    if !shape.labels.isEmpty {
      // By which sentence-transformers' CrossEncoder knows what its scores end in.
      json["sentence_transformers"] =
        scoreActivation == .sigmoid
        ? ["activation_fn": "torch.nn.modules.activation.Sigmoid", "version": "5.4.0"] : nil
      json["problem_type"] = task.definition.problemType.map { .string($0) }
      var (names, indices) = (JSONObject(), JSONObject())
      for (index, label) in shape.labels.enumerated() {
        names["\(index)"] = .string(label)
        indices[label] = JSONValue(index)
      }
      json["id2label"] = .object(names)
      json["label2id"] = .object(indices)
    }
    // What the base's said of its own numbers and labels would contradict what is written now. The first key is transformers'
    // since version 5, the second's before.
    (json["dtype"], json["torch_dtype"], json["num_labels"]) = ("float32", "float32", nil)
    return .object(json)
  }
}
