import Foundation

/// The learning rate at each step: a linear warm-up, then a decay towards the last step.
public struct LearningRateSchedule: Sendable, Equatable {
  /// How the rate falls after the warm-up. `progress` runs from 0 at its end to 1 at the last step.
  public enum Decay: Sendable, Equatable {
    /// The peak throughout.
    case constant
    /// 1 − progress.
    case linear
    /// (1 + cos(π·progress)) / 2 (Loshchilov and Hutter, 2017, without restarts).
    case cosine
    /// `final`^progress: the same factor at every step, `final` of the peak at the end.
    case exponential(final: Double)
    /// (1 − progress)^power.
    case polynomial(power: Double)
    /// √(warmupSteps / step) (Vaswani et al., 2017, section 5.3).
    case inverseSquareRoot

    /// The decay that `name` means on the command line; nil for an unknown one.
    public init?(name: String) {
      switch name {
      case "constant": self = .constant
      case "linear": self = .linear
      case "cosine": self = .cosine
      case "exponential": self = .exponential(final: 0.01)
      case "polynomial": self = .polynomial(power: 2)
      case "inverse-sqrt": self = .inverseSquareRoot
      default: return nil
      }
    }

    /// Names that `init(name:)` takes.
    public static let names = [
      "constant", "linear", "cosine", "exponential", "polynomial", "inverse-sqrt",
    ]
  }

  /// Highest rate, reached at the end of the warm-up.
  public var peak: Double
  /// Steps of linear rise from 0.
  public var warmupSteps: Int
  /// Steps of the whole run.
  public var totalSteps: Int
  /// The fall behind the warm-up.
  public var decay: Decay

  /// A schedule over `totalSteps`.
  public init(peak: Double, warmupSteps: Int, totalSteps: Int, decay: Decay) {
    self.peak = peak
    self.warmupSteps = warmupSteps
    self.totalSteps = totalSteps
    self.decay = decay
  }

  /// The rate of step `step`, counted from 0. Equal to `transformers`' `get_*_schedule_with_warmup`.
  public func rate(at step: Int) -> Double {
    if step < warmupSteps { return peak * Double(step) / Double(max(1, warmupSteps)) }
    let span = Double(max(1, totalSteps - warmupSteps))
    let progress = min(1, Double(step - warmupSteps) / span)
    switch decay {
    case .constant: return peak
    case .linear: return peak * (1 - progress)
    case .cosine: return peak * 0.5 * (1 + cos(Double.pi * progress))
    case .exponential(let final): return peak * pow(final, progress)
    case .polynomial(let power): return peak * pow(1 - progress, power)
    case .inverseSquareRoot:
      let warm = Double(max(1, warmupSteps))
      return peak * (warm / Double(max(step, max(1, warmupSteps)))).squareRoot()
    }
  }
}
