import Foundation
import Tensor
import Transformer

/// Logits of a model on rows whose labels are known: what calibration and hardest examples need.
public struct ScoredRows: Sendable {
  /// Logits by row.
  public let logits: [[Float]]
  /// The label of each.
  public let truths: [Int]

  /// Runs `encoder` over `examples`, in batches of similar length; rows come in their own order.
  ///
  /// - Throws: `EmptySequence` for an example without tokens.
  public init(
    _ encoder: Encoder, examples: [TrainingExample], batchSize: Int = 64
  ) throws(EmptySequence) {
    var logits = [[Float]](repeating: [], count: examples.count)
    try Evaluation.each(examples, batchSize: batchSize) { rows throws(EmptySequence) in
      try encoder.logits(of: rows.map { examples[$0] })
    } _: { row, values in
      logits[row] = values
    }
    self.logits = logits
    truths = examples.map(\.label)
  }

  /// Rows that are scored already.
  public init(logits: [[Float]], truths: [Int]) {
    precondition(logits.count == truths.count, "a label for each row")
    (self.logits, self.truths) = (logits, truths)
  }

  /// Softmax of a row's logits divided by `temperature`.
  public func probabilities(_ row: Int, temperature: Double = 1) -> [Double] {
    let values = logits[row].map { Double($0) / temperature }
    let top = values.max() ?? 0
    let powers = values.map { exp($0 - top) }
    let sum = powers.reduce(0, +)
    return powers.map { $0 / sum }
  }

  /// Mean −log p(truth) at `temperature`, over every `stride`th row.
  public func loss(temperature: Double, stride step: Int = 1) -> Double {
    var (sum, count) = (0.0, 0)
    for row in stride(from: 0, to: truths.count, by: step) {
      sum += Self.loss(logits[row], truth: truths[row], temperature: temperature)
      count += 1
    }
    return sum / Double(max(1, count))
  }

  /// −log of the softmax of one row's logits, divided by `temperature`, at `truth`.
  static func loss(_ values: [Float], truth: Int, temperature: Double = 1) -> Double {
    let top = Double(values.max() ?? 0)
    var powers = 0.0
    for value in values { powers += exp((Double(value) - top) / temperature) }
    return log(powers) - (Double(values[truth]) - top) / temperature
  }

  /// Every how many of `rows` rows are looked at where their logits are to be held: all, unless they would take over 16 MB; at
  /// least a hundred rows.
  public static func spacing(of rows: Int, classes: Int) -> Int {
    let most = max(100, 4_000_000 / max(1, classes))
    return max(1, (rows + most - 1) / most)
  }

  /// The temperature at which the loss is lowest (Guo et al., 2017), by golden-section search over its
  /// logarithm from 1/20 to 20. Of very many logits it takes evenly spaced rows, since each of forty looks reads them all.
  public func fittedTemperature(mostLogits: Int = 2_000_000) -> Double {
    guard !truths.isEmpty else { return 1 }
    let step = max(1, truths.count * (logits.first?.count ?? 1) / max(1, mostLogits))
    func loss(_ temperature: Double) -> Double { self.loss(temperature: temperature, stride: step) }
    let ratio = (5.0.squareRoot() - 1) / 2
    var (low, high) = (-log(20.0), log(20.0))
    var (a, b) = (high - ratio * (high - low), low + ratio * (high - low))
    var (fa, fb) = (loss(exp(a)), loss(exp(b)))
    for _ in 0..<40 {
      if fa < fb {
        (high, b, fb) = (b, a, fa)
        a = high - ratio * (high - low)
        fa = loss(exp(a))
      } else {
        (low, a, fa) = (a, b, fb)
        b = low + ratio * (high - low)
        fb = loss(exp(b))
      }
    }
    return exp((low + high) / 2)
  }

  /// Rows by the confidence of their prediction, in ten bins: mean confidence, accuracy, rows. Rows whose logits are no
  /// numbers have none.
  public func reliability(
    temperature: Double = 1
  ) -> [(confidence: Double, accuracy: Double, rows: Int)] {
    var bins = [(sum: Double, right: Int, rows: Int)](repeating: (0, 0, 0), count: 10)
    for row in truths.indices {
      let p = probabilities(row, temperature: temperature)
      let top = p.indices.max { p[$0] < p[$1] } ?? 0
      guard p[top].isFinite else { continue }
      let bin = min(9, Int(p[top] * 10))
      bins[bin].sum += p[top]
      bins[bin].right += top == truths[row] ? 1 : 0
      bins[bin].rows += 1
    }
    return bins.filter { $0.rows > 0 }.map {
      ($0.sum / Double($0.rows), Double($0.right) / Double($0.rows), $0.rows)
    }
  }

  /// Expected calibration error: the mean distance of confidence from accuracy over ten bins, by rows
  /// (Naeini et al., 2015).
  public func calibrationError(temperature: Double = 1) -> Double {
    reliability(temperature: temperature).reduce(0) {
      $0 + abs($1.confidence - $1.accuracy) * Double($1.rows)
    } / Double(max(1, truths.count))
  }

  /// Rows by how little the truth was believed, the hardest first.
  public func hardest(limit: Int) -> [(row: Int, predicted: Int, probabilityOfTruth: Double)] {
    truths.indices.map { row -> (row: Int, predicted: Int, probabilityOfTruth: Double) in
      let p = probabilities(row)
      return (row, p.indices.max { p[$0] < p[$1] } ?? 0, p[truths[row]])
    }
    .sorted { ($0.probabilityOfTruth, $0.row) < ($1.probabilityOfTruth, $1.row) }
    .prefix(limit).map { $0 }
  }
}
