import JSON
import Tensor

extension Architecture {
  /// ELECTRA's discriminator (Clark et al., 2020): `ElectraModel`. BERT whose tables may be narrower than the
  /// stack, with a GELU in the head.
  static let electra = Architecture(
    modelTypes: ["electra"], classPrefix: "Electra", tensorPrefix: "electra.",
    read: { reader in
      var shape = try BERTLayout.read(reader)
      shape.embeddings.width = try reader.size("embedding_size")
      shape.embeddings.isProjected = shape.embeddings.width != shape.hiddenSize
      return shape
    },
    headPlan: SequenceHeadShape(activation: .gelu),
    write: { shape in
      var json = BERTLayout.write(shape)
      json["embedding_size"] = JSONValue(shape.embeddings.width)
      return json
    },
    names: { key, _ in
      guard key.place == .head else { return BERTLayout.names(key) }
      let layer = key.part == .pool ? "dense" : "out_proj"
      return [.head("classifier.\(layer).\(key.moduleSuffix)")]
    },
    wordHeads: [
      WordHeadNames(
        dense: "generator_predictions.dense", activation: .gelu,
        norm: "generator_predictions.LayerNorm", decoder: "generator_lm_head",
        biases: ["generator_lm_head.bias"])
    ])
}
