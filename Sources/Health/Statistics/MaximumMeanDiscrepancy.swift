import Foundation

/// Maximum mean discrepancy (Gretton 2012) between two samples of vectors, with a Gaussian kernel exp(−‖x−y‖² / 2σ²).
public struct MaximumMeanDiscrepancy: Sendable {
  /// The kernel's width squared.
  public let bandwidthSquared: Double
  private let kernel: [Double]
  private let count: Int
  private let referenceCount: Int

  /// Computes the kernel matrix of both samples together; memory grows with the square of their count.
  /// - Parameter bandwidthSquared: σ²; nil for half the median squared distance of distinct vectors, as alibi-detect has it.
  public init(reference: [[Float]], current: [[Float]], bandwidthSquared: Double? = nil) {
    let rows = reference + current
    count = rows.count
    referenceCount = reference.count
    var distances = [Double](repeating: 0, count: rows.count * rows.count)
    for i in rows.indices {
      for j in 0..<i {
        var sum = 0.0
        for (a, b) in zip(rows[i], rows[j]) { sum += Double(a - b) * Double(a - b) }
        distances[i * rows.count + j] = sum
        distances[j * rows.count + i] = sum
      }
    }
    let width = bandwidthSquared ?? Self.medianHeuristic(distances, rows.count)
    self.bandwidthSquared = width
    kernel = distances.map { exp(-$0 / (2 * width)) }
  }

  /// Half the median over all ordered pairs; the zeros of the diagonal are among those sorted and skipped by position.
  private static func medianHeuristic(_ distances: [Double], _ count: Int) -> Double {
    let sorted = distances.sorted()
    let middle = (sorted.count - count) / 2 - 1 + count
    guard sorted.indices.contains(middle), sorted[middle] > 0 else { return 1 }
    return sorted[middle] / 2
  }

  /// The unbiased estimate of MMD²; around 0, and below it by chance, when nothing has changed.
  public var squared: Double { squared(order: Array(0..<count)) }

  private func squared(order: [Int]) -> Double {
    let n = referenceCount
    let m = count - n
    guard n > 1, m > 1 else { return 0 }
    var (xx, yy, xy) = (0.0, 0.0, 0.0)
    for i in 0..<count {
      let row = order[i] * count
      for j in 0..<i {
        let value = kernel[row + order[j]]
        if i < n { xx += value } else if j >= n { yy += value } else { xy += value }
      }
    }
    return 2 * xx / Double(n * (n - 1)) + 2 * yy / Double(m * (m - 1)) - 2 * xy / Double(n * m)
  }

  /// The share of random relabellings whose MMD² is at least the one seen, itself counted among them, so that the test holds
  /// its level for any number of permutations (Phipson and Smyth 2010).
  public func permutationTest(permutations: Int = 199, seed: UInt64 = 1) -> TestResult {
    let observed = squared
    var generator = SplitMix(state: seed)
    var order = Array(0..<count)
    var atLeast = 1
    for _ in 0..<permutations {
      order.shuffle(using: &generator)
      if squared(order: order) >= observed { atLeast += 1 }
    }
    return TestResult(statistic: observed, pValue: Double(atLeast) / Double(permutations + 1))
  }
}

/// The generator SplitMix64 (Steele 2014): the same draws for the same seed on every machine.
public struct SplitMix: RandomNumberGenerator, Sendable, Codable {
  private var state: UInt64

  /// A generator that starts from `state`.
  public init(state: UInt64) { self.state = state }

  /// The next 64 bits.
  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// A number from 0 up to, not including, 1.
  public mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }
}
