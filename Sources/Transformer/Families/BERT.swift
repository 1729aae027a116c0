import JSON
import Tensor

extension Architecture {
  /// BERT, MiniLM and their kin (Devlin et al., 2019): `BertModel` of transformers. Learned places and
  /// segments, norms behind each residual sum, a tanh pooler on the first token.
  static let bert = Architecture(
    modelTypes: ["bert"], classPrefix: "Bert", tensorPrefix: "bert.",
    read: { reader in
      var shape = try BERTLayout.read(
        reader, positionTypes: ["absolute", "relative_key", "relative_key_query"])
      let kind = reader.json["position_embedding_type"]?.stringValue ?? "absolute"
      guard kind != "absolute" else { return shape }
      shape.embeddings.positions = .none
      shape.settings = reader.json
      for index in shape.encoder.blocks.indices {
        shape.encoder.blocks[index].attention.positions = .distances(
          keys: kind == "relative_key_query")
      }
      return shape
    },
    headPlan: SequenceHeadShape(activation: .tanh),
    write: { BERTLayout.write($0) },
    names: { key, shape in
      switch (key.place, key.part) {
      case (.head, .pool): [.encoder("pooler.dense.\(key.moduleSuffix)")]
      case (.head, _): [.head("classifier.\(key.moduleSuffix)")]
      default: BERTLayout.names(key)
      }
    },
    wordHeads: [.bert])
}

/// The keys and tensor names that BERT gave all families built on its code.
enum BERTLayout {
  /// - Parameters:
  ///   - placement: where norms stand.
  ///   - padding: the default of `pad_token_id`.
  ///   - activation: the default of `hidden_act`.
  ///   - countsFromPadding: whether the first place is the padding id plus one, as in RoBERTa.
  ///   - positionTypes: what `position_embedding_type` may say.
  static func read(
    _ reader: ConfigReader, placement: BlockShape.Placement = .post, padding: Int = 0,
    countsFromPadding: Bool = false, activation: String = "gelu",
    positionTypes: [String] = ["absolute"]
  ) throws -> ModelShape {
    try reader.require("position_embedding_type", oneOf: positionTypes)
    let paddingID = try reader.count("pad_token_id", padding)
    let offset = countsFromPadding ? paddingID + 1 : 0
    let positions = try reader.size("max_position_embeddings")
    guard positions > offset else {
      throw ModelError.badConfiguration(
        path: reader.path, key: "max_position_embeddings", problem: "leaves no room for tokens")
    }
    let width = try reader.size("hidden_size")
    let hidden = reader.share("hidden_dropout_prob", 0.1)
    let isSinusoidal = reader.json["martlet_sinusoidal"]?.boolValue == true
    return ModelShape(
      modelType: reader.modelType, vocabularySize: try reader.size("vocab_size"), hiddenSize: width,
      layerCount: try reader.blocks("num_hidden_layers"),
      headCount: try reader.heads("num_attention_heads", dividing: width),
      feedForwardSize: try reader.size("intermediate_size"), maximumTokens: positions - offset,
      placement: placement,
      positionalEncoding: try reader.positionalEncoding(isSinusoidal ? .sinusoidal : .learned),
      positionOffset: offset, tokenTypeCount: try reader.count("type_vocab_size", 2),
      activation: try reader.activation("hidden_act", activation),
      epsilon: try reader.epsilon("layer_norm_eps"), paddingID: paddingID,
      dropout: DropoutShape(
        hidden, attention: reader.share("attention_probs_dropout_prob", 0.1),
        classifier: reader.share("classifier_dropout", hidden)))
  }

  static func write(_ shape: ModelShape) -> JSONObject {
    var json = JSONObject()
    json["hidden_size"] = JSONValue(shape.hiddenSize)
    json["num_hidden_layers"] = JSONValue(shape.layerCount)
    json["num_attention_heads"] = JSONValue(shape.headCount)
    json["intermediate_size"] = JSONValue(shape.feedForwardSize)
    json["type_vocab_size"] = JSONValue(shape.embeddings.tokenTypeCount)
    json["layer_norm_eps"] = .digits(
      shape.encoder.blocks.first?.attentionNorm?.epsilon ?? 1e-12)
    json["hidden_act"] = .string(shape.encoder.blocks.first?.feedForward.activation.rawValue ?? "")
    json["hidden_dropout_prob"] = .digits(shape.dropout.hidden)
    json["attention_probs_dropout_prob"] = .digits(shape.dropout.attention)
    json["classifier_dropout"] = .digits(shape.dropout.classifier)
    if shape.embeddings.positions == .sinusoidal { json["martlet_sinusoidal"] = true }
    return json
  }

  /// What the norms of a block and the final one are called.
  struct Norms: Sendable {
    var attention = "attention.output.LayerNorm"
    var feedForward = "output.LayerNorm"
    var final = "LayerNorm"
  }

  /// Names of all but the head.
  static func names(_ key: ParameterKey, _ norms: Norms = Norms()) -> [CheckpointSlice] {
    let kind = key.moduleSuffix
    let block = "encoder.layer.\(key.block ?? 0)."
    switch key.part {
    case .words: return [.encoder("embeddings.word_embeddings.weight")]
    case .positions: return [.encoder("embeddings.position_embeddings.weight")]
    case .tokenTypes: return [.encoder("embeddings.token_type_embeddings.weight")]
    case .norm where key.place == .embeddings: return [.encoder("embeddings.LayerNorm.\(kind)")]
    case .norm: return [.encoder("\(norms.final).\(kind)")]
    case .relativePlaces:
      return [.encoder("\(block)attention.self.distance_embedding.weight")]
    case .projection: return [.encoder("embeddings_project.\(kind)")]
    case .attentionInput:
      return ["query", "key", "value"].enumerated().map { part, name in
        .encoder("\(block)attention.self.\(name).\(kind)", part: part, of: 3)
      }
    case .attentionOutput: return [.encoder("\(block)attention.output.dense.\(kind)")]
    case .attentionNorm: return [.encoder("\(block)\(norms.attention).\(kind)")]
    case .feedForwardInput: return [.encoder("\(block)intermediate.dense.\(kind)")]
    case .feedForwardOutput: return [.encoder("\(block)output.dense.\(kind)")]
    case .feedForwardNorm: return [.encoder("\(block)\(norms.feedForward).\(kind)")]
    default: return []
    }
  }
}

extension JSONValue {
  /// A number with the digits that a person would write, not a float's in double precision.
  static func digits(_ value: Float) -> JSONValue { JSONValue(Double("\(value)") ?? 0) }
}
