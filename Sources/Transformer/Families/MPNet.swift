import JSON
import Tensor

extension Architecture {
  /// MPNet (Song et al., 2020): `MPNetModel`. BERT without segments, whose places count from the padding id,
  /// with relative buckets that all layers share.
  static let mpnet = Architecture(
    modelTypes: ["mpnet"], classPrefix: "MPNet", tensorPrefix: "mpnet.",
    read: { reader in
      var shape = try BERTLayout.read(reader, padding: 1, countsFromPadding: true)
      shape.embeddings.tokenTypeCount = 0
      // The class counts 32 buckets whatever this key says.
      guard try reader.count("relative_attention_num_buckets", 32) == 32 else {
        throw ModelError.unsupported(
          path: reader.path, what: "relative_attention_num_buckets other than 32", supported: "32")
      }
      for index in shape.encoder.blocks.indices {
        shape.encoder.blocks[index].attention.positions = .buckets(
          DistanceBuckets(count: 32, farthest: 128))
      }
      return shape
    },
    headPlan: SequenceHeadShape(activation: .tanh),
    names: { key, _ in
      let kind = key.moduleSuffix
      let attention = "encoder.layer.\(key.block ?? 0).attention."
      switch (key.place, key.part) {
      case (.head, .pool): return [.head("classifier.dense.\(kind)")]
      case (.head, _): return [.head("classifier.out_proj.\(kind)")]
      case (_, .relativePlaces): return [.encoder("encoder.relative_attention_bias.weight")]
      case (_, .attentionInput):
        return ["q", "k", "v"].enumerated().map { part, name in
          .encoder("\(attention)attn.\(name).\(kind)", part: part, of: 3)
        }
      case (_, .attentionOutput): return [.encoder("\(attention)attn.o.\(kind)")]
      case (_, .attentionNorm): return [.encoder("\(attention)LayerNorm.\(kind)")]
      default: return BERTLayout.names(key)
      }
    },
    wordHeads: [.roberta])
}
