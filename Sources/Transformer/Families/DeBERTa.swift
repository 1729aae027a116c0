import JSON
import Tensor

extension Architecture {
  /// DeBERTa v2 and v3 (He et al., 2021, 2023): `DebertaV2Model`. BERT with disentangled attention over
  /// logarithmic buckets.
  static let debertaV2 = Architecture(
    modelTypes: ["deberta-v2"], classPrefix: "DebertaV2", tensorPrefix: "deberta.",
    read: { reader in
      let sharesProjections = try reader.flag("share_att_key", false)
      let norms = (reader.json["norm_rel_ebd"]?.stringValue ?? "none").lowercased()
        .split(separator: "|").map { $0.filter { $0 != " " } }
      var shape = try DeBERTaLayout.read(reader) { shape in
        shape.sharesProjections = sharesProjections
        let buckets = reader.json["position_buckets"]?.intValue ?? -1
        if buckets > 0 {
          shape.farthest = shape.span
          shape.span = try reader.size("position_buckets")
        }
        if norms.contains("layer_norm") {
          shape.norm = .layer(epsilon: try reader.epsilon("layer_norm_eps", 1e-7))
        }
      }
      shape.encoder.blocks[0].convolution = try convolution(reader)
      return shape
    },
    headPlan: DeBERTaLayout.headPlan,
    names: { key, _ in
      let kind = key.moduleSuffix
      let attention = "encoder.layer.\(key.block ?? 0).attention.self."
      switch key.part {
      case .attentionInput:
        return ["query_proj", "key_proj", "value_proj"].enumerated().map { part, name in
          .encoder("\(attention)\(name).\(kind)", part: part, of: 3)
        }
      case .convolution: return [.encoder("encoder.conv.conv.\(kind)")]
      case .convolutionNorm: return [.encoder("encoder.conv.LayerNorm.\(kind)")]
      case .relativeKeys: return [.encoder("\(attention)pos_key_proj.\(kind)")]
      case .relativeQueries: return [.encoder("\(attention)pos_query_proj.\(kind)")]
      default: return DeBERTaLayout.names(key)
      }
    },
    wordHeads: [.bert, .deberta])

  /// The convolution beside the first layer, as deberta-v2-xlarge has it.
  private static func convolution(_ reader: ConfigReader) throws -> ConvolutionShape? {
    guard try reader.count("conv_kernel_size", 0) > 0 else { return nil }
    let kernel = try reader.size("conv_kernel_size", upTo: 99)
    guard kernel % 2 == 1, try reader.count("conv_groups", 1) == 1 else {
      throw ModelError.unsupported(
        path: reader.path, what: "an even conv_kernel_size, or conv_groups above 1,",
        supported: "odd kernels of one group")
    }
    return ConvolutionShape(
      kernel: kernel, activation: try reader.activation("conv_act", "tanh"),
      norm: .layer(epsilon: try reader.epsilon("layer_norm_eps", 1e-7)))
  }

  /// DeBERTa (He et al., 2021): `DebertaModel`. Disentangled attention with a row for each distance;
  /// queries, keys and values of a head stand together in its files, and keys have no bias.
  static let deberta = Architecture(
    modelTypes: ["deberta"], classPrefix: "Deberta", tensorPrefix: "deberta.",
    read: { reader in
      if try reader.flag("talking_head", false) {
        throw ModelError.unsupported(
          path: reader.path, what: "\"talking_head\": true", supported: "heads apart")
      }
      var shape = try DeBERTaLayout.read(reader) { $0.hasKeyBias = false }
      for index in shape.encoder.blocks.indices {
        shape.encoder.blocks[index].attention.hasKeyBias = false
      }
      return shape
    },
    headPlan: DeBERTaLayout.headPlan,
    names: { key, shape in
      let attention = "encoder.layer.\(key.block ?? 0).attention.self."
      switch (key.part, key.role) {
      case (.attentionInput, .bias):
        return [
          .encoder("\(attention)q_bias", part: 0, of: 3),
          .encoder("\(attention)v_bias", part: 2, of: 3),
        ]
      case (.attentionInput, _):
        let heads = shape.headCount
        return CheckpointSlice.encoder(
          "\(attention)in_proj.weight",
          order: (0..<3).flatMap { kind in (0..<heads).map { 3 * $0 + kind } })
      case (.relativeKeys, _): return [.encoder("\(attention)pos_proj.\(key.moduleSuffix)")]
      case (.relativeQueries, _): return [.encoder("\(attention)pos_q_proj.\(key.moduleSuffix)")]
      default: return DeBERTaLayout.names(key)
      }
    },
    wordHeads: [.bert, .deberta])
}

private enum DeBERTaLayout {
  static let headPlan = SequenceHeadShape(activation: .gelu)

  /// - Parameter change: sets what a version has of disentangled attention; `span` comes with the largest distance.
  static func read(
    _ reader: ConfigReader, _ change: (inout DisentangledShape) throws -> Void
  ) throws -> ModelShape {
    var shape = try BERTLayout.read(reader)
    if !(try reader.flag("position_biased_input", true)) { shape.embeddings.positions = .none }
    if let width = try reader.optionalSize("embedding_size"), width != shape.hiddenSize {
      throw ModelError.unsupported(
        path: reader.path, what: "embedding_size (\(width)) other than hidden_size",
        supported: "tables as wide as the stack")
    }
    let kinds = try positions(reader)
    let isRelative = try reader.flag("relative_attention", false)
    let factor = 1 + Float(kinds.keys ? 1 : 0) + Float(kinds.queries ? 1 : 0)
    var disentangled = DisentangledShape(
      span: try span(reader), hasKeys: kinds.keys, hasQueries: kinds.queries,
      sharesProjections: false)
    try change(&disentangled)
    for index in shape.encoder.blocks.indices {
      let form = shape.encoder.blocks[index].attention.form
      shape.encoder.blocks[index].attention.form.scale =
        1 / (Float(form.headSize) * factor).squareRoot()
      if isRelative {
        shape.encoder.blocks[index].attention.positions = .disentangled(disentangled)
      }
    }
    if let width = try reader.optionalSize("pooler_hidden_size"), width != shape.hiddenSize {
      throw ModelError.unsupported(
        path: reader.path, what: "pooler_hidden_size (\(width)) other than hidden_size",
        supported: "heads as wide as the stack")
    }
    shape.headPlan.pool?.activation = try reader.activation("pooler_hidden_act")
    shape.dropout.classifier = reader.share("cls_dropout", shape.dropout.hidden)
    return shape
  }

  /// `pos_att_type`, a list or names between bars.
  private static func positions(_ reader: ConfigReader) throws -> (keys: Bool, queries: Bool) {
    let json = reader.json["pos_att_type"] ?? .null
    let names =
      json.arrayValue?.map { $0.stringValue ?? "" }
      ?? (json.stringValue ?? "").split(separator: "|").map { String($0) }
    let kinds = names.map { $0.lowercased().filter { $0 != " " } }
    if let other = kinds.first(where: { !["c2p", "p2c"].contains($0) }) {
      throw ModelError.unsupported(
        path: reader.path, what: "pos_att_type \"\(other.prefix(100))\"", supported: "c2p, p2c")
    }
    return (kinds.contains("c2p"), kinds.contains("p2c"))
  }

  private static func span(_ reader: ConfigReader) throws -> Int {
    let given = reader.json["max_relative_positions"]?.intValue ?? -1
    return given < 1
      ? try reader.size("max_position_embeddings") : try reader.size("max_relative_positions")
  }

  static func names(_ key: ParameterKey) -> [CheckpointSlice] {
    let kind = key.moduleSuffix
    switch (key.place, key.part) {
    case (.head, .pool): return [.head("pooler.dense.\(kind)")]
    case (.head, _): return [.head("classifier.\(kind)")]
    case (_, .relativePlaces): return [.encoder("encoder.rel_embeddings.weight")]
    case (_, .relativeNorm): return [.encoder("encoder.LayerNorm.\(kind)")]
    default: return BERTLayout.names(key)
    }
  }
}
