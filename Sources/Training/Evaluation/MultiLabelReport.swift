import Foundation
import JSON
import Scoring

/// How predicted sets of labels agree with true ones.
public struct MultiLabelReport: Sendable, Equatable, Codable {
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

  /// All figures as one JSON object; null where one is not defined.
  public var json: JSONValue {
    func figure(_ value: Double?) -> JSONValue { ClassificationReport.json(value) }
    return [
      "rows": JSONValue(count), "subset_accuracy": figure(subsetAccuracy),
      "micro_f1": figure(microF1), "macro_f1": figure(macroF1),
      "per_label": .array(
        labels.indices.map { ["label": .string(labels[$0]), "f1": figure(f1($0))] }),
    ]
  }

  /// The figures for a terminal.
  public var text: String {
    func figure(_ value: Double?) -> String { ClassificationReport.text(value) }
    let accuracy = subsetAccuracy.map { String(format: "%.2f %%", $0 * 100) }
    let head =
      "\(count) rows   subset accuracy \(accuracy ?? "not defined")   "
      + "micro-F1 \(figure(microF1))   macro-F1 \(figure(macroF1))"
    let lines = labels.indices.map { figure(f1($0)) + "  " + labels[$0] }
    return ([head, "", "F1      label"] + lines).joined(separator: "\n")
  }
}
