import JSON
import Tensor

extension Architecture {
  /// NomicBERT by its own code (nomic-embed-text): the shape of `nomicBERT` with GPT-2's keys.
  static let nomicBERTOwn = Architecture(
    modelTypes: ["nomic_bert (own code)"], classPrefix: "NomicBert", tensorPrefix: "bert.",
    read: { reader in
      for (key, wanted) in [
        ("prenorm", false), ("parallel_block", false), ("use_rms_norm", false), ("causal", false),
        ("rotary_emb_interleaved", false),
      ] where try reader.flag(key, wanted) != wanted {
        throw ModelError.unsupported(
          path: reader.path, what: "\"\(key)\": \(!wanted)", supported: "\(wanted)")
      }
      let activation = try reader.name("activation_function") ?? "swiglu"
      let gates: [String: Activation] = ["swiglu": .silu, "geglu": .gelu, "glu": .sigmoid]
      let width = try reader.size("n_embd")
      let inside = try reader.optionalSize("n_inner") ?? 4 * width
      let feedForward = FeedForwardShape(
        width: inside,
        activation: try gates[activation] ?? reader.activation("activation_function"),
        isGated: gates[activation] != nil, hasInputBias: try reader.flag("mlp_fc1_bias", true),
        hasOutputBias: try reader.flag("mlp_fc2_bias", true))
      let heads = try reader.heads("n_head", dividing: width)
      let form = AttentionForm(heads: heads, headSize: width / heads)
      var shape = try RotaryBERTLayout.shape(
        reader, "nomic_bert (own code)", form, try rotary(reader, form.headSize), feedForward,
        hasAttentionBias: try reader.flag("qkv_proj_bias", true), width: width,
        layers: try reader.blocks("n_layer"),
        norm: .layer(epsilon: try reader.epsilon("layer_norm_epsilon", 1e-12)),
        longest: try reader.size("n_positions"))
      if turns(reader) == 0 { shape.embeddings.positions = .learned }
      return shape
    },
    headPlan: SequenceHeadShape(activation: .tanh),
    names: { key, _ in
      let kind = key.moduleSuffix
      let block = "encoder.layers.\(key.block ?? 0)."
      switch (key.place, key.part) {
      case (.head, .pool): return [.encoder("pooler.dense.\(kind)")]
      case (.head, _): return [.head("classifier.\(kind)")]
      case (.embeddings, .norm): return [.encoder("emb_ln.\(kind)")]
      case (_, .attentionInput): return [.encoder("\(block)attn.Wqkv.\(kind)")]
      case (_, .attentionOutput): return [.encoder("\(block)attn.out_proj.\(kind)")]
      case (_, .attentionNorm): return [.encoder("\(block)norm1.\(kind)")]
      case (_, .feedForwardInput):
        return ["fc12", "fc11"].enumerated().map { part, name in
          .encoder("\(block)mlp.\(name).\(kind)", part: part, of: 2)
        }
      case (_, .feedForwardOutput): return [.encoder("\(block)mlp.fc2.\(kind)")]
      case (_, .feedForwardNorm): return [.encoder("\(block)norm2.\(kind)")]
      default: return BERTLayout.names(key)
      }
    },
    claims: { $0.modelType == "nomic_bert" && $0.json["n_embd"] != nil })

  private static func turns(_ reader: ConfigReader) -> Double {
    reader.json["rotary_emb_fraction"]?.doubleValue ?? 0
  }

  private static func rotary(_ reader: ConfigReader, _ headSize: Int) throws -> RotaryShape? {
    guard turns(reader) != 0 else { return nil }
    let share = try reader.positive("rotary_emb_fraction", 1, below: 1.000001)
    var shape = RotaryShape(base: try reader.positive("rotary_emb_base", 10000), pairing: .halves)
    shape.width = Int(Double(headSize) * share) / 2 * 2
    if let factor = reader.json["rotary_scaling_factor"], !factor.isNull {
      shape.scaling = .dynamic(
        factor: try reader.positive("rotary_scaling_factor", 1),
        trained: try reader.optionalSize("max_trained_positions") ?? 2048)
    }
    return shape
  }

  /// GTE by its own code ("new"): the shape of `gte` with fused projections.
  static let gteOwn = Architecture(
    modelTypes: ["new"], classPrefix: "New", tensorPrefix: "new.",
    read: { reader in
      try reader.require("position_embedding_type", oneOf: ["rope"])
      try reader.require("layer_norm_type", oneOf: ["layer_norm"])
      if try reader.flag("logn_attention_scale", false) {
        throw ModelError.unsupported(
          path: reader.path, what: "\"logn_attention_scale\": true", supported: "false")
      }
      return try RotaryBERTLayout.read(
        reader, theta: 10_000, activation: "gelu", hasAttentionBias: true, hasOutputBias: true)
    },
    headPlan: SequenceHeadShape(activation: .tanh),
    names: { key, _ in
      let kind = key.moduleSuffix
      let block = "encoder.layer.\(key.block ?? 0)."
      switch (key.place, key.part) {
      case (.head, .pool): return [.encoder("pooler.dense.\(kind)")]
      case (.head, _): return [.head("classifier.\(kind)")]
      case (_, .positions): return []
      case (_, .attentionInput): return [.encoder("\(block)attention.qkv_proj.\(kind)")]
      case (_, .attentionOutput): return [.encoder("\(block)attention.o_proj.\(kind)")]
      case (_, .attentionNorm): return [.encoder("\(block)attn_ln.\(kind)")]
      case (_, .feedForwardInput):
        return CheckpointSlice.encoder("\(block)mlp.up_gate_proj.\(kind)", order: [1, 0])
      case (_, .feedForwardOutput): return [.encoder("\(block)mlp.down_proj.\(kind)")]
      case (_, .feedForwardNorm): return [.encoder("\(block)mlp_ln.\(kind)")]
      default: return BERTLayout.names(key)
      }
    })

  /// JinaBERT v2 by its own code (Günther et al., 2023): BERT whose scores fall with distance to both sides, with a
  /// gated feed-forward part.
  static let jinaBERT = Architecture(
    modelTypes: ["bert (alibi)"], classPrefix: "JinaBert", tensorPrefix: "bert.",
    read: { reader in
      let width = try reader.size("hidden_size")
      let heads = try reader.heads("num_attention_heads", dividing: width)
      let kind = try reader.name("feed_forward_type") ?? "original"
      guard let gate = ["geglu": Activation.gelu, "reglu": .relu][kind] else {
        throw ModelError.unsupported(
          path: reader.path, what: "feed_forward_type \"\(kind.prefix(100))\"",
          supported: "geglu, reglu")
      }
      var form = AttentionForm(heads: heads, headSize: width / heads)
      form.slopes = PositionalEncoding.publishedSlopes(heads: heads)
      var shape = try RotaryBERTLayout.shape(
        reader, "bert (alibi)", form, nil,
        FeedForwardShape(
          width: try reader.size("intermediate_size"), activation: gate, isGated: true,
          hasInputBias: false), hasAttentionBias: true, width: width,
        layers: try reader.blocks("num_hidden_layers"),
        norm: .layer(epsilon: try reader.epsilon("layer_norm_eps")),
        longest: try reader.size("max_position_embeddings"))
      for index in shape.encoder.blocks.indices {
        shape.encoder.blocks[index].attention.positions = .slopes
      }
      return shape
    },
    headPlan: SequenceHeadShape(activation: .tanh),
    names: { key, _ in
      let kind = key.moduleSuffix
      let block = "encoder.layer.\(key.block ?? 0).mlp."
      switch (key.place, key.part) {
      case (.head, .pool): return [.encoder("pooler.dense.\(kind)")]
      case (.head, _): return [.head("classifier.\(kind)")]
      case (_, .positions): return []
      case (_, .feedForwardInput): return [.encoder("\(block)gated_layers.\(kind)")]
      case (_, .feedForwardOutput): return [.encoder("\(block)wo.\(kind)")]
      case (_, .feedForwardNorm): return [.encoder("\(block)layernorm.\(kind)")]
      default: return BERTLayout.names(key)
      }
    },
    claims: {
      $0.modelType == "bert" && $0.json["position_embedding_type"]?.stringValue == "alibi"
    })
}
