import Foundation

/// A map from the model's confidence to the chance that it is right, learned on labelled data: isotonic regression
/// (Zadrozny and Elkan 2002), linear between the steps' ends.
public struct ConfidenceCalibration: Sendable, Equatable {
  /// Confidences at which the map bends, ascending.
  public let confidences: [Double]
  /// The chance of being right at each, never falling.
  public let accuracies: [Double]

  /// A map with these knots; both lists have the same length, at least one.
  public init(confidences: [Double], accuracies: [Double]) {
    precondition(confidences.count == accuracies.count && !confidences.isEmpty)
    (self.confidences, self.accuracies) = (confidences, accuracies)
  }

  /// Learns the map by pooling adjacent violators.
  /// - Returns: nil without data.
  public init?(confidences: [Double], isCorrect: [Bool]) {
    precondition(confidences.count == isCorrect.count)
    guard !confidences.isEmpty else { return nil }
    struct Block {
      var low: Double
      var high: Double
      var sum: Double
      var count: Double
    }
    var blocks: [Block] = []
    for (confidence, isCorrect) in zip(confidences, isCorrect).sorted(by: { $0.0 < $1.0 }) {
      let hit = isCorrect ? 1.0 : 0
      if let last = blocks.last, last.high == confidence, last.low == confidence {
        blocks[blocks.count - 1].sum += hit
        blocks[blocks.count - 1].count += 1
      } else {
        blocks.append(Block(low: confidence, high: confidence, sum: hit, count: 1))
      }
    }
    var pooled: [Block] = []
    for block in blocks {
      pooled.append(block)
      while pooled.count > 1 {
        let (a, b) = (pooled[pooled.count - 2], pooled[pooled.count - 1])
        guard a.sum * b.count >= b.sum * a.count else { break }
        pooled.removeLast(2)
        pooled.append(
          Block(low: a.low, high: b.high, sum: a.sum + b.sum, count: a.count + b.count))
      }
    }
    var (xs, ys): ([Double], [Double]) = ([], [])
    for block in pooled {
      xs.append(block.low)
      ys.append(block.sum / block.count)
      if block.high > block.low {
        xs.append(block.high)
        ys.append(block.sum / block.count)
      }
    }
    self.init(confidences: xs, accuracies: ys)
  }

  /// The chance of being right at a confidence.
  public func callAsFunction(_ confidence: Double) -> Double {
    guard let upper = confidences.firstIndex(where: { $0 >= confidence }) else {
      return accuracies[accuracies.count - 1]
    }
    guard upper > 0 else { return accuracies[0] }
    let (x0, x1) = (confidences[upper - 1], confidences[upper])
    let share = x1 > x0 ? (confidence - x0) / (x1 - x0) : 1
    return accuracies[upper - 1] + share * (accuracies[upper] - accuracies[upper - 1])
  }
}

extension Statistics {
  /// The mean of per-row scores with its normal interval, mean ± z·s/√n.
  public static func meanInterval(
    _ values: [Double], z: Double = 1.959963984540054
  ) -> (mean: Double, interval: Interval) {
    var moments = Moments()
    for value in values { moments.add(value) }
    let half = moments.count > 0 ? z * (moments.variance / moments.count).squareRoot() : 0
    return (moments.mean, Interval(lower: moments.mean - half, upper: moments.mean + half))
  }

  /// The percentile interval of the expected calibration error over `resamples` bootstrap samples (Efron 1979).
  public static func calibrationErrorInterval(
    confidences: [Double], isCorrect: [Bool], bins: Int = 15, confidence: Double = 0.95,
    resamples: Int = 200, seed: UInt64 = 1
  ) -> Interval {
    guard !confidences.isEmpty else { return Interval(lower: 0, upper: 1) }
    var generator = SplitMix(state: seed)
    let errors = (0..<resamples).map { _ -> Double in
      let picks = confidences.indices.map { _ in
        Int.random(in: confidences.indices, using: &generator)
      }
      return expectedCalibrationError(
        confidences: picks.map { confidences[$0] }, isCorrect: picks.map { isCorrect[$0] },
        bins: bins)
    }.sorted()
    let tail = (1 - confidence) / 2
    let last = Double(errors.count - 1)
    return Interval(
      lower: errors[Int((tail * last).rounded(.down))],
      upper: errors[Int(((1 - tail) * last).rounded(.up))])
  }
}
