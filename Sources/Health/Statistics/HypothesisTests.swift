import Foundation

/// The outcome of a test: how far off, and how likely that is by chance alone.
public struct TestResult: Sendable, Equatable {
  /// The statistic.
  public let statistic: Double
  /// The probability of a statistic at least as large when nothing has changed.
  public let pValue: Double
}

extension Statistics {
  /// Kolmogorov–Smirnov test of two samples: D and its asymptotic p-value, 2 Σ (−1)^(k−1) exp(−2k²λ²) with
  /// λ = D √(nm/(n+m)) (Smirnov 1948). Exact enough from about 25 values on each side.
  public static func kolmogorovSmirnov(_ left: [Double], _ right: [Double]) -> TestResult {
    guard !left.isEmpty, !right.isEmpty else { return TestResult(statistic: 0, pValue: 1) }
    var distance = 0.0
    walk(left, right) { gap, _ in distance = max(distance, abs(gap)) }
    let n = Double(left.count)
    let m = Double(right.count)
    return TestResult(
      statistic: distance, pValue: kolmogorovTail(distance * (n * m / (n + m)).squareRoot()))
  }

  /// The upper tail of Kolmogorov's distribution; below 1.18 by the theta-function dual, which converges fast there.
  static func kolmogorovTail(_ lambda: Double) -> Double {
    guard lambda > 0.04 else { return 1 }
    if lambda < 1.18 {
      let exponent = -Double.pi * Double.pi / (8 * lambda * lambda)
      let series = [1.0, 9, 25, 49, 81].reduce(0) { $0 + exp(exponent * $1) }
      return 1 - (2 * Double.pi).squareRoot() / lambda * series
    }
    var sum = 0.0
    for k in 1...8 {
      let term = exp(-2 * Double(k * k) * lambda * lambda)
      sum += k % 2 == 1 ? term : -term
    }
    return min(1, max(0, 2 * sum))
  }

  /// Pearson's χ² test that two rows of counts come from the same shares, without continuity correction. Bins empty
  /// in both rows carry nothing and are left out.
  public static func chiSquared(reference: [Double], current: [Double]) -> TestResult {
    precondition(reference.count == current.count, "both sides need the same bins")
    let n = reference.reduce(0, +)
    let m = current.reduce(0, +)
    guard n > 0, m > 0 else { return TestResult(statistic: 0, pValue: 1) }
    var statistic = 0.0
    var bins = 0
    for (a, b) in zip(reference, current) where a + b > 0 {
      bins += 1
      let expectedA = (a + b) * n / (n + m)
      let expectedB = (a + b) * m / (n + m)
      statistic += (a - expectedA) * (a - expectedA) / expectedA
      statistic += (b - expectedB) * (b - expectedB) / expectedB
    }
    guard bins > 1 else { return TestResult(statistic: 0, pValue: 1) }
    return TestResult(
      statistic: statistic, pValue: upperGamma(Double(bins - 1) / 2, statistic / 2))
  }

  /// Benjamini and Hochberg's (1995) adjusted p-values, in the order given: rejecting those at or below a level keeps the
  /// expected share of false rejections under it.
  public static func benjaminiHochberg(_ pValues: [Double]) -> [Double] {
    let order = pValues.indices.sorted { pValues[$0] > pValues[$1] }
    var adjusted = pValues
    var least = 1.0
    for (position, index) in order.enumerated() {
      let rank = Double(pValues.count - position)
      least = min(least, pValues[index] * Double(pValues.count) / rank)
      adjusted[index] = least
    }
    return adjusted
  }

  /// The regularised upper incomplete gamma function Q(a, x): by the series below a + 1 and by Lentz's continued fraction
  /// above (DLMF 8.7.1 and 8.9.2).
  public static func upperGamma(_ a: Double, _ x: Double) -> Double {
    guard a > 0, x > 0 else { return 1 }
    let front = exp(a * log(x) - x - lgamma(a))
    if x < a + 1 {
      var term = 1 / a
      var sum = term
      var n = a
      while term > sum * 1e-17 {
        n += 1
        term *= x / n
        sum += term
      }
      return max(0, 1 - front * sum)
    }
    var b = x + 1 - a
    var c = 1e300
    var d = 1 / b
    var fraction = d
    for i in 1..<10_000 {
      let numerator = -Double(i) * (Double(i) - a)
      b += 2
      d = 1 / (numerator * d + b)
      c = b + numerator / c
      fraction *= c * d
      // Nearer to 1 than rounding lets it come, it may never be.
      if abs(c * d - 1) < 4 * .ulpOfOne { break }
    }
    return front * fraction
  }

  /// Fisher's (1935) exact test, one-sided: the chance of as many successes as found, or more, of both rows' successes, where the
  /// first row's are no more frequent than the second's (the upper tail of the hypergeometric distribution). 1 where they are
  /// not more frequent to begin with.
  public static func fisherGreater(
    _ successes: Int, of count: Int, than otherSuccesses: Int, of otherCount: Int
  ) -> Double {
    precondition(
      (0...count).contains(successes) && (0...otherCount).contains(otherSuccesses),
      "successes are some of the trials")
    guard
      Double(successes) * Double(otherCount) > Double(otherSuccesses) * Double(count)
    else { return 1 }
    func logChoose(_ n: Int, _ k: Int) -> Double {
      lgamma(Double(n + 1)) - lgamma(Double(k + 1)) - lgamma(Double(n - k + 1))
    }
    let all = successes + otherSuccesses
    let whole = logChoose(count + otherCount, all)
    var sum = 0.0
    for value in successes...min(count, all) {
      let term = exp(logChoose(count, value) + logChoose(otherCount, all - value) - whole)
      sum += term
      if term < sum * 1e-14 { break }
    }
    return min(1, sum)
  }
}
