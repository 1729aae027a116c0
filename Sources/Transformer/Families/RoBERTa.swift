import JSON
import Tensor

extension Architecture {
  /// RoBERTa (Liu et al., 2019): `RobertaModel`. BERT whose places count from the padding id, with a head of
  /// its own.
  static let roberta = Architecture.roberta(modelType: "roberta", classPrefix: "Roberta")

  /// XLM-R (Conneau et al., 2020): `XLMRobertaModel`. RoBERTa's shape, a SentencePiece vocabulary.
  static let xlmRoberta = Architecture.roberta(
    modelType: "xlm-roberta", classPrefix: "XLMRoberta")

  /// CamemBERT (Martin et al., 2020): `CamembertModel`. RoBERTa's shape for French.
  static let camembert = Architecture.roberta(modelType: "camembert", classPrefix: "Camembert")

  /// Data2Vec for text (Baevski et al., 2022): `Data2VecTextModel`. RoBERTa's shape.
  static let data2vecText = Architecture.roberta(
    modelType: "data2vec-text", classPrefix: "Data2VecText", tensorPrefix: "data2vec_text.")

  /// RoBERTa with the norms in front (Ott et al., 2019): `RobertaPreLayerNormModel`.
  static let robertaPreLayerNorm = Architecture.roberta(
    modelType: "roberta-prelayernorm", classPrefix: "RobertaPreLayerNorm",
    tensorPrefix: "roberta_prelayernorm.", placement: .pre,
    names: BERTLayout.Norms(attention: "attention.LayerNorm", feedForward: "intermediate.LayerNorm")
  )

  /// XLM-R XL (Goyal et al., 2021): `XLMRobertaXLModel`. Norms in front, none over the embeddings.
  static let xlmRobertaXL = Architecture.roberta(
    modelType: "xlm-roberta-xl", classPrefix: "XLMRobertaXL", placement: .pre,
    names: BERTLayout.Norms(
      attention: "attention.self_attn_layer_norm", feedForward: "LayerNorm",
      final: "encoder.LayerNorm"),
    change: { $0.embeddings.norm = nil })

  private static func roberta(
    modelType: String, classPrefix: String, tensorPrefix: String = "roberta.",
    placement: BlockShape.Placement = .post, names: BERTLayout.Norms = BERTLayout.Norms(),
    change: @escaping @Sendable (inout ModelShape) -> Void = { _ in }
  ) -> Architecture {
    Architecture(
      modelTypes: [modelType], classPrefix: classPrefix, tensorPrefix: tensorPrefix,
      read: {
        var shape = try BERTLayout.read(
          $0, placement: placement, padding: 1, countsFromPadding: true)
        change(&shape)
        return shape
      },
      headPlan: SequenceHeadShape(activation: .tanh),
      write: { BERTLayout.write($0) },
      names: { key, _ in
        guard key.place == .head else { return BERTLayout.names(key, names) }
        let layer = key.part == .pool ? "dense" : "out_proj"
        return [.head("classifier.\(layer).\(key.moduleSuffix)")]
      }, wordHeads: [.roberta])
  }
}
