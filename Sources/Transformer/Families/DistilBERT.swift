import JSON
import Tensor

extension Architecture {
  /// DistilBERT (Sanh et al., 2019): `DistilBertModel`. With sinusoidal places it is the plain encoder of
  /// Vaswani et al. (2017), which is what Martlet trains from nothing.
  static let distilBERT = Architecture(
    modelTypes: ["distilbert"], classPrefix: "DistilBert", tensorPrefix: "distilbert.",
    read: { reader in
      let width = try reader.size("dim")
      let isSinusoidal = reader.json["sinusoidal_pos_embds"]?.boolValue ?? false
      return ModelShape(
        modelType: reader.modelType, vocabularySize: try reader.size("vocab_size"),
        hiddenSize: width, layerCount: try reader.blocks("n_layers"),
        headCount: try reader.heads("n_heads", dividing: width),
        feedForwardSize: try reader.size("hidden_dim"),
        maximumTokens: try reader.size("max_position_embeddings"),
        positionalEncoding: try reader.positionalEncoding(isSinusoidal ? .sinusoidal : .learned),
        activation: try reader.activation("activation"),
        paddingID: try reader.count("pad_token_id", 0),
        dropout: DropoutShape(
          reader.share("dropout", 0.1), attention: reader.share("attention_dropout", 0.1),
          classifier: reader.share("seq_classif_dropout", 0.2)))
    },
    headPlan: SequenceHeadShape(activation: .relu),
    write: { shape in
      var json = JSONObject()
      json["dim"] = JSONValue(shape.hiddenSize)
      json["n_layers"] = JSONValue(shape.layerCount)
      json["n_heads"] = JSONValue(shape.headCount)
      json["hidden_dim"] = JSONValue(shape.feedForwardSize)
      json["sinusoidal_pos_embds"] = JSONValue(shape.embeddings.positions == .sinusoidal)
      json["activation"] = .string(
        shape.encoder.blocks.first?.feedForward.activation.rawValue ?? "")
      json["dropout"] = .digits(shape.dropout.hidden)
      json["attention_dropout"] = .digits(shape.dropout.attention)
      json["seq_classif_dropout"] = .digits(shape.dropout.classifier)
      return json
    },
    names: { key, _ in
      let kind = key.moduleSuffix
      let block = "transformer.layer.\(key.block ?? 0)."
      switch key.part {
      case .words: return [.encoder("embeddings.word_embeddings.weight")]
      case .positions: return [.encoder("embeddings.position_embeddings.weight")]
      case .norm: return [.encoder("embeddings.LayerNorm.\(kind)")]
      case .attentionInput:
        return ["q_lin", "k_lin", "v_lin"].enumerated().map { part, name in
          .encoder("\(block)attention.\(name).\(kind)", part: part, of: 3)
        }
      case .attentionOutput: return [.encoder("\(block)attention.out_lin.\(kind)")]
      case .attentionNorm: return [.encoder("\(block)sa_layer_norm.\(kind)")]
      case .feedForwardInput: return [.encoder("\(block)ffn.lin1.\(kind)")]
      case .feedForwardOutput: return [.encoder("\(block)ffn.lin2.\(kind)")]
      case .feedForwardNorm: return [.encoder("\(block)output_layer_norm.\(kind)")]
      case .pool: return [.head("pre_classifier.\(kind)")]
      case .classifier: return [.head("classifier.\(kind)")]
      default: return []
      }
    },
    wordHeads: [
      WordHeadNames(
        dense: "vocab_transform", norm: "vocab_layer_norm", decoder: "vocab_projector",
        biases: ["vocab_projector.bias"])
    ])
}
