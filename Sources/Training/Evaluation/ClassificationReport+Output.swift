import Foundation
import JSON
import Transformer

extension ClassificationReport {
  /// All figures as one JSON object; the confusion matrix up to 500 labels.
  public var json: JSONValue {
    var json = figures
    if labels.count <= 500, case .object(var object) = json {
      object["confusion"] = .array(confusion.map { .array($0.map { JSONValue($0) }) })
      json = .object(object)
    }
    return json
  }

  /// `figure` as JSON: null where it is not defined.
  package static func json(_ figure: Double?) -> JSONValue {
    figure.flatMap { $0.isFinite ? JSONValue($0) : nil } ?? .null
  }

  /// `figure` with four digits, or in words where it is not defined.
  package static func text(_ figure: Double?) -> String {
    guard let figure, figure.isFinite else { return "not defined" }
    return String(format: "%.4f", figure)
  }

  private var figures: JSONValue {
    [
      "rows": JSONValue(count), "accuracy": JSONValue(accuracy), "macro_f1": JSONValue(macroF1),
      "loss": Self.json(loss), "labels": .array(labels.map { .string($0) }),
      "per_label": .array(
        labels.indices.map { label in
          [
            "label": .string(labels[label]), "precision": Self.json(precision(label)),
            "recall": Self.json(recall(label)), "f1": Self.json(f1(label)),
          ]
        }),
    ]
  }

  /// The figures for a terminal; the confusion matrix where it fits, else the most confused pairs.
  public var text: String {
    var lines = [
      String(format: "%d rows   accuracy %.2f %%   macro-F1 %.4f", count, accuracy * 100, macroF1)
        + (loss.isFinite ? String(format: "   loss %.4f", loss) : ""), "",
    ]
    let width = max(11, labels.map(\.count).max() ?? 0)
    func pad(_ text: String) -> String {
      String(repeating: " ", count: max(0, width - text.count)) + text
    }
    lines.append(
      [pad("label"), pad("precision"), pad("recall"), pad("F1")].joined(separator: "  "))
    for label in labels.indices {
      let values = [precision(label), recall(label), f1(label)].map(Self.text)
      lines.append(([labels[label]] + values).map(pad).joined(separator: "  "))
    }
    lines.append("")
    if labels.count <= 12 {
      lines.append("confusion (rows: truth, columns: predicted)")
      lines.append(([""] + labels).map(pad).joined(separator: "  "))
      for (label, row) in confusion.enumerated() {
        lines.append(([labels[label]] + row.map(String.init)).map(pad).joined(separator: "  "))
      }
    } else {
      lines.append("most confused (truth → predicted)")
      for mistake in mistakes(limit: 10) {
        lines.append(
          "\(pad("\(mistake.count)"))  \(labels[mistake.truth]) → \(labels[mistake.predicted])")
      }
    }
    return lines.joined(separator: "\n")
  }
}

extension Evaluation {
  /// Figures of `classifier` on `dataset`.
  ///
  /// - Throws: `TrainingError.unknownLabel` naming the line.
  public static func report(
    _ classifier: TextClassifier, _ dataset: LabeledDataset, batchSize: Int = 64
  ) throws -> ClassificationReport {
    let truths = try dataset.labelIndices(in: classifier.labels)
    let order = dataset.rows.indices.sorted {
      dataset.rows[$0].text.utf8.count < dataset.rows[$1].text.utf8.count
    }
    var predictions = [Int](repeating: 0, count: truths.count)
    var loss = 0.0
    for start in stride(from: 0, to: order.count, by: batchSize) {
      let rows = order[start..<min(start + batchSize, order.count)]
      for (row, answer) in zip(
        rows, try classifier.classify(rows.map { dataset.rows[$0].text }))
      {
        predictions[row] = answer.labelIndex
        loss -= log(max(Double(answer.probabilities[truths[row]]), 1e-30))
      }
    }
    return ClassificationReport(
      labels: classifier.labels, truths: truths, predictions: predictions,
      loss: loss / Double(max(1, truths.count)))
  }
}
