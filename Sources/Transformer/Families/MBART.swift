extension Architecture {
  /// mBART (Liu et al., 2020): `MBartForConditionalGeneration`. BART with norms in front and behind the last block.
  static let mbart = Architecture.likeBART(
    "mbart", "MBart", BARTStyle(placement: .pre, hasEmbeddingNorm: true))
}
