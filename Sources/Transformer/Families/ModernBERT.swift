import JSON
import Tensor

extension Architecture {
  /// ModernBERT (Warner et al., 2024): `ModernBertModel`. Rotary places, gated feed-forward, norms in front
  /// and mostly without biases, local windows between layers that see all.
  static let modernBERT = Architecture(
    modelTypes: ["modernbert"], classPrefix: "ModernBert", tensorPrefix: "model.",
    read: { try ModernBERTLayout.read($0) },
    headPlan: SequenceHeadShape(activation: .gelu),
    names: { key, _ in ModernBERTLayout.names(key) }, tokenHead: nil,
    wordHeads: [
      WordHeadNames(
        dense: "head.dense", norm: "head.norm", decoder: "decoder", biases: ["decoder.bias"])
    ])
}

private enum ModernBERTLayout {
  static func norm(_ reader: ConfigReader) throws -> NormShape {
    .layer(
      epsilon: try reader.epsilon("norm_eps", 1e-5),
      hasBias: try reader.flag("norm_bias", false))
  }

  static func read(_ reader: ConfigReader) throws -> ModelShape {
    let width = try reader.size("hidden_size")
    let heads = try reader.heads("num_attention_heads", dividing: width)
    let layers = try reader.blocks("num_hidden_layers")
    let longest = try reader.size("max_position_embeddings")
    let norm = try norm(reader)
    let every = max(1, try reader.count("global_attn_every_n_layers", 3))
    let kinds = try reader.localLayers(layers) { $0 % every != 0 }
    let reach = try reader.size("local_attention") / 2
    let form = AttentionForm(heads: heads, headSize: width / heads)
    let turning = (
      all: try reader.rotary(
        headSize: width / heads, theta: 160_000, kind: "full_attention",
        thetaKey: "global_rope_theta"),
      local: try reader.rotary(
        headSize: width / heads, theta: 10_000, kind: "sliding_attention",
        thetaKey: "local_rope_theta")
    )
    let hasBias = try reader.flag("mlp_bias", false)
    let feedForward = FeedForwardShape(
      width: try reader.size("intermediate_size"),
      activation: try reader.activation("hidden_activation"), isGated: true,
      hasInputBias: hasBias, hasOutputBias: hasBias)
    let attentionBias = try reader.flag("attention_bias", false)
    let blocks = kinds.enumerated().map { index, isLocal in
      var form = form
      if isLocal { (form.left, form.right) = (reach, reach) }
      var attention = AttentionShape(
        form, positions: .rotary(isLocal ? turning.local : turning.all))
      (attention.hasInputBias, attention.hasOutputBias) = (attentionBias, attentionBias)
      var block = BlockShape(
        weights: index, attention: attention, feedForward: feedForward, norm: norm, placement: .pre)
      // The embeddings' norm stands right before the first block.
      if index == 0 { block.attentionNorm = nil }
      return block
    }
    var shape = ModelShape(
      modelType: reader.modelType,
      embeddings: EmbeddingShape(
        vocabularySize: try reader.size("vocab_size"), width: width, positions: .none,
        positionCount: longest, norm: norm),
      encoder: StackShape(width: width, blocks: blocks, finalNorm: norm), maximumTokens: longest,
      paddingID: try reader.count("pad_token_id", 50283),
      dropout: DropoutShape(
        reader.share("mlp_dropout", 0), attention: reader.share("attention_dropout", 0),
        classifier: reader.share("classifier_dropout", 0)))
    shape.headPlan.pool = SequenceHeadShape.Pool(
      activation: try reader.activation("classifier_activation"),
      hasBias: try reader.flag("classifier_bias", false), norm: norm)
    try reader.require("classifier_pooling", oneOf: ["cls", "mean"])
    if reader.json["classifier_pooling"]?.stringValue == "mean" { shape.headPlan.reading = .mean }
    return shape
  }

  static func names(_ key: ParameterKey) -> [CheckpointSlice] {
    let kind = key.moduleSuffix
    let block = "layers.\(key.block ?? 0)."
    switch (key.place, key.part) {
    case (_, .words): return [.encoder("embeddings.tok_embeddings.weight")]
    case (.embeddings, .norm): return [.encoder("embeddings.norm.\(kind)")]
    case (.final, _): return [.encoder("final_norm.\(kind)")]
    case (.head, .pool): return [.head("head.dense.\(kind)")]
    case (.head, .norm): return [.head("head.norm.\(kind)")]
    case (.head, _): return [.head("classifier.\(kind)")]
    case (_, .attentionInput): return [.encoder("\(block)attn.Wqkv.\(kind)")]
    case (_, .attentionOutput): return [.encoder("\(block)attn.Wo.\(kind)")]
    case (_, .attentionNorm): return [.encoder("\(block)attn_norm.\(kind)")]
    case (_, .feedForwardInput): return [.encoder("\(block)mlp.Wi.\(kind)")]
    case (_, .feedForwardOutput): return [.encoder("\(block)mlp.Wo.\(kind)")]
    case (_, .feedForwardNorm): return [.encoder("\(block)mlp_norm.\(kind)")]
    default: return []
    }
  }
}
