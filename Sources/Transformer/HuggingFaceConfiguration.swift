import Foundation
import JSON
import Tensor

/// Reads and writes `config.json` as Hugging Face's `transformers` has it.
public enum HuggingFaceConfiguration {
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

  /// The shape that `config.json` at `path` describes.
  ///
  /// - Throws: `ModelError` naming the key.
  public static func read(path: String) throws -> EncoderConfiguration {
    try read(json(path: path), path: path)
  }

  /// The shape that `json` describes; messages call it `path`.
  public static func read(_ json: JSONValue, path: String) throws -> EncoderConfiguration {
    let reader = Reader(json: json, path: path)
    let family = try family(json, path: path)
    try refuseVariants(reader)
    var configuration =
      family == .distilbert ? try distilBERT(reader) : try bertLike(reader, family)
    guard configuration.hiddenSize % configuration.headCount == 0 else {
      throw ModelError.badConfiguration(
        path: path, key: "num_attention_heads",
        problem: "(\(configuration.headCount)) does not divide the width "
          + "\(configuration.hiddenSize)")
    }
    if let name = json["martlet_positional_encoding"]?.stringValue {
      guard let encoding = PositionalEncoding(rawValue: name) else {
        throw ModelError.unsupported(
          path: path, what: "martlet_positional_encoding \"\(name.prefix(100))\"",
          supported: PositionalEncoding.allCases.map(\.rawValue).joined(separator: ", "))
      }
      configuration.positionalEncoding = encoding
    }
    configuration.paddingID = try reader.count(
      "pad_token_id", family == .bert || family == .distilbert ? 0 : 1)
    let head = try HuggingFaceTask(json, family: family, path: path)
    let isOnText = head.task != .tokenClassification && head.task != .embedding
    configuration.labels = isOnText ? head.labels : []
    return configuration
  }

  /// The family that `model_type` names.
  ///
  /// - Throws: `ModelError.unsupported` with the list of what is supported.
  static func family(_ json: JSONValue, path: String) throws -> EncoderConfiguration.Family {
    let type = try Reader(json: json, path: path).string("model_type")
    guard let family = EncoderConfiguration.Family(rawValue: type) else {
      throw ModelError.unsupported(
        path: path, what: "model_type \"\(type.prefix(100))\"",
        supported: EncoderConfiguration.Family.allCases.map(\.rawValue).joined(separator: ", "))
    }
    return family
  }

  /// Variants of the families that compute something else.
  private static func refuseVariants(_ reader: Reader) throws {
    for key in ["is_decoder", "add_cross_attention"] where reader.json[key]?.boolValue == true {
      throw ModelError.unsupported(path: reader.path, what: key, supported: "encoders")
    }
    if let pruned = reader.json["pruned_heads"]?.objectValue, !pruned.isEmpty {
      throw ModelError.unsupported(
        path: reader.path, what: "pruned_heads", supported: "layers with all their heads")
    }
  }

  private static func distilBERT(_ reader: Reader) throws -> EncoderConfiguration {
    let sinusoidal = reader.json["sinusoidal_pos_embds"]?.boolValue ?? false
    var configuration = EncoderConfiguration(
      family: .distilbert, vocabularySize: try reader.size("vocab_size"),
      hiddenSize: try reader.size("dim"), layerCount: try reader.size("n_layers"),
      headCount: try reader.size("n_heads"), feedForwardSize: try reader.size("hidden_dim"),
      maximumTokens: try reader.size("max_position_embeddings"),
      positionalEncoding: sinusoidal ? .sinusoidal : .learned,
      dropout: reader.share("dropout", 0.1))
    configuration.attentionDropout = reader.share("attention_dropout", 0.1)
    configuration.classifierDropout = reader.share("seq_classif_dropout", 0.2)
    configuration.activation = try activation(reader, "activation")
    return configuration
  }

  private static func bertLike(
    _ reader: Reader, _ family: EncoderConfiguration.Family
  ) throws -> EncoderConfiguration {
    if let kind = reader.json["position_embedding_type"]?.stringValue, kind != "absolute" {
      throw ModelError.unsupported(
        path: reader.path, what: "position_embedding_type \"\(kind)\"", supported: "absolute")
    }
    var configuration = EncoderConfiguration(
      family: family, vocabularySize: try reader.size("vocab_size"),
      hiddenSize: try reader.size("hidden_size"), layerCount: try reader.size("num_hidden_layers"),
      headCount: try reader.size("num_attention_heads"),
      feedForwardSize: try reader.size("intermediate_size"),
      maximumTokens: try reader.size("max_position_embeddings"),
      normalization: family == .robertaPreLayerNorm ? .pre : .post, positionalEncoding: .learned,
      dropout: reader.share("hidden_dropout_prob", 0.1))
    if family != .bert {
      // RoBERTa's places start behind the padding id.
      configuration.positionOffset = try reader.count("pad_token_id", 1) + 1
      configuration.maximumTokens -= configuration.positionOffset
      guard configuration.maximumTokens > 0 else {
        throw ModelError.badConfiguration(
          path: reader.path, key: "max_position_embeddings", problem: "leaves no room for tokens")
      }
    }
    configuration.tokenTypeCount = try reader.count("type_vocab_size", 2)
    configuration.layerNormEpsilon = try epsilon(reader)
    configuration.attentionDropout = reader.share("attention_probs_dropout_prob", 0.1)
    configuration.classifierDropout = reader.share("classifier_dropout", configuration.dropout)
    configuration.activation = try activation(reader, "hidden_act")
    if reader.json["martlet_sinusoidal"]?.boolValue == true {
      configuration.positionalEncoding = .sinusoidal
    }
    return configuration
  }

  private static func epsilon(_ reader: Reader) throws -> Float {
    guard let json = reader.json["layer_norm_eps"] else { return 1e-12 }
    // As a float, since what is tiny as a double may be 0 there.
    guard let value = json.doubleValue.map({ Float($0) }), value > 0, value < 1 else {
      throw ModelError.badConfiguration(
        path: reader.path, key: "layer_norm_eps", problem: "is not a number between 0 and 1")
    }
    return value
  }

  private static func activation(_ reader: Reader, _ key: String) throws -> Activation {
    switch reader.json[key]?.stringValue ?? "gelu" {
    case "gelu": return .gelu
    case "relu": return .relu
    case let other:
      throw ModelError.unsupported(
        path: reader.path, what: "\(key) \"\(other.prefix(100))\"", supported: "gelu, relu")
    }
  }

  /// The text of `config.json` for `configuration`.
  public static func encode(_ c: EncoderConfiguration) -> JSONValue {
    var json = JSONObject()
    let architecture = HuggingFaceTask.classPrefix(c.family)
    json["architectures"] = [
      .string(architecture + (c.labels.isEmpty ? "Model" : "ForSequenceClassification"))
    ]
    json["model_type"] = .string(c.family.rawValue)
    json["vocab_size"] = JSONValue(c.vocabularySize)
    json["max_position_embeddings"] = JSONValue(c.positionCount)
    json["pad_token_id"] = JSONValue(c.paddingID)
    if c.family == .distilbert { putDistilBERT(c, &json) } else { putBERTLike(c, &json) }
    if [.none, .rotary, .alibi].contains(c.positionalEncoding) {
      json["martlet_positional_encoding"] = .string(c.positionalEncoding.rawValue)
    }
    if !c.labels.isEmpty {
      json["problem_type"] = "single_label_classification"
      var (names, indices) = (JSONObject(), JSONObject())
      for (index, label) in c.labels.enumerated() {
        names["\(index)"] = .string(label)
        indices[label] = JSONValue(index)
      }
      json["id2label"] = .object(names)
      json["label2id"] = .object(indices)
    }
    json["torch_dtype"] = "float32"
    return .object(json)
  }

  private static func putDistilBERT(_ c: EncoderConfiguration, _ json: inout JSONObject) {
    json["dim"] = JSONValue(c.hiddenSize)
    json["n_layers"] = JSONValue(c.layerCount)
    json["n_heads"] = JSONValue(c.headCount)
    json["hidden_dim"] = JSONValue(c.feedForwardSize)
    json["sinusoidal_pos_embds"] = JSONValue(c.positionalEncoding == .sinusoidal)
    json["activation"] = .string(c.activation.rawValue)
    json["dropout"] = share(c.dropout)
    json["attention_dropout"] = share(c.attentionDropout)
    json["seq_classif_dropout"] = share(c.classifierDropout)
  }

  private static func putBERTLike(_ c: EncoderConfiguration, _ json: inout JSONObject) {
    json["hidden_size"] = JSONValue(c.hiddenSize)
    json["num_hidden_layers"] = JSONValue(c.layerCount)
    json["num_attention_heads"] = JSONValue(c.headCount)
    json["intermediate_size"] = JSONValue(c.feedForwardSize)
    json["type_vocab_size"] = JSONValue(c.tokenTypeCount)
    json["layer_norm_eps"] = JSONValue(Double("\(c.layerNormEpsilon)") ?? 1e-12)
    json["hidden_act"] = .string(c.activation.rawValue)
    json["hidden_dropout_prob"] = share(c.dropout)
    json["attention_probs_dropout_prob"] = share(c.attentionDropout)
    json["classifier_dropout"] = share(c.classifierDropout)
    if c.positionalEncoding == .sinusoidal { json["martlet_sinusoidal"] = true }
  }

  /// A share with the digits that a person would write, not a float's in double precision.
  private static func share(_ value: Float) -> JSONValue { JSONValue(Double("\(value)") ?? 0) }

  private struct Reader {
    let json: JSONValue
    let path: String

    func string(_ key: String) throws -> String {
      guard let value = json[key]?.stringValue else {
        throw ModelError.badConfiguration(path: path, key: key, problem: "is missing or no string")
      }
      return value
    }

    /// A positive size; the bound keeps products of two of them far from overflow.
    func size(_ key: String) throws -> Int {
      guard let value = json[key]?.intValue, (1...4_000_000).contains(value) else {
        throw ModelError.badConfiguration(
          path: path, key: key, problem: "is missing or not from 1 to 4000000")
      }
      return value
    }

    /// A number from 0 on, of the same bound as a size; null counts as missing.
    func count(_ key: String, _ fallback: Int) throws -> Int {
      guard let json = json[key], !json.isNull else { return fallback }
      guard let value = json.intValue, (0...4_000_000).contains(value) else {
        throw ModelError.badConfiguration(
          path: path, key: key, problem: "is not from 0 to 4000000")
      }
      return value
    }

    func share(_ key: String, _ fallback: Float) -> Float {
      guard let value = json[key]?.doubleValue, value >= 0, value < 1 else { return fallback }
      return Float(value)
    }
  }
}
