/// Figures of a classifier on labelled rows.
public struct ClassificationReport: Sendable, Equatable {
  /// Class names.
  public let labels: [String]
  /// `confusion[truth][predicted]` rows.
  public let confusion: [[Int]]
  /// Mean −log p(truth), in nats.
  public let loss: Double

  /// Counts `predictions` against `truths`.
  public init(labels: [String], truths: [Int], predictions: [Int], loss: Double) {
    precondition(truths.count == predictions.count, "a prediction for each row")
    var confusion = labels.map { _ in [Int](repeating: 0, count: labels.count) }
    for (truth, prediction) in zip(truths, predictions) { confusion[truth][prediction] += 1 }
    self.labels = labels
    self.confusion = confusion
    self.loss = loss
  }

  /// Rows counted.
  public var count: Int { confusion.reduce(0) { $0 + $1.reduce(0, +) } }

  /// Share of rows whose prediction is the truth.
  public var accuracy: Double {
    count == 0 ? 0 : Double(labels.indices.reduce(0) { $0 + confusion[$1][$1] }) / Double(count)
  }

  /// Of the rows predicted as `label`, the share that are.
  public func precision(_ label: Int) -> Double {
    let predicted = confusion.reduce(0) { $0 + $1[label] }
    return predicted == 0 ? 0 : Double(confusion[label][label]) / Double(predicted)
  }

  /// Of the rows that are `label`, the share predicted so.
  public func recall(_ label: Int) -> Double {
    let truth = confusion[label].reduce(0, +)
    return truth == 0 ? 0 : Double(confusion[label][label]) / Double(truth)
  }

  /// Harmonic mean of precision and recall; 0 where both are 0, as scikit-learn has it.
  public func f1(_ label: Int) -> Double {
    let (p, r) = (precision(label), recall(label))
    return p + r == 0 ? 0 : 2 * p * r / (p + r)
  }

  /// Mean F1 over the labels that occur as truth or prediction.
  public var macroF1: Double {
    let seen = labels.indices.filter { label in
      confusion[label].reduce(0, +) > 0 || confusion.contains { $0[label] > 0 }
    }
    return seen.isEmpty ? 0 : seen.reduce(0) { $0 + f1($1) } / Double(seen.count)
  }
}
