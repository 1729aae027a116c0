/// The learning rate at each step: a linear warm-up, then a shape that runs to the last step.
public struct LearningRateSchedule: Sendable, Equatable {
  /// Highest rate, reached at the end of the warm-up.
  public var peak: Double
  /// Steps of linear rise from 0, in front of the shape.
  public var warmupSteps: Int
  /// Steps of the whole run.
  public var totalSteps: Int
  /// The way behind the warm-up.
  public var shape: ScheduleShape
  /// Share of the peak that the shape ends at instead of 0: `eta_min` and `lr_end` elsewhere.
  public var floor: Double

  /// A schedule over `totalSteps`.
  public init(
    peak: Double, warmupSteps: Int, totalSteps: Int, shape: ScheduleShape, floor: Double = 0
  ) {
    self.peak = peak
    self.warmupSteps = warmupSteps
    self.totalSteps = totalSteps
    self.shape = shape
    self.floor = floor
  }

  /// The rate of step `step`, counted from 0. Equal to `transformers`' `get_*_schedule_with_warmup`,
  /// and, for the shapes that only PyTorch has, to `torch.optim.lr_scheduler`.
  public func rate(at step: Int) -> Double {
    if step < warmupSteps { return peak * Double(step) / Double(max(1, warmupSteps)) }
    let factor = shape.factor(
      step: step - warmupSteps, span: max(1, totalSteps - warmupSteps), warmupSteps: warmupSteps)
    return peak * (floor + (1 - floor) * factor)
  }

  /// The peak 1 / √(d · warmupSteps) with which a warm-up and `.inverseSquareRoot` are
  /// d^−0.5 · min(step^−0.5, step · warmupSteps^−1.5) (Vaswani et al., 2017, equation 3).
  public static func paperPeak(modelWidth: Int, warmupSteps: Int) -> Double {
    1 / (Double(max(1, modelWidth)) * Double(max(1, warmupSteps))).squareRoot()
  }
}

/// How long a warm-up is.
public enum WarmupLength: Sendable, Equatable, CustomStringConvertible {
  /// So many steps.
  case steps(Int)
  /// This share of all steps.
  case share(Double)

  /// Reads "100" as steps, "0.1" and "10%" as shares; nil for anything else.
  public init?(_ text: String) {
    if text.hasSuffix("%"), let percent = Double(text.dropLast()) {
      self = .share(percent / 100)
    } else if let steps = Int(text) {
      self = .steps(steps)
    } else if let share = Double(text) {
      self = .share(share)
    } else {
      return nil
    }
  }

  /// Steps of a run of `total`.
  public func steps(of total: Int) -> Int {
    switch self {
    case .steps(let steps): steps
    case .share(let share): Int(Double(total) * share)
    }
  }

  /// As `init` reads it.
  public var description: String {
    switch self {
    case .steps(let steps): "\(steps)"
    case .share(let share): "\(share)"
    }
  }

  /// - Throws: `TrainingError.badOption` for what is no length, or, where the steps of the run are
  ///   known, as long as the whole run.
  public func validate(totalSteps: Int? = nil) throws {
    switch self {
    case .share(let share):
      guard share >= 0 && share <= 0.9 else {
        throw TrainingError.badOption(
          name: "--warmup", value: "\(share)", allowed: "a share from 0 to 0.9, or whole steps")
      }
    case .steps(let steps):
      guard steps >= 0, totalSteps.map({ steps == 0 || steps < $0 }) ?? true else {
        throw TrainingError.badOption(
          name: "--warmup", value: "\(steps) steps",
          allowed: totalSteps.map { "shorter than the run, which has \($0) steps" }
            ?? "0 or more steps")
      }
    }
  }
}
