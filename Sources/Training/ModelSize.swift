import Transformer

/// The size of a model trained from nothing.
public struct ModelSize: Sendable, Equatable {
  /// Tokens of the learned vocabulary.
  public var vocabulary = 8000
  /// Width of the residual stream.
  public var width = 128
  /// Encoder layers.
  public var layers = 2
  /// Attention heads.
  public var heads = 4
  /// Width inside the feed-forward block.
  public var feedForward = 256
  /// Longest input in tokens.
  public var maximumTokens = 256
  /// Dropout in training.
  public var dropout: Float = 0.2
  /// Where layer norms stand.
  public var placement = BlockShape.Placement.post
  /// How order enters.
  public var positionalEncoding = PositionalEncoding.sinusoidal

  /// The defaults.
  public init() {}

  /// - Throws: `TrainingError.badOption` for the first value that makes no sense.
  public func validate() throws {
    try TrainingError.check("--vocabulary", vocabulary, in: 64...500_000)
    try TrainingError.check("--width", width, in: 8...4096)
    try TrainingError.check("--layers", layers, in: 1...48)
    try TrainingError.check("--heads", heads, in: 1...64)
    try TrainingError.check("--feed-forward", feedForward, in: 8...16384)
    try TrainingError.check("--max-tokens", maximumTokens, in: 8...4096)
    guard width % heads == 0 else {
      throw TrainingError.badOption(
        name: "--heads", value: "\(heads)", allowed: "a divisor of the width \(width)")
    }
    guard dropout >= 0 && dropout < 0.9 else {
      throw TrainingError.badOption(
        name: "--dropout", value: "\(dropout)", allowed: "at least 0 and below 0.9")
    }
  }
}
