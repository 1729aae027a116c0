import Foundation

/// What the rate does behind the warm-up, as a factor of the peak.
public enum ScheduleShape: Sendable, Equatable {
  /// The peak throughout.
  case constant
  /// 1 − progress.
  case linear
  /// (1 + cos(π·progress)) / 2 (Loshchilov and Hutter, 2017, without restarts).
  case cosine
  /// SGDR (Loshchilov and Hutter, 2017): cosines that start anew, the first `firstPeriod` steps long
  /// (T_0; 0 for a seventh of the run), each `multiplier` (T_mult) times as long as the one before.
  case cosineRestarts(firstPeriod: Int, multiplier: Int)
  /// (1 − progress)^power.
  case polynomial(power: Double)
  /// `final`^progress: the same factor at every step, `final` of the peak at the end.
  case exponential(final: Double)
  /// √(warmupSteps / step) (Vaswani et al., 2017, section 5.3); with no warm-up, √(10000 / (10000 +
  /// step)), as `transformers` has it.
  case inverseSquareRoot
  /// `factor` at every `every` steps (0 for a third of the run).
  case step(every: Int, factor: Double)
  /// One cosine up from 1 / `startDivisor` over `risingShare` of the steps and one down to 1 /
  /// (`startDivisor` · `finalDivisor`) (Smith and Topin, 2018, as PyTorch's `OneCycleLR`).
  case oneCycle(risingShare: Double, startDivisor: Double, finalDivisor: Double)
  /// The peak, then `curve` over the last `decayShare` of all steps behind the warm-up (Hu et al.,
  /// 2024).
  case warmupStableDecay(decayShare: Double, curve: DecayCurve)
  /// The peak until the validation loss stops falling; see `PlateauReducer`.
  case reduceOnPlateau(PlateauReducer)

  /// The end of warm-up–stable–decay.
  public enum DecayCurve: String, Sendable, CaseIterable {
    /// A straight line.
    case linear
    /// Half a cosine.
    case cosine
    /// 1 − √progress (Hägele et al., 2024).
    case oneMinusSquareRoot = "1-sqrt"
  }

  /// Parameters of the shapes that have some.
  public struct Parameters: Sendable, Equatable {
    /// T_0 of cosine-restarts in steps; 0 for a seventh of the run, so that three periods fit if each is twice as long.
    public var firstPeriod = 0
    /// T_mult of cosine-restarts.
    public var multiplier = 2
    /// Exponent of polynomial.
    public var power = 2.0
    /// What exponential ends at, as a share of the peak.
    public var final = 0.01
    /// Steps between the falls of step; 0 for a third of the run.
    public var every = 0
    /// The factor of step and plateau.
    public var factor = 0.1
    /// Share of the steps in which one-cycle rises.
    public var risingShare = 0.3
    /// One-cycle starts at the peak divided by this.
    public var startDivisor = 25.0
    /// One-cycle ends at its start divided by this.
    public var finalDivisor = 1e4
    /// Share of the steps in which wsd falls.
    public var decayShare = 0.2
    /// How wsd falls.
    public var curve = DecayCurve.cosine
    /// Looks without improvement that plateau bears.
    public var patience = 2

    /// The defaults.
    public init() {}

    /// - Throws: `TrainingError.badOption` for the first value that makes no sense.
    public func validate() throws {
      func check(_ name: String, _ value: Double, _ allowed: String, _ good: Bool) throws {
        if !good { throw TrainingError.badOption(name: name, value: "\(value)", allowed: allowed) }
      }
      try check("--t0", Double(firstPeriod), "0 or above", firstPeriod >= 0)
      try check("--t-mult", Double(multiplier), "from 1 to 100", (1...100).contains(multiplier))
      try check("--power", power, "above 0 and at most 100", power > 0 && power <= 100)
      try check("--final", final, "above 0 and at most 1", final > 0 && final <= 1)
      try check("--step-size", Double(every), "0 or above", every >= 0)
      try check("--factor", factor, "above 0 and below 1", factor > 0 && factor < 1)
      try check(
        "--rising-share", risingShare, "above 0 and below 1", risingShare > 0 && risingShare < 1)
      try check(
        "--start-divisor", startDivisor, "1 or above", startDivisor >= 1 && startDivisor.isFinite)
      try check(
        "--final-divisor", finalDivisor, "1 or above", finalDivisor >= 1 && finalDivisor.isFinite)
      try check(
        "--decay-share", decayShare, "above 0 and at most 1", decayShare > 0 && decayShare <= 1)
      try check("--plateau-patience", Double(patience), "0 or above", patience >= 0)
    }
  }

  /// The shape that `name` means on the command line; nil for an unknown one.
  public init?(name: String, parameters p: Parameters = Parameters()) {
    switch name {
    case "constant": self = .constant
    case "linear": self = .linear
    case "cosine": self = .cosine
    case "cosine-restarts":
      self = .cosineRestarts(firstPeriod: p.firstPeriod, multiplier: p.multiplier)
    case "polynomial": self = .polynomial(power: p.power)
    case "exponential": self = .exponential(final: p.final)
    case "inverse-sqrt": self = .inverseSquareRoot
    case "step": self = .step(every: p.every, factor: p.factor)
    case "one-cycle":
      self = .oneCycle(
        risingShare: p.risingShare, startDivisor: p.startDivisor, finalDivisor: p.finalDivisor)
    case "wsd": self = .warmupStableDecay(decayShare: p.decayShare, curve: p.curve)
    case "plateau":
      self = .reduceOnPlateau(PlateauReducer(factor: p.factor, patience: p.patience))
    default: return nil
    }
  }

  /// Names that `init(name:)` takes.
  public static let names = [
    "constant", "linear", "cosine", "cosine-restarts", "polynomial", "exponential",
    "inverse-sqrt", "step", "one-cycle", "wsd", "plateau",
  ]

  /// The name of this shape, as `init(name:)` takes it.
  public var name: String {
    switch self {
    case .constant: "constant"
    case .linear: "linear"
    case .cosine: "cosine"
    case .cosineRestarts: "cosine-restarts"
    case .polynomial: "polynomial"
    case .exponential: "exponential"
    case .inverseSquareRoot: "inverse-sqrt"
    case .step: "step"
    case .oneCycle: "one-cycle"
    case .warmupStableDecay: "wsd"
    case .reduceOnPlateau: "plateau"
    }
  }

  /// The factor at `step` of `span`, both counted from the end of the warm-up.
  func factor(step: Int, span: Int, warmupSteps: Int) -> Double {
    let progress = min(1, Double(step) / Double(span))
    switch self {
    case .constant, .reduceOnPlateau: return 1
    case .linear: return 1 - progress
    case .cosine: return Self.cosine(progress)
    case .cosineRestarts(let first, let multiplier):
      return Self.restarts(step, first: first > 0 ? first : max(1, (span + 6) / 7), multiplier)
    case .polynomial(let power): return pow(1 - progress, power)
    case .exponential(let final): return pow(final, progress)
    case .inverseSquareRoot:
      let scale = Double(warmupSteps > 0 ? warmupSteps : 10_000)
      return (scale / (Double(step) + scale)).squareRoot()
    case .step(let every, let factor):
      return pow(factor, Double(step / (every > 0 ? every : max(1, (span + 2) / 3))))
    case .oneCycle(let rising, let start, let final):
      return Self.oneCycle(step, span: span, rising: rising, start: start, final: final)
    case .warmupStableDecay(let share, let curve):
      return Self.decay(step, span: span, share: share, curve)
    }
  }

  /// From 1 to 0 along half a cosine.
  private static func cosine(_ progress: Double) -> Double { 0.5 * (1 + cos(Double.pi * progress)) }

  private static func restarts(_ step: Int, first: Int, _ multiplier: Int) -> Double {
    var (period, place) = (first, step)
    if multiplier <= 1 {
      place %= period
    } else {
      while place >= period {
        place -= period
        period *= multiplier
      }
    }
    return cosine(Double(place) / Double(period))
  }

  private static func oneCycle(
    _ step: Int, span: Int, rising: Double, start: Double, final: Double
  ) -> Double {
    let top = rising * Double(span) - 1
    let last = Double(span - 1)
    let low = 1 / start
    let place = min(Double(step), last)
    if place <= top {
      return 1 + (low - 1) * cosine(top > 0 ? place / top : 1)
    }
    let end = low / final
    return end + (1 - end) * cosine(last > top ? (place - top) / (last - top) : 1)
  }

  private static func decay(
    _ step: Int, span: Int, share: Double, _ curve: DecayCurve
  ) -> Double {
    let falling = max(1, Int((Double(span) * share).rounded()))
    let progress = Double(step - (span - falling)) / Double(falling)
    if progress < 0 { return 1 }
    if progress >= 1 { return 0 }
    switch curve {
    case .linear: return 1 - progress
    case .cosine: return cosine(progress)
    case .oneMinusSquareRoot: return 1 - progress.squareRoot()
    }
  }
}
