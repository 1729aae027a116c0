import Foundation

/// How far a sample's mean and spread have moved from a reference's, with intervals.
public struct MomentShift: Sendable, Equatable {
  /// Mean of the current values minus that of the reference.
  public let meanDifference: Double
  /// Welch's interval of the difference.
  public let meanInterval: Interval
  /// Variance of the current values over that of the reference.
  public let varianceRatio: Double
  /// The F interval of the ratio; exact for normal values, a guide for others.
  public let varianceInterval: Interval
}

/// Count, mean and variance of a sample: what a shift is computed from.
public struct SampleMoments: Sendable, Equatable {
  /// How many values.
  public var count: Double
  /// Their mean.
  public var mean: Double
  /// Their unbiased variance.
  public var variance: Double

  /// These moments.
  public init(count: Double, mean: Double, variance: Double) {
    (self.count, self.mean, self.variance) = (count, mean, variance)
  }
}

extension Statistics {
  /// The shift of the mean by Welch (1947) and of the variance by the F distribution, each with a two-sided interval.
  /// - Returns: nil where a side has fewer than two values or the reference does not vary.
  public static func momentShift(
    reference: SampleMoments, current: SampleMoments, confidence: Double = 0.95
  ) -> MomentShift? {
    guard reference.count > 1, current.count > 1, reference.variance > 0 else { return nil }
    let a = reference.variance / reference.count
    let b = current.variance / current.count
    let freedom =
      (a + b) * (a + b)
      / (a * a / (reference.count - 1) + b * b / (current.count - 1))
    let half =
      studentQuantile(0.5 + confidence / 2, degreesOfFreedom: freedom) * (a + b).squareRoot()
    let difference = current.mean - reference.mean
    let ratio = current.variance / reference.variance
    let tail = (1 - confidence) / 2
    let (m, n) = (current.count - 1, reference.count - 1)
    return MomentShift(
      meanDifference: difference,
      meanInterval: Interval(lower: difference - half, upper: difference + half),
      varianceRatio: ratio,
      varianceInterval: Interval(
        lower: ratio / fisherQuantile(1 - tail, m, n), upper: ratio / fisherQuantile(tail, m, n)))
  }

  /// The value that Student's t stays under with the given probability.
  public static func studentQuantile(_ probability: Double, degreesOfFreedom: Double) -> Double {
    if probability < 0.5 {
      return -studentQuantile(1 - probability, degreesOfFreedom: degreesOfFreedom)
    }
    let tail = 2 * (1 - min(probability, 1 - 1e-15))
    // P(|T| > t) = I(ν/(ν+t²); ν/2, 1/2), DLMF 8.17.
    let x = bisect(tail) { incompleteBeta(degreesOfFreedom / 2, 0.5, $0) }
    return x > 0 ? (degreesOfFreedom * (1 - x) / x).squareRoot() : .infinity
  }

  /// The value that Fisher's F with `m` and `n` degrees of freedom stays under with the given probability.
  public static func fisherQuantile(_ probability: Double, _ m: Double, _ n: Double) -> Double {
    let x = bisect(probability) { incompleteBeta(m / 2, n / 2, $0) }
    return x < 1 ? n * x / (m * (1 - x)) : .infinity
  }

  /// The regularised incomplete beta function I(x; a, b) by Lentz's continued fraction (DLMF 8.17.22).
  public static func incompleteBeta(_ a: Double, _ b: Double, _ x: Double) -> Double {
    guard x > 0 else { return 0 }
    guard x < 1 else { return 1 }
    if x > (a + 1) / (a + b + 2) { return 1 - incompleteBeta(b, a, 1 - x) }
    let front = exp(a * log(x) + b * log1p(-x) - lgamma(a) - lgamma(b) + lgamma(a + b)) / a
    var c = 1.0
    var d = 1 - (a + b) * x / (a + 1)
    d = 1 / (abs(d) < 1e-300 ? 1e-300 : d)
    var fraction = d
    for step in 1..<500 {
      let m = Double(step)
      let even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
      let odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
      for term in [even, odd] {
        d = 1 / guarded(1 + term * d)
        c = guarded(1 + term / c)
        fraction *= c * d
      }
      if abs(c * d - 1) < 1e-16 { break }
    }
    return min(1, front * fraction)
  }

  private static func guarded(_ value: Double) -> Double { abs(value) < 1e-300 ? 1e-300 : value }

  /// The place in 0…1 where a growing function reaches `target`.
  private static func bisect(_ target: Double, _ function: (Double) -> Double) -> Double {
    var (low, high) = (0.0, 1.0)
    for _ in 0..<200 {
      let middle = (low + high) / 2
      if function(middle) < target { low = middle } else { high = middle }
    }
    return (low + high) / 2
  }
}
