/// Figures of a classifier on labelled rows.
public struct ClassificationReport: Sendable, Equatable, Codable {
  /// Class names.
  public let labels: [String]
  /// Mean −log p(truth), in nats.
  public let loss: Double
  /// The loss at the temperature where it is lowest: what is left of it once confidence is mended. Compares
  /// models by what they know, where `loss` goes up with confidence alone (Berta, Holzmüller, Jordan and Bach, 2025).
  public let calibratedLoss: Double
  /// Rows by truth · labels + prediction, so that ten thousand classes take no table of their square.
  private let pairs: [Int: Int]
  private let truths: [Int]
  private let predictions: [Int]
  private let right: [Int]

  /// Counts `predictions` against `truths`.
  public init(
    labels: [String], truths: [Int], predictions: [Int], loss: Double, calibratedLoss: Double? = nil
  ) {
    precondition(truths.count == predictions.count, "a prediction for each row")
    var pairs: [Int: Int] = [:]
    var counts = [[Int]](repeating: [Int](repeating: 0, count: labels.count), count: 3)
    for (truth, prediction) in zip(truths, predictions) {
      pairs[truth * labels.count + prediction, default: 0] += 1
      counts[0][truth] += 1
      counts[1][prediction] += 1
      if truth == prediction { counts[2][truth] += 1 }
    }
    self.labels = labels
    self.pairs = pairs
    (self.truths, self.predictions, right) = (counts[0], counts[1], counts[2])
    self.loss = loss
    self.calibratedLoss = calibratedLoss ?? loss
  }

  /// Rows of `truth` that were predicted as `predicted`.
  public func count(truth: Int, predicted: Int) -> Int {
    pairs[truth * labels.count + predicted] ?? 0
  }

  /// `confusion[truth][predicted]` rows; quadratic in the labels.
  public var confusion: [[Int]] {
    labels.indices.map { truth in labels.indices.map { count(truth: truth, predicted: $0) } }
  }

  /// The most frequent mistakes, at most `limit`.
  public func mistakes(limit: Int) -> [(truth: Int, predicted: Int, count: Int)] {
    pairs.map { (truth: $0 / labels.count, predicted: $0 % labels.count, count: $1) }
      .filter { $0.truth != $0.predicted }
      .sorted { ($1.count, $0.truth, $0.predicted) < ($0.count, $1.truth, $1.predicted) }
      .prefix(limit).map { $0 }
  }

  /// Rows counted.
  public var count: Int { truths.reduce(0, +) }

  /// Share of rows whose prediction is the truth.
  public var accuracy: Double {
    count == 0 ? 0 : Double(right.reduce(0, +)) / Double(count)
  }

  /// Share of the most frequent truth: the accuracy of always guessing it.
  public var largestShare: Double {
    count == 0 ? 0 : Double(truths.max() ?? 0) / Double(count)
  }

  /// Of the rows predicted as `label`, the share that are.
  public func precision(_ label: Int) -> Double {
    predictions[label] == 0 ? 0 : Double(right[label]) / Double(predictions[label])
  }

  /// Of the rows that are `label`, the share predicted so.
  public func recall(_ label: Int) -> Double {
    truths[label] == 0 ? 0 : Double(right[label]) / Double(truths[label])
  }

  /// Harmonic mean of precision and recall; 0 where both are 0, as scikit-learn has it.
  public func f1(_ label: Int) -> Double {
    let (p, r) = (precision(label), recall(label))
    return p + r == 0 ? 0 : 2 * p * r / (p + r)
  }

  /// Mean F1 over the labels that occur as truth or prediction.
  public var macroF1: Double {
    let seen = labels.indices.filter { truths[$0] > 0 || predictions[$0] > 0 }
    return seen.isEmpty ? 0 : seen.reduce(0) { $0 + f1($1) } / Double(seen.count)
  }
}
