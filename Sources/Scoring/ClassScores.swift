/// Precision, recall and F1 of classes, from three counts of each. The one definition of these figures: training, `eval`
/// and monitoring all count with it.
///
/// A figure whose denominator is 0 is not defined, and nil. Means are over the classes that occur as truth or as
/// prediction, as scikit-learn's `f1_score(average="macro")` takes them by default.
package struct ClassScores: Sendable, Equatable, Codable {
  /// Rows by true class.
  package private(set) var truths: [Double]
  /// Rows by predicted class.
  package private(set) var predictions: [Double]
  /// Rows by class where both are the same.
  package private(set) var hits: [Double]

  /// Nothing counted yet of so many classes.
  package init(classes: Int) {
    let zeros = [Double](repeating: 0, count: classes)
    (truths, predictions, hits) = (zeros, zeros, zeros)
  }

  /// Counts that are taken already; each list has a place for each class.
  package init(truths: [Double], predictions: [Double], hits: [Double]) {
    precondition(truths.count == predictions.count && truths.count == hits.count)
    (self.truths, self.predictions, self.hits) = (truths, predictions, hits)
  }

  /// Counts a row of one true and one predicted class.
  package mutating func add(truth: Int, prediction: Int) {
    truths[truth] += 1
    predictions[prediction] += 1
    if truth == prediction { hits[truth] += 1 }
  }

  /// Counts a row of several true and predicted classes.
  package mutating func add(truths set: Set<Int>, predictions others: Set<Int>) {
    for label in set { truths[label] += 1 }
    for label in others { predictions[label] += 1 }
    for label in set.intersection(others) { hits[label] += 1 }
  }

  /// Hits by all truths: the accuracy, where each row has one true class.
  package var accuracy: Double? { Self.ratio(hits.reduce(0, +), truths.reduce(0, +)) }

  /// Of the rows predicted as the class, the share that are.
  package func precision(_ label: Int) -> Double? { Self.ratio(hits[label], predictions[label]) }

  /// Of the rows that are of the class, the share predicted so.
  package func recall(_ label: Int) -> Double? { Self.ratio(hits[label], truths[label]) }

  /// 2 · hits / (truths + predictions).
  package func f1(_ label: Int) -> Double? {
    Self.ratio(2 * hits[label], truths[label] + predictions[label])
  }

  /// Mean F1 of the classes that have one.
  package var macroF1: Double? {
    let figures = truths.indices.compactMap(f1)
    return Self.ratio(figures.reduce(0, +), Double(figures.count))
  }

  /// F1 of all decisions together.
  package var microF1: Double? {
    Self.ratio(2 * hits.reduce(0, +), truths.reduce(0, +) + predictions.reduce(0, +))
  }

  private static func ratio(_ part: Double, _ whole: Double) -> Double? {
    whole > 0 ? part / whole : nil
  }
}
