import Foundation

/// A value with the bounds that it lies within at some level of confidence.
public struct Interval: Sendable, Equatable {
  /// The lower bound.
  public let lower: Double
  /// The upper bound.
  public let upper: Double
}

/// Mean and variance in one pass, without loss of digits (Welford 1962).
public struct Moments: Sendable, Equatable {
  /// How many values there were.
  public private(set) var count = 0.0
  /// Their mean; 0 without values.
  public private(set) var mean = 0.0
  private var squares = 0.0

  /// No values.
  public init() {}

  /// Takes in one value.
  public mutating func add(_ value: Double) {
    count += 1
    let difference = value - mean
    mean += difference / count
    squares += difference * (value - mean)
  }

  /// The unbiased sample variance; 0 below two values.
  public var variance: Double { count > 1 ? squares / (count - 1) : 0 }
}

extension Statistics {
  /// Wilson's (1927) score interval of a share: `successes` of `count`, `z` standard errors wide (1.96: 95 %).
  public static func wilsonInterval(
    successes: Double, count: Double, z: Double = 1.959963984540054
  ) -> Interval {
    guard count > 0 else { return Interval(lower: 0, upper: 1) }
    let share = successes / count
    let denominator = 1 + z * z / count
    let center = (share + z * z / (2 * count)) / denominator
    let half =
      z / denominator
      * (share * (1 - share) / count + z * z / (4 * count * count)).squareRoot()
    return Interval(lower: max(0, center - half), upper: min(1, center + half))
  }

  /// Expected calibration error (Naeini 2015): the mean gap, weighted by count, between confidence and accuracy in bins of
  /// equal width; bins are closed above, as in Guo 2017.
  public static func expectedCalibrationError(
    confidences: [Double], isCorrect: [Bool], bins: Int = 15
  ) -> Double {
    precondition(confidences.count == isCorrect.count && bins > 0)
    guard !confidences.isEmpty else { return 0 }
    var gaps = [Double](repeating: 0, count: bins)
    for (confidence, isCorrect) in zip(confidences, isCorrect) {
      let bin = Int((confidence * Double(bins)).rounded(.up)) - 1
      gaps[min(bins - 1, max(0, bin))] += confidence - (isCorrect ? 1 : 0)
    }
    return gaps.reduce(0) { $0 + abs($1) } / Double(confidences.count)
  }
}
