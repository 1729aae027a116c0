import Foundation
import Tensor
import Tokenization
import Transformer

/// Numbers for a text or a pair: squared errors in units of the training rows' own spread, judged by Spearman's correlation.
package struct RegressionObjective: TrainingObjective {
  package let labels: [String]
  /// Mean of each number over the training rows.
  let means: [Double]
  /// Its standard deviation there.
  let deviations: [Double]
  private let separator: UInt8

  /// A task with the numbers that rows of `dataset` have; where they are several, `separator` parts them.
  ///
  /// - Throws: `TrainingError.notANumber` naming the line, or `.oneClass` where a number is the same in all rows.
  package init(
    _ dataset: LabeledDataset, separator: UInt8 = MultiLabelObjective.separator
  ) throws {
    let count = dataset.rows.first?.parts(by: separator).count ?? 0
    let rows = try dataset.rows.map {
      try Self.numbers($0, path: dataset.path, count: max(1, count), separator)
    }
    let total = Double(max(1, rows.count))
    let means = (0..<max(1, count)).map { place in rows.reduce(0) { $0 + $1[place] } / total }
    deviations = means.indices.map { place in
      (rows.reduce(0) { $0 + ($1[place] - means[place]) * ($1[place] - means[place]) } / total)
        .squareRoot()
    }
    guard deviations.allSatisfy({ $0 > 0 }) else {
      throw TrainingError.oneClass(path: dataset.path, label: dataset.rows.first?.label ?? "")
    }
    (self.means, self.separator) = (means, separator)
    labels = means.count == 1 ? ["score"] : means.indices.map { "score_\($0 + 1)" }
  }

  private static func numbers(
    _ row: LabeledText, path: String, count: Int, _ separator: UInt8
  ) throws -> [Double] {
    let parts = row.parts(by: separator)
    let numbers = parts.compactMap { Double($0) }.filter { $0.isFinite && abs($0) < 1e30 }
    guard numbers.count == parts.count, numbers.count == count else {
      throw TrainingError.notANumber(
        path: path, line: row.line, label: row.label, count: count,
        separator: String(UnicodeScalar(separator)))
    }
    return numbers
  }

  package var modelTask: ModelTask { .regression }
  package var scoreName: String { "Spearman" }

  package func example(
    _ row: LabeledText, path: String, tokenizer: Tokenizer, maximumTokens: Int
  ) throws -> TrainingExample {
    var example = try tokens(
      row, path: path, tokenizer: tokenizer, maximumTokens: maximumTokens)
    example.target = try Self.numbers(row, path: path, count: labels.count, separator)
      .map(Float.init)
    return example
  }

  /// A head without knowledge gives the mean.
  package func prepare(_ parameters: ModelParameters) {
    guard let bias = parameters[.head, .classifier, .bias] else { return }
    for (place, mean) in means.enumerated() { bias[0, place] = Float(mean) }
  }

  package func loss(over rows: [TrainingExample], _ options: TrainingOptions) -> TaskLoss {
    TaskLoss(chance: 1) { outputs, rows, scale, gradient in
      let share = 1 / Double(rows.count * labels.count)
      var sum = 0.0
      for (row, example) in rows.enumerated() {
        for (place, deviation) in deviations.enumerated() {
          let error = (Double(outputs[row, place]) - Double(example.target[place])) / deviation
          sum += share * error * error
          gradient[row, place] = Float(scale * share * 2 * error / deviation)
        }
      }
      return sum
    }
  }

  package func figures(
    _ rows: [TrainingExample], outputs: ([Int]) throws(EmptySequence) -> Matrix
  ) throws(EmptySequence) -> ValidationFigures {
    var predictions = [[Float]](repeating: [], count: rows.count)
    try Evaluation.each(rows, outputs: outputs) { row, values in predictions[row] = values }
    let reports = labels.indices.map { place in
      RegressionReport(
        truths: rows.map { Double($0.target[place]) },
        predictions: predictions.map { Double($0[place]) })
    }
    let count = Double(labels.count)
    let loss = zip(reports, deviations).reduce(0) {
      $0 + ($1.0.meanSquaredError ?? .nan) / ($1.1 * $1.1) / count
    }
    let score = reports.reduce(0) { $0 + ($1.spearman ?? 0) / count }
    return ValidationFigures(loss: loss, score: score, report: .regression(reports[0]))
  }
}
