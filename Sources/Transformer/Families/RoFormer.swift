import JSON
import Tensor

extension Architecture {
  /// RoFormer (Su et al., 2021): `RoFormerModel`. BERT whose queries and keys turn by their places, in pairs of
  /// neighbours; tables may be narrower than the stack.
  static let roFormer = Architecture(
    modelTypes: ["roformer"], classPrefix: "RoFormer", tensorPrefix: "roformer.",
    read: { reader in
      var shape = try BERTLayout.read(reader)
      shape.embeddings.positions = .none
      shape.embeddings.width = try reader.optionalSize("embedding_size") ?? shape.hiddenSize
      shape.embeddings.isProjected = shape.embeddings.width != shape.hiddenSize
      var turning = RotaryShape()
      turning.turnsValues = try reader.flag("rotary_value", false)
      for index in shape.encoder.blocks.indices {
        shape.encoder.blocks[index].attention.positions = .rotary(turning)
      }
      shape.headPlan.pool?.activation = try reader.activation("hidden_act")
      return shape
    },
    headPlan: SequenceHeadShape(activation: .gelu),
    names: { key, _ in
      let kind = key.moduleSuffix
      switch (key.place, key.part) {
      case (.head, .pool): return [.head("classifier.dense.\(kind)")]
      case (.head, _): return [.head("classifier.out_proj.\(kind)")]
      case (_, .projection): return [.encoder("embeddings_project.\(kind)")]
      case (_, .positions): return []
      default: return BERTLayout.names(key)
      }
    })
}
