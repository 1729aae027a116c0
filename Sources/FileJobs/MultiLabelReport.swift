import Scoring

/// How predicted sets of labels agree with true ones.
public struct MultiLabelReport: Sendable, Equatable {
  /// Label names.
  public let labels: [String]
  /// Rows counted.
  public private(set) var count = 0
  private var exact = 0
  private var scores: ClassScores

  /// Nothing counted yet.
  public init(labels: [String]) {
    self.labels = labels
    scores = ClassScores(classes: labels.count)
  }

  /// Counts one row.
  public mutating func add(truth: Set<Int>, prediction: Set<Int>) {
    count += 1
    if truth == prediction { exact += 1 }
    scores.add(truths: truth, predictions: prediction)
  }

  /// Share of rows whose whole set is right; nil where there are no rows.
  public var subsetAccuracy: Double? { count == 0 ? nil : Double(exact) / Double(count) }

  /// F1 of one label; nil where it never occurs.
  public func f1(_ label: Int) -> Double? { scores.f1(label) }

  /// Mean F1 of the labels that occur; nil where none does.
  public var macroF1: Double? { scores.macroF1 }

  /// F1 over all decisions together; nil where no label occurs.
  public var microF1: Double? { scores.microF1 }
}
