import Foundation

/// One prediction with its true label.
public struct LabelledPrediction: Sendable, Equatable, Codable {
  /// The true class.
  public var label: Int
  /// The predicted class.
  public var predicted: Int
  /// The probabilities that were given, one for each class; empty where they are no longer known.
  public var probabilities: [Float]
  /// `FeedbackKey` of its request, so that a later label can take this one's place.
  public var key: UInt64

  /// A prediction with its true label.
  public init(label: Int, predicted: Int, probabilities: [Float], key: UInt64 = 0) {
    (self.label, self.predicted, self.probabilities) = (label, predicted, probabilities)
    self.key = key
  }
}

/// The figures of the latest labelled predictions.
public struct Performance: Sendable, Equatable {
  /// How many labelled predictions there are in the window.
  public var count = 0
  /// The share that was right, with Wilson's interval.
  public var accuracy = 0.0
  /// 95 %.
  public var accuracyInterval = Interval(lower: 0, upper: 1)
  /// The mean of each class's F1, over classes that occur, with a bootstrap interval.
  public var macroF1 = 0.0
  /// 95 %.
  public var macroF1Interval = Interval(lower: 0, upper: 1)
  /// Mean negative log-likelihood in nats; nil where no probabilities are known.
  public var logLoss: Double?
  /// 95 %.
  public var logLossInterval: Interval?
  /// Brier's score.
  public var brier: Double?
  /// 95 %.
  public var brierInterval: Interval?
  /// Expected calibration error.
  public var calibrationError: Double?
  /// 95 %.
  public var calibrationErrorInterval: Interval?
  /// The accuracy of each true class and how many labels it has.
  public var classes: [(recall: Double, count: Int)] = []

  /// Equal figures.
  public static func == (left: Performance, right: Performance) -> Bool {
    left.count == right.count && left.accuracy == right.accuracy && left.macroF1 == right.macroF1
      && left.logLoss == right.logLoss && left.brier == right.brier
  }
}

/// Keeps the latest labelled predictions and computes their figures.
public struct PerformanceTracker: Sendable {
  private let classCount: Int
  private let capacity: Int
  private var rows: [LabelledPrediction] = []
  /// Grows with each change, so that figures are computed anew only then.
  public private(set) var changes = 0

  /// - Parameter capacity: the window.
  public init(classCount: Int, capacity: Int = 1000) {
    (self.classCount, self.capacity) = (classCount, capacity)
  }

  /// Takes in one labelled prediction.
  public mutating func add(_ row: LabelledPrediction) {
    changes += 1
    rows.append(row)
    if rows.count >= capacity * 2 { rows.removeFirst(rows.count - capacity) }
  }

  /// Corrects the label of a prediction, if it is still in the window.
  public mutating func replace(label: Int, key: UInt64) {
    guard let index = rows.lastIndex(where: { $0.key == key }) else { return }
    rows[index].label = label
    changes += 1
  }

  /// The latest ones, at most `capacity`.
  public var window: ArraySlice<LabelledPrediction> { rows.suffix(capacity) }

  /// The figures of the window; nil while it is empty.
  public var performance: Performance? {
    let rows = Array(window)
    guard !rows.isEmpty else { return nil }
    var result = Performance()
    result.count = rows.count
    let right = Double(rows.count { $0.label == $0.predicted })
    result.accuracy = right / Double(rows.count)
    result.accuracyInterval = Statistics.wilsonInterval(
      successes: right, count: Double(rows.count))
    result.macroF1 = Self.macroF1(rows, classCount)
    result.macroF1Interval = Self.bootstrap(rows) { Self.macroF1($0, classCount) }
    result.classes = (0..<classCount).map { label in
      let own = rows.filter { $0.label == label }
      let hits = own.count { $0.predicted == label }
      return (own.isEmpty ? 0 : Double(hits) / Double(own.count), own.count)
    }
    addProbabilistic(&result, rows.filter { $0.probabilities.count == classCount })
    return result
  }

  private func addProbabilistic(_ result: inout Performance, _ rows: [LabelledPrediction]) {
    guard !rows.isEmpty else { return }
    let probabilities = rows.map { $0.probabilities.map(Double.init) }
    let losses = zip(rows, probabilities).map { row, p in
      -log(max(p[row.label], Double.ulpOfOne))
    }
    (result.logLoss, result.logLossInterval) = Statistics.meanInterval(losses)
    let scores = zip(rows, probabilities).map { row, p in
      p.enumerated().reduce(0.0) { sum, pair in
        let difference = pair.1 - (pair.0 == row.label ? 1 : 0)
        return sum + difference * difference
      }
    }
    (result.brier, result.brierInterval) = Statistics.meanInterval(scores)
    let confidences = probabilities.map { $0.max() ?? 0 }
    let isCorrect = rows.map { $0.label == $0.predicted }
    result.calibrationError = Statistics.expectedCalibrationError(
      confidences: confidences, isCorrect: isCorrect)
    result.calibrationErrorInterval = Statistics.calibrationErrorInterval(
      confidences: confidences, isCorrect: isCorrect, resamples: 100)
  }

  /// Over classes that occur as prediction or as truth, as scikit-learn has it.
  private static func macroF1(_ rows: [LabelledPrediction], _ classCount: Int) -> Double {
    var (hits, both) = (
      [Double](repeating: 0, count: classCount), [Double](repeating: 0, count: classCount)
    )
    for row in rows where row.label < classCount && row.predicted < classCount {
      both[row.label] += 1
      both[row.predicted] += 1
      if row.label == row.predicted { hits[row.label] += 1 }
    }
    let scores = zip(hits, both).filter { $0.1 > 0 }.map { 2 * $0.0 / $0.1 }
    return scores.isEmpty ? 0 : scores.reduce(0, +) / Double(scores.count)
  }

  private static func bootstrap(
    _ rows: [LabelledPrediction], _ figure: ([LabelledPrediction]) -> Double
  ) -> Interval {
    var generator = SplitMix(state: 1)
    let figures = (0..<100).map { _ in
      figure(rows.map { _ in rows[Int.random(in: rows.indices, using: &generator)] })
    }.sorted()
    return Interval(lower: figures[2], upper: figures[97])
  }
}
