/// How predicted sets of labels agree with true ones.
public struct MultiLabelReport: Sendable, Equatable {
  /// Label names.
  public let labels: [String]
  /// Rows counted.
  public private(set) var count = 0
  private var exact = 0
  private var hits, predicted, truths: [Int]

  /// Nothing counted yet.
  public init(labels: [String]) {
    self.labels = labels
    let zeros = [Int](repeating: 0, count: labels.count)
    (hits, predicted, truths) = (zeros, zeros, zeros)
  }

  /// Counts one row.
  public mutating func add(truth: Set<Int>, prediction: Set<Int>) {
    count += 1
    if truth == prediction { exact += 1 }
    for label in truth { truths[label] += 1 }
    for label in prediction { predicted[label] += 1 }
    for label in truth.intersection(prediction) { hits[label] += 1 }
  }

  /// Share of rows whose whole set is right.
  public var subsetAccuracy: Double { count == 0 ? 0 : Double(exact) / Double(count) }

  /// 2·hits / (predicted + true) of one label; 0 where it never occurs.
  public func f1(_ label: Int) -> Double {
    let sum = predicted[label] + truths[label]
    return sum == 0 ? 0 : 2 * Double(hits[label]) / Double(sum)
  }

  /// Mean of the labels' F1.
  public var macroF1: Double {
    labels.isEmpty ? 0 : labels.indices.reduce(0) { $0 + f1($1) } / Double(labels.count)
  }

  /// F1 over all decisions together.
  public var microF1: Double {
    let sum = predicted.reduce(0, +) + truths.reduce(0, +)
    return sum == 0 ? 0 : 2 * Double(hits.reduce(0, +)) / Double(sum)
  }
}
