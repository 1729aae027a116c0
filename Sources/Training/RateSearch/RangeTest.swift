import Foundation
import Tensor
import Transformer

/// A learning-rate range test (Smith, 2017): the rate rises exponentially, a step at each, and the
/// loss says where learning begins and where it breaks.
public struct RangeTest: Sendable {
  /// One step.
  public struct Point: Sendable, Equatable {
    /// The rate.
    public var rate: Double
    /// The batch's loss.
    public var loss: Double
    /// The loss smoothed over its forerunners, corrected for the short history.
    public var smoothed: Double

    /// A step.
    public init(rate: Double, loss: Double, smoothed: Double) {
      (self.rate, self.loss, self.smoothed) = (rate, loss, smoothed)
    }
  }

  /// What the losses say.
  public struct Finding: Sendable, Equatable {
    /// Where the smoothed loss falls fastest by the logarithm of the rate.
    public var steepest: Double
    /// Where it has risen by a quarter of its fall above its lowest for good, or the end of the test.
    public var divergence: Double
    /// Whether the loss broke within the test.
    public var diverged: Bool
    /// Where it was lowest.
    public var lowest: Double
    /// A rate with a margin: below the steepest point, and a fifth of where the loss breaks at most.
    public var choice: Double
    /// Whether the loss fell at all.
    public var isConclusive: Bool
  }

  /// The first rate.
  public var low: Double
  /// The last rate.
  public var high: Double
  /// Steps from the one to the other.
  public var steps: Int
  /// Weight of the past in the smoothed loss.
  public var smoothing = 0.9

  /// The defaults suit AdamW.
  public init(low: Double = 1e-6, high: Double = 1, steps: Int = 200) {
    (self.low, self.high, self.steps) = (low, high, steps)
  }

  /// - Throws: `TrainingError.badOption`.
  public func validate() throws {
    guard low > 0, high.isFinite, high > low else {
      throw TrainingError.badOption(
        name: "--low and --high", value: "\(low) and \(high)", allowed: "above 0, and rising")
    }
    guard (20...100_000).contains(steps) else {
      throw TrainingError.badOption(
        name: "--steps", value: "\(steps)", allowed: "from 20 to 100000")
    }
  }

  /// The rate of step `index`, from 0.
  public func rate(_ index: Int) -> Double {
    low * pow(high / low, Double(index) / Double(max(1, steps - 1)))
  }

  /// Runs the test on the rows of `job` with weights of its own; stops early once the loss has gone to
  /// four times its lowest. `report` hears of every step.
  ///
  /// - Throws: `TrainingError`; `.noFiniteLoss` where the first step has none.
  public func run(
    _ job: ModelTraining, options: TrainingOptions, kernels: Kernels,
    report: (Point) -> Void = { _ in }
  ) throws -> [Point] {
    try validate()
    var options = options
    options.watchesLoss = false
    options.batchSize = min(options.batchSize, max(1, job.training.rows.count))
    let trainer = try job.trainer(options: options, kernels: kernels)
    var points: [Point] = []
    var (average, best) = (0.0, Double.infinity)
    try trainer.probe(job.tokenised.training, steps: steps, rate: rate) { index, loss in
      average = smoothing * average + (1 - smoothing) * loss
      let smoothed = average / (1 - pow(smoothing, Double(index + 1)))
      let point = Point(rate: rate(index), loss: loss, smoothed: smoothed)
      guard loss.isFinite else { return false }
      points.append(point)
      report(point)
      if index > 10 { best = min(best, smoothed) }
      return smoothed < 4 * best
    }
    if points.isEmpty { throw TrainingError.noFiniteLoss }
    return points
  }

  /// Reads the smoothed losses of `points`.
  public static func find(_ points: [Point]) -> Finding {
    guard points.count >= 20 else {
      let rate = points.first?.rate ?? 1e-4
      return Finding(
        steepest: rate, divergence: rate, diverged: true, lowest: rate, choice: rate,
        isConclusive: false)
    }
    // The first tenth has too short a history to read slopes from.
    let from = points.count / 10
    let start = points[from].smoothed
    let lowIndex = points.indices.dropFirst(from).min { points[$0].smoothed < points[$1].smoothed }
    let lowest = lowIndex ?? points.count - 1
    let fall = start - points[lowest].smoothed
    // One bad batch is no break: the loss is broken from where it stays up to the end.
    let limit = points[lowest].smoothed + max(0.25 * fall, 0.02 * abs(start))
    var end = points.count
    while end > lowest + 1 && points[end - 1].smoothed > limit { end -= 1 }
    let broken = end < points.count ? end : nil
    let width = max(2, points.count / 10)
    var steepest = lowest
    var slope = 0.0
    for index in from..<max(from + 1, lowest - width) where index + width < points.count {
      let change =
        (points[index + width].smoothed - points[index].smoothed)
        / log(points[index + width].rate / points[index].rate)
      if change < slope { (slope, steepest) = (change, index + width / 2) }
    }
    let divergence = points[broken ?? points.count - 1].rate
    let isConclusive = fall > 0.02 * abs(start)
    return Finding(
      steepest: points[steepest].rate, divergence: divergence, diverged: broken != nil,
      lowest: points[lowest].rate,
      choice: min(points[steepest].rate / 2, divergence / 5), isConclusive: isConclusive)
  }
}
