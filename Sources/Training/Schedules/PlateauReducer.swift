/// Lowers the rate when a loss has stopped falling (PyTorch's `ReduceLROnPlateau`, with its default
/// of a relative threshold).
public struct PlateauReducer: Sendable, Equatable, Codable {
  /// The rate is multiplied by it at each fall.
  public var factor: Double
  /// Looks without improvement before the rate falls.
  public var patience: Int
  /// Share by which a loss must be below the best to count as better.
  public var threshold: Double
  /// Looks after a fall that do not count.
  public var cooldown: Int
  /// The scale never falls below this.
  public var minimumScale: Double
  /// What the rate is multiplied by now.
  public private(set) var scale = 1.0
  private var best = Double.greatestFiniteMagnitude
  private var bad = 0
  private var cooling = 0

  /// PyTorch's defaults, but for the patience of a trainer that looks once an epoch.
  public init(
    factor: Double = 0.1, patience: Int = 2, threshold: Double = 1e-4, cooldown: Int = 0,
    minimumScale: Double = 0
  ) {
    self.factor = factor
    self.patience = patience
    self.threshold = threshold
    self.cooldown = cooldown
    self.minimumScale = minimumScale
  }

  /// Takes a loss into account; true when the rate falls by it.
  @discardableResult
  public mutating func observe(_ loss: Double) -> Bool {
    if loss < best * (1 - threshold) {
      (best, bad) = (loss, 0)
    } else {
      bad += 1
    }
    if cooling > 0 {
      cooling -= 1
      bad = 0
    }
    guard bad > patience else { return false }
    (bad, cooling) = (0, cooldown)
    let lower = max(scale * factor, minimumScale)
    guard scale - lower > 1e-8 else { return false }
    scale = lower
    return true
  }
}
