import JSON
import Tensor

extension Architecture {
  /// NomicBERT (Nussbaum et al., 2024): `NomicBertModel` of transformers. Rotary places, gated feed-forward, no
  /// biases in the layers, norms behind.
  static let nomicBERT = Architecture(
    modelTypes: ["nomic_bert"], classPrefix: "NomicBert", tensorPrefix: "nomic_bert.",
    read: { reader in
      try RotaryBERTLayout.read(
        reader, theta: 1000, activation: "silu", hasAttentionBias: false, hasOutputBias: false)
    },
    headPlan: SequenceHeadShape(activation: .tanh),
    names: { key, shape in RotaryBERTLayout.names(key, shape) }, otherNames: [nomicBERTOwn.names],
    wordHeads: [.bert])

  /// GTE (Zhang et al., 2024): `GteModel` of transformers. As NomicBERT, with biases but on the gates.
  static let gte = Architecture(
    modelTypes: ["gte"], classPrefix: "Gte", tensorPrefix: "gte.",
    read: { reader in
      try RotaryBERTLayout.read(
        reader, theta: 160_000, activation: "gelu", hasAttentionBias: true, hasOutputBias: true)
    },
    headPlan: SequenceHeadShape(activation: .tanh),
    names: { key, shape in RotaryBERTLayout.names(key, shape) }, otherNames: [gteOwn.names],
    wordHeads: [.roberta])
}

/// BERT's embeddings and head around blocks as Llama names them, with layer norms behind.
enum RotaryBERTLayout {
  static func read(
    _ reader: ConfigReader, theta: Double, activation: String, hasAttentionBias: Bool,
    hasOutputBias: Bool
  ) throws -> ModelShape {
    let width = try reader.size("hidden_size")
    let form = try reader.attentionForm(width: width)
    let turning = try reader.rotary(headSize: form.headSize, theta: theta)
    let feedForward = FeedForwardShape(
      width: try reader.size("intermediate_size"),
      activation: try reader.activation("hidden_act", activation), isGated: true,
      hasInputBias: false, hasOutputBias: hasOutputBias)
    return try shape(
      reader, reader.modelType, form, turning, feedForward, hasAttentionBias: hasAttentionBias,
      width: width, layers: try reader.blocks("num_hidden_layers"),
      norm: .layer(epsilon: try reader.epsilon("layer_norm_eps")),
      longest: try reader.size("max_position_embeddings"))
  }

  /// Blocks with norms behind and rotary places, under BERT's embeddings.
  static func shape(
    _ reader: ConfigReader, _ modelType: String, _ form: AttentionForm, _ turning: RotaryShape?,
    _ feedForward: FeedForwardShape, hasAttentionBias: Bool, width: Int, layers: Int,
    norm: NormShape, longest: Int
  ) throws -> ModelShape {
    var attention = AttentionShape(form, positions: turning.map { .rotary($0) } ?? .none)
    (attention.hasInputBias, attention.hasOutputBias) = (hasAttentionBias, hasAttentionBias)
    let hidden = reader.share("hidden_dropout_prob", 0.1)
    return ModelShape(
      modelType: modelType,
      embeddings: EmbeddingShape(
        vocabularySize: try reader.size("vocab_size"), width: width, positions: .none,
        positionCount: longest, tokenTypeCount: try reader.count("type_vocab_size", 2),
        norm: norm),
      encoder: StackShape(
        width: width,
        blocks: (0..<layers).map {
          BlockShape(
            weights: $0, attention: attention, feedForward: feedForward, norm: norm,
            placement: .post)
        }), maximumTokens: longest, paddingID: try reader.count("pad_token_id", 0),
      dropout: DropoutShape(
        hidden, attention: reader.share("attention_probs_dropout_prob", 0),
        classifier: reader.share("classifier_dropout", hidden)))
  }

  static func names(_ key: ParameterKey, _ shape: ModelShape) -> [CheckpointSlice] {
    let kind = key.moduleSuffix
    let block = "layers.\(key.block ?? 0)."
    switch (key.place, key.part) {
    case (.head, .pool): return [.encoder("pooler.dense.\(kind)")]
    case (.head, _): return [.head("classifier.\(kind)")]
    case (_, .positions): return []
    case (_, .attentionInput):
      return CheckpointSlice.projections(
        ["q_proj", "k_proj", "v_proj"].map { "\(block)self_attn.\($0).\(kind)" }, key, shape)
    case (_, .attentionOutput): return [.encoder("\(block)self_attn.o_proj.\(kind)")]
    case (_, .attentionNorm): return [.encoder("\(block)post_attention_layernorm.\(kind)")]
    case (_, .feedForwardInput):
      return ["gate_proj", "up_proj"].enumerated().map { part, name in
        .encoder("\(block)mlp.\(name).\(kind)", part: part, of: 2)
      }
    case (_, .feedForwardOutput): return [.encoder("\(block)mlp.down_proj.\(kind)")]
    case (_, .feedForwardNorm): return [.encoder("\(block)post_mlp_layernorm.\(kind)")]
    default: return BERTLayout.names(key)
    }
  }
}
