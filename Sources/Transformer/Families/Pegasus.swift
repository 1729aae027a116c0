extension Architecture {
  /// Pegasus (Zhang et al., 2020): `PegasusForConditionalGeneration`. BART's code with norms in front and constant places.
  static let pegasus = Architecture.likeBART(
    "pegasus", "Pegasus",
    BARTStyle(
      placement: .pre, positions: .sinusoidal, sinusoids: .halves, offset: 0, defaultPadding: 0,
      defaultStart: 0))
}
