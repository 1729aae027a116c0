/// Dropout by a hash of seed and position, so that no mask is stored.
public struct Dropout: Sendable {
  /// Share of elements set to zero; 0 switches dropout off.
  public let probability: Float
  /// Changes the mask.
  public let seed: UInt32

  /// Drops with `probability`, by `seed`.
  public init(probability: Float, seed: UInt32) {
    precondition(probability >= 0 && probability < 1, "a probability below one")
    self.probability = probability
    self.seed = seed
  }

  /// Drops nothing.
  public static let none = Dropout(probability: 0, seed: 0)
}
