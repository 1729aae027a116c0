import Foundation
import Tensor
import Tokenization
import Transformer

/// Any number of labels for a text or a pair: a sigmoid and binary cross-entropy for each, judged by micro-F1.
package struct MultiLabelObjective: TrainingObjective {
  package let labels: [String]
  private let places: LabelIndex
  private let separator: UInt8

  /// What parts a row's labels where nothing else is asked for.
  package static let separator = UInt8(ascii: "|")

  /// A task with the labels that rows of `dataset` have, parted by `separator`, in order of their bytes.
  ///
  /// - Throws: `TrainingError.oneClass` where there is only one.
  package init(_ dataset: LabeledDataset, separator: UInt8 = Self.separator) throws {
    labels = LabelIndex.distinct(dataset.rows.lazy.flatMap { Self.labels($0, separator) })
    guard labels.count > 1 else {
      throw TrainingError.oneClass(path: dataset.path, label: labels.first ?? "")
    }
    (places, self.separator) = (LabelIndex(labels), separator)
  }

  /// The labels of a row.
  static func labels(_ row: LabeledText, _ separator: UInt8 = Self.separator) -> [String] {
    row.parts(by: separator).filter { !$0.isEmpty }
  }

  package var modelTask: ModelTask { .multiLabelClassification }
  package var scoreName: String { "micro-F1" }

  package func example(
    _ row: LabeledText, path: String, tokenizer: Tokenizer, maximumTokens: Int
  ) throws -> TrainingExample {
    var example = try tokens(
      row, path: path, tokenizer: tokenizer, maximumTokens: maximumTokens)
    example.target = [Float](repeating: 0, count: labels.count)
    for part in Self.labels(row, separator) {
      guard let place = places[part] else {
        throw TrainingError.unknownLabel(path: path, line: row.line, label: part, known: labels)
      }
      example.target[place] = 1
    }
    return example
  }

  package func loss(over rows: [TrainingExample], _ options: TrainingOptions) -> TaskLoss {
    let chance = labels.indices.reduce(0.0) { sum, label in
      let share = rows.reduce(0.0) { $0 + Double($1.target[label]) } / Double(max(1, rows.count))
      return sum + BinaryCrossEntropy.entropy(share)
    }
    return TaskLoss(chance: chance / Double(labels.count)) { logits, rows, scale, gradient in
      BinaryCrossEntropy.loss(
        logits: logits, targets: rows.map(\.target), scale: scale, gradient: gradient)
    }
  }

  package func figures(
    _ rows: [TrainingExample], outputs: ([Int]) throws(EmptySequence) -> Matrix
  ) throws(EmptySequence) -> ValidationFigures {
    var (report, loss) = (MultiLabelReport(labels: labels), 0.0)
    try Evaluation.each(rows, outputs: outputs) { row, values in
      let target = rows[row].target
      for (value, truth) in zip(values, target) {
        loss += BinaryCrossEntropy.loss(Double(value), Double(truth))
      }
      report.add(
        truth: Set(target.indices.filter { target[$0] > 0.5 }),
        prediction: Set(values.indices.filter { values[$0] >= 0 }))
    }
    let mean = loss / Double(max(1, rows.count * labels.count))
    return ValidationFigures(loss: mean, score: report.microF1 ?? 0, report: .multiLabel(report))
  }
}
