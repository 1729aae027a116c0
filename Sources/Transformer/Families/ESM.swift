import JSON
import Tensor

extension Architecture {
  /// ESM-1b and ESM-2, which read proteins (Rives et al., 2021; Lin et al., 2023): `EsmModel`. Norms in front, learned or
  /// rotary places, and embeddings scaled for the masked tokens of training.
  static let esm = Architecture(
    modelTypes: ["esm"], classPrefix: "Esm", tensorPrefix: "esm.",
    read: { reader in
      if reader.json["is_folding_model"]?.boolValue == true {
        throw ModelError.unsupported(
          path: reader.path, what: "is_folding_model",
          supported: "the language models of ESM-1b and ESM-2")
      }
      var shape = try BERTLayout.read(
        reader, placement: .pre, padding: 1, countsFromPadding: true,
        positionTypes: ["absolute", "rotary"])
      shape.embeddings.tokenTypeCount = 0
      if try !reader.flag("emb_layer_norm_before", false) { shape.embeddings.norm = nil }
      if try reader.flag("token_dropout", false) {
        shape.embeddings.maskDropout = MaskDropoutShape(
          maskID: try reader.count("mask_token_id", shape.vocabularySize - 1), share: 0.15 * 0.8)
      }
      let isRotary = reader.json["position_embedding_type"]?.stringValue == "rotary"
      if isRotary { shape.embeddings.positions = .none }
      let turning = RotaryShape(
        base: try reader.positive("rope_theta", 10_000), pairing: .halves)
      for index in shape.encoder.blocks.indices {
        // The class has GELU, whatever hidden_act says.
        shape.encoder.blocks[index].feedForward.activation = .gelu
        if isRotary { shape.encoder.blocks[index].attention.positions = .rotary(turning) }
      }
      return shape
    },
    headPlan: SequenceHeadShape(activation: .tanh),
    names: { key, _ in
      switch (key.place, key.part) {
      case (.head, .pool): return [.head("classifier.dense.\(key.moduleSuffix)")]
      case (.head, _): return [.head("classifier.out_proj.\(key.moduleSuffix)")]
      case (.embeddings, .norm): return [.encoder("embeddings.layer_norm.\(key.moduleSuffix)")]
      default:
        return BERTLayout.names(
          key,
          BERTLayout.Norms(
            attention: "attention.LayerNorm", feedForward: "LayerNorm",
            final: "encoder.emb_layer_norm_after"))
      }
    },
    wordHeads: [.roberta])
}
