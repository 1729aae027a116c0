import JSON
import Tensor

extension Architecture {
  /// RoBERTa (Liu et al., 2019): `RobertaModel`. BERT whose places count from the padding id, with a head of
  /// its own.
  static let roberta = Architecture.roberta(modelType: "roberta", classPrefix: "Roberta")

  /// XLM-R (Conneau et al., 2020): `XLMRobertaModel`. RoBERTa's shape, a SentencePiece vocabulary.
  static let xlmRoberta = Architecture.roberta(
    modelType: "xlm-roberta", classPrefix: "XLMRoberta")

  /// RoBERTa with the norms in front (Ott et al., 2019): `RobertaPreLayerNormModel`.
  static let robertaPreLayerNorm = Architecture.roberta(
    modelType: "roberta-prelayernorm", classPrefix: "RobertaPreLayerNorm",
    tensorPrefix: "roberta_prelayernorm.", placement: .pre,
    norms: ("attention.LayerNorm", "intermediate.LayerNorm"))

  private static func roberta(
    modelType: String, classPrefix: String, tensorPrefix: String = "roberta.",
    placement: BlockShape.Placement = .post,
    norms: (attention: String, feedForward: String) = (
      "attention.output.LayerNorm", "output.LayerNorm"
    )
  ) -> Architecture {
    Architecture(
      modelTypes: [modelType], classPrefix: classPrefix, tensorPrefix: tensorPrefix,
      read: {
        try BERTLayout.read($0, placement: placement, padding: 1, countsFromPadding: true)
      },
      head: { SequenceHeadShape(labels: $0, activation: .tanh) },
      write: { BERTLayout.write($0) },
      names: { key, _ in
        guard key.place == .head else { return BERTLayout.names(key, norms: norms) }
        let layer = key.part == .pool ? "dense" : "out_proj"
        return [.head("classifier.\(layer).\(key.moduleSuffix)")]
      })
  }
}
