import Foundation

/// The statistics that the health monitor rests on, as pure functions.
public enum Statistics {
  /// Shares of the whole, each bin first raised by `pseudocount` so that an empty one has a finite logarithm.
  /// All zero where there is nothing to share.
  public static func shares(of counts: [Double], pseudocount: Double = 0) -> [Double] {
    let total = counts.reduce(0, +) + pseudocount * Double(counts.count)
    guard total > 0 else { return counts.map { _ in 0 } }
    return counts.map { ($0 + pseudocount) / total }
  }

  /// Population stability index, Σ (q − p) ln(q/p) over bins: the symmetrised Kullback–Leibler divergence (Jeffreys) of
  /// the current shares from the reference's. By custom under 0.1 is stable and over 0.2 has shifted (Siddiqi 2006).
  /// - Parameter pseudocount: what is added to each bin of both; with 0, bins empty on one side give infinity.
  public static func populationStabilityIndex(
    reference: [Double], current: [Double], pseudocount: Double = 0.5
  ) -> Double {
    precondition(reference.count == current.count, "both sides need the same bins")
    let p = shares(of: reference, pseudocount: pseudocount)
    let q = shares(of: current, pseudocount: pseudocount)
    return zip(p, q).reduce(0) { sum, pair in
      pair.0 == pair.1 ? sum : sum + (pair.1 - pair.0) * log(pair.1 / pair.0)
    }
  }

  /// Jensen–Shannon distance in nats (Endres and Schindelin 2003): the root of the mean divergence of both from their mean.
  public static func jensenShannonDistance(reference: [Double], current: [Double]) -> Double {
    precondition(reference.count == current.count, "both sides need the same bins")
    let p = shares(of: reference)
    let q = shares(of: current)
    var sum = 0.0
    for (p, q) in zip(p, q) {
      let middle = (p + q) / 2
      if p > 0 { sum += p * log(p / middle) }
      if q > 0 { sum += q * log(q / middle) }
    }
    return max(0, sum / 2).squareRoot()
  }

  /// Shannon entropy in nats of shares that add up to one.
  public static func entropy(_ shares: [Double]) -> Double {
    shares.reduce(0) { $1 > 0 ? $0 - $1 * log($1) : $0 }
  }

  /// Wasserstein distance of order one between two samples: the area between their distribution functions.
  public static func wassersteinDistance(_ left: [Double], _ right: [Double]) -> Double {
    guard !left.isEmpty, !right.isEmpty else { return 0 }
    var distance = 0.0
    walk(left, right) { gap, step in distance += abs(gap) * step }
    return distance
  }

  /// Visits, in order, the steps between neighbouring values of both samples with the gap between the distribution functions.
  static func walk(
    _ left: [Double], _ right: [Double], _ visit: (_ gap: Double, _ step: Double) -> Void
  ) {
    let left = left.sorted()
    let right = right.sorted()
    var i = 0
    var j = 0
    while i < left.count || j < right.count {
      let value: Double
      if i < left.count, j < right.count {
        value = min(left[i], right[j])
      } else {
        value = i < left.count ? left[i] : right[j]
      }
      while i < left.count, left[i] == value { i += 1 }
      while j < right.count, right[j] == value { j += 1 }
      var next = value
      if i < left.count, j < right.count {
        next = min(left[i], right[j])
      } else if i < left.count {
        next = left[i]
      } else if j < right.count {
        next = right[j]
      }
      visit(Double(i) / Double(left.count) - Double(j) / Double(right.count), next - value)
    }
  }
}
