import Foundation
import JSON
import Training
import Transformer

/// Figures of a model on labelled rows, by its task.
public enum ModelEvaluation: Sendable {
  /// One label of several, for a text or for each word.
  case classification(ClassificationReport)
  /// Sets of labels.
  case multiLabel(MultiLabelReport)
  /// Numbers; for embeddings the cosine of a pair.
  case regression(RegressionReport)

  /// Runs `job` over `reader`'s rows.
  ///
  /// - Throws: `RecordError` naming the line.
  public static func run(
    _ job: FileJob, _ model: TextModel, _ reader: inout RecordReader,
    progress: (FileJob.Progress) -> Void
  ) throws -> ModelEvaluation {
    switch model.task {
    case .classification, .tokenClassification:
      return try classes(job, model, &reader, progress)
    case .multiLabelClassification:
      var report = MultiLabelReport(labels: model.labels)
      let path = reader.path
      try job.run(&reader, progress: progress) { record, prediction in
        guard case .labels(let chosen, _) = prediction.value else { return }
        let truth = try (record.label ?? "").split(separator: "|").map {
          try index(of: String($0), model, record, path)
        }
        report.add(truth: Set(truth), prediction: Set(chosen))
      }
      return .multiLabel(report)
    case .regression: return try numbers(job, &reader, progress)
    case .embedding: return try cosines(job, model, &reader)
    }
  }

  private static func classes(
    _ job: FileJob, _ model: TextModel, _ reader: inout RecordReader,
    _ progress: (FileJob.Progress) -> Void
  ) throws -> ModelEvaluation {
    var (truths, predictions, loss) = ([Int](), [Int](), 0.0)
    let path = reader.path
    let isTokens = model.task == .tokenClassification
    try job.run(
      &reader, encode: isTokens ? { EncodedRecord(words: $0, model: $1) } : nil,
      progress: progress
    ) { record, prediction in
      switch prediction.value {
      case .label(let top, let probabilities):
        let truth = try index(of: record.label ?? "", model, record, path)
        truths.append(truth)
        predictions.append(top)
        loss -= log(max(Double(probabilities[truth]), 1e-30))
      case .tokens(let tokens):
        guard !record.words.isEmpty else {
          throw RecordError.malformed(
            path: path, line: record.line, problem: "the row has no words with labels",
            mend: #"Write {"tokens": ["…"], "labels": ["…"]}, one a line, as .jsonl."#)
        }
        let places = EncodedRecord(words: record, model: model).firstTokens
        for (place, word) in zip(places, record.words) where place < tokens.count {
          truths.append(try index(of: word.label, model, record, path))
          predictions.append(tokens[place].labelIndex)
        }
      default: break
      }
    }
    return .classification(
      ClassificationReport(
        labels: model.labels, truths: truths, predictions: predictions,
        loss: isTokens ? .nan : loss / Double(max(1, truths.count))))
  }

  private static func numbers(
    _ job: FileJob, _ reader: inout RecordReader, _ progress: (FileJob.Progress) -> Void
  ) throws -> ModelEvaluation {
    var (truths, predictions) = ([Double](), [Double]())
    let path = reader.path
    try job.run(&reader, progress: progress) { record, prediction in
      guard case .scores(let scores) = prediction.value, let score = scores.first else { return }
      truths.append(try number(record, path))
      predictions.append(Double(score))
    }
    return .regression(RegressionReport(truths: truths, predictions: predictions))
  }

  private static func cosines(
    _ job: FileJob, _ model: TextModel, _ reader: inout RecordReader
  ) throws -> ModelEvaluation {
    var (truths, predictions) = ([Double](), [Double]())
    while let record = try reader.next() {
      guard let pair = record.input.pair else {
        throw RecordError.malformed(
          path: reader.path, line: record.line, problem: "the row has no second text",
          mend: "An embedding model is measured on score<TAB>text<TAB>text; see --pair-column.")
      }
      let answers = model.predict([TextInput(record.input.text), TextInput(pair)])
      guard case .vector(let a) = answers[0].value, case .vector(let b) = answers[1].value else {
        continue
      }
      truths.append(try number(record, reader.path))
      predictions.append(cosine(a, b))
    }
    return .regression(RegressionReport(truths: truths, predictions: predictions))
  }

  private static func cosine(_ a: [Float], _ b: [Float]) -> Double {
    var (ab, aa, bb) = (0.0, 0.0, 0.0)
    for (x, y) in zip(a, b) {
      ab += Double(x) * Double(y)
      aa += Double(x) * Double(x)
      bb += Double(y) * Double(y)
    }
    return ab / max((aa * bb).squareRoot(), 1e-30)
  }

  private static func number(_ record: Record, _ path: String) throws -> Double {
    if let number = Double(record.label ?? ""), number.isFinite { return number }
    throw RecordError.malformed(
      path: path, line: record.line, problem: "\"\(record.label ?? "")\" is not a number",
      mend: "The model gives numbers, so the label column must hold numbers.")
  }

  private static func index(
    of label: String, _ model: TextModel, _ record: Record, _ path: String
  ) throws -> Int {
    if let index = model.labels.firstIndex(of: label) { return index }
    throw RecordError.malformed(
      path: path, line: record.line, problem: "the model has no label \"\(label)\"",
      mend: "It has: \(model.labels.prefix(20).joined(separator: ", ")).")
  }

  /// All figures as one JSON object.
  public var json: JSONValue {
    switch self {
    case .classification(let report): report.json
    case .multiLabel(let report):
      [
        "rows": JSONValue(report.count), "subset_accuracy": JSONValue(report.subsetAccuracy),
        "micro_f1": JSONValue(report.microF1), "macro_f1": JSONValue(report.macroF1),
        "per_label": .array(
          report.labels.indices.map {
            ["label": .string(report.labels[$0]), "f1": JSONValue(report.f1($0))]
          }),
      ]
    case .regression(let report):
      [
        "rows": JSONValue(report.count), "pearson": JSONValue(report.pearson),
        "spearman": JSONValue(report.spearman),
        "mean_squared_error": JSONValue(report.meanSquaredError),
      ]
    }
  }

  /// The figures for a terminal.
  public var text: String {
    switch self {
    case .classification(let report): return report.text
    case .multiLabel(let report):
      let head = String(
        format: "%d rows   subset accuracy %.2f %%   micro-F1 %.4f   macro-F1 %.4f", report.count,
        report.subsetAccuracy * 100, report.microF1, report.macroF1)
      let lines = report.labels.indices.map {
        String(format: "%.4f  ", report.f1($0)) + report.labels[$0]
      }
      return ([head, "", "F1      label"] + lines).joined(separator: "\n")
    case .regression(let report):
      return String(
        format: "%d rows   Pearson %.4f   Spearman %.4f   mean squared error %.6f", report.count,
        report.pearson, report.spearman, report.meanSquaredError)
    }
  }
}
