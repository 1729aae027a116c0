extension Architecture {
  /// M2M100 (Fan et al., 2021) and NLLB (NLLB Team, 2022): `M2M100ForConditionalGeneration`. BART's code with norms in front,
  /// constant places that count from behind the padding id, and no bias on the scores.
  static let m2m100 = Architecture.likeBART(
    "m2m_100", "M2M100",
    BARTStyle(
      placement: .pre, positions: .sinusoidal, sinusoids: .spread, countsPadding: false,
      hasOutputBias: false, defaultStart: 2, activation: "relu"))
}
