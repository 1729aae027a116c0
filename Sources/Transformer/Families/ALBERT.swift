import JSON
import Tensor

extension Architecture {
  /// ALBERT (Lan et al., 2020): `AlbertModel`. Narrow tables, and blocks that share their weights by groups.
  static let albert = Architecture(
    modelTypes: ["albert"], classPrefix: "Albert", tensorPrefix: "albert.",
    read: { reader in
      var shape = try BERTLayout.read(reader, activation: "gelu_new")
      shape.embeddings.width = try reader.size("embedding_size")
      shape.embeddings.isProjected = true
      shape.dropout.classifier = reader.share("classifier_dropout_prob", 0.1)
      let groups = try reader.size("num_hidden_groups", upTo: shape.layerCount)
      guard try reader.count("inner_group_num", 1) == 1 else {
        throw ModelError.unsupported(
          path: reader.path, what: "inner_group_num above 1", supported: "groups of one layer")
      }
      let layers = shape.layerCount
      for layer in shape.encoder.blocks.indices {
        shape.encoder.blocks[layer].weights = layer * groups / layers
      }
      return shape
    },
    headPlan: SequenceHeadShape(activation: .tanh),
    write: { shape in
      var json = BERTLayout.write(shape)
      let sets = Set(shape.encoder.blocks.map(\.weights)).count
      json["embedding_size"] = JSONValue(shape.embeddings.width)
      json["num_hidden_groups"] = JSONValue(sets)
      json["inner_group_num"] = JSONValue(1)
      json["classifier_dropout_prob"] = .digits(shape.dropout.classifier)
      return json
    },
    names: { key, shape in
      let kind = key.moduleSuffix
      let block = "encoder.albert_layer_groups.\(key.block ?? 0).albert_layers.0."
      switch (key.place, key.part) {
      case (.head, .pool): return [.encoder("pooler.\(kind)")]
      case (.head, _): return [.head("classifier.\(kind)")]
      case (_, .projection): return [.encoder("encoder.embedding_hidden_mapping_in.\(kind)")]
      case (_, .attentionInput):
        return ["query", "key", "value"].enumerated().map { part, name in
          .encoder("\(block)attention.\(name).\(kind)", part: part, of: 3)
        }
      case (_, .attentionOutput): return [.encoder("\(block)attention.dense.\(kind)")]
      case (_, .attentionNorm): return [.encoder("\(block)attention.LayerNorm.\(kind)")]
      case (_, .feedForwardInput): return [.encoder("\(block)ffn.\(kind)")]
      case (_, .feedForwardOutput): return [.encoder("\(block)ffn_output.\(kind)")]
      case (_, .feedForwardNorm): return [.encoder("\(block)full_layer_layer_norm.\(kind)")]
      default: return BERTLayout.names(key)
      }
    },
    wordHeads: [
      WordHeadNames(
        dense: "predictions.dense", norm: "predictions.LayerNorm", decoder: "predictions.decoder",
        biases: ["predictions.decoder.bias", "predictions.bias"])
    ])
}
