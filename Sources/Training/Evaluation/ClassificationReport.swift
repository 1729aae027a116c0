import Scoring

/// Figures of a classifier on labelled rows.
public struct ClassificationReport: Sendable, Equatable, Codable {
  /// Class names.
  public let labels: [String]
  /// Mean −log p(truth), in nats.
  public let loss: Double
  /// The loss at the temperature where it is lowest: what is left of it once confidence is mended. Compares
  /// models by what they know, where `loss` goes up with confidence alone (Berta, Holzmüller, Jordan and Bach, 2025).
  public let calibratedLoss: Double
  /// Counts by label.
  package let scores: ClassScores
  /// Rows counted.
  public let count: Int
  /// Rows by truth · labels + prediction, so that ten thousand classes take no table of their square.
  private let pairs: [Int: Int]

  /// Counts `predictions` against `truths`.
  public init(
    labels: [String], truths: [Int], predictions: [Int], loss: Double, calibratedLoss: Double? = nil
  ) {
    precondition(truths.count == predictions.count, "a prediction for each row")
    var pairs: [Int: Int] = [:]
    var scores = ClassScores(classes: labels.count)
    for (truth, prediction) in zip(truths, predictions) {
      pairs[truth * labels.count + prediction, default: 0] += 1
      scores.add(truth: truth, prediction: prediction)
    }
    (self.labels, self.pairs, self.scores) = (labels, pairs, scores)
    count = truths.count
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

  /// Share of rows whose prediction is the truth; NaN where there are no rows.
  public var accuracy: Double { scores.accuracy ?? .nan }

  /// Share of the most frequent truth: the accuracy of always guessing it.
  public var largestShare: Double {
    count == 0 ? 0 : (scores.truths.max() ?? 0) / Double(count)
  }

  /// Of the rows predicted as `label`, the share that are; nil where there are none.
  public func precision(_ label: Int) -> Double? { scores.precision(label) }

  /// Of the rows that are `label`, the share predicted so; nil where there are none.
  public func recall(_ label: Int) -> Double? { scores.recall(label) }

  /// F1 of `label`; nil where it is neither truth nor prediction of any row.
  public func f1(_ label: Int) -> Double? { scores.f1(label) }

  /// Mean F1 over the labels that occur as truth or prediction; NaN where there are no rows.
  public var macroF1: Double { scores.macroF1 ?? .nan }
}
