import Files
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
  /// Spans of labels, beside the labels of words.
  case entities(EntityReport, ClassificationReport)
  /// Answers to questions.
  case answers(AnswerReport)

  /// Runs `job` over `reader`'s rows.
  ///
  /// - Throws: `RecordError` naming the line, or `TrainingError.nothingMeasured` where there are no rows.
  public static func run(
    _ job: FileJob, _ model: TextModel, _ reader: inout RecordReader,
    progress: (FileJob.Progress) -> Void
  ) throws -> ModelEvaluation {
    guard let measure = measures[model.task] else {
      throw ModelError.notMeasured(path: model.configuration.directory, task: model.task)
    }
    let figures = try measure(job, model, &reader, progress)
    guard figures.count > 0 else { throw TrainingError.nothingMeasured(path: reader.path) }
    return figures
  }

  private typealias Measure =
    @Sendable (FileJob, TextModel, inout RecordReader, (FileJob.Progress) -> Void) throws ->
    ModelEvaluation

  /// How each task is measured.
  private static let measures: [ModelTask: Measure] = [
    .classification: classes, .tokenClassification: words, .questionAnswering: answers,
    .multiLabelClassification: labelSets, .regression: numbers, .embedding: cosines,
  ]

  private static func labelSets(
    _ job: FileJob, _ model: TextModel, _ reader: inout RecordReader,
    _ progress: (FileJob.Progress) -> Void
  ) throws -> ModelEvaluation {
    var report = MultiLabelReport(labels: model.labels)
    let truths = Truths(labels: model.labels, path: reader.path)
    try job.run(&reader, progress: progress) { record, prediction in
      guard case .labels(let chosen, _) = prediction.value else { return }
      let truth = try (record.label ?? "").split(byte: "|").map {
        try truths.index(of: $0, record)
      }
      report.add(truth: Set(truth), prediction: Set(chosen))
    }
    return .multiLabel(report)
  }

  private static func classes(
    _ job: FileJob, _ model: TextModel, _ reader: inout RecordReader,
    _ progress: (FileJob.Progress) -> Void
  ) throws -> ModelEvaluation {
    var (truths, predictions, loss) = ([Int](), [Int](), 0.0)
    var known = Truths(labels: model.labels, path: reader.path)
    var isZeroShot = false
    try job.run(&reader, progress: progress) { record, prediction in
      switch prediction.value {
      case .label(let top, let probabilities):
        let truth = try known.index(of: record.label ?? "", record)
        truths.append(truth)
        predictions.append(top)
        loss -= log(max(Double(probabilities[truth]), 1e-30))
      case .ranking(let labels, let scores):
        // In one order for all rows.
        let sorted = zip(labels, scores).sorted {
          Array($0.0.utf8).lexicographicallyPrecedes(Array($1.0.utf8))
        }
        if !isZeroShot { known = Truths(labels: sorted.map(\.0), path: known.path) }
        isZeroShot = true
        let truth = try known.index(of: record.label ?? "", record)
        guard sorted.count == known.labels.count else {
          throw RecordError.malformed(
            path: known.path, line: record.line,
            problem: "the row has other candidate labels than those before it",
            mend: "Give all rows the same, by --candidate-labels.")
        }
        truths.append(truth)
        predictions.append(try known.index(of: labels[0], record))
        loss -= log(max(Double(sorted[truth].1), 1e-30))
      default: break
      }
    }
    return .classification(
      ClassificationReport(
        labels: known.labels, truths: truths, predictions: predictions,
        loss: loss / Double(max(1, truths.count))))
  }

  private static func words(
    _ job: FileJob, _ model: TextModel, _ reader: inout RecordReader,
    _ progress: (FileJob.Progress) -> Void
  ) throws -> ModelEvaluation {
    var (truths, predictions, entities) = ([Int](), [Int](), EntityReport())
    let known = Truths(labels: model.labels, path: reader.path)
    let path = reader.path
    try job.run(
      &reader, encode: { EncodedRecord(words: $0, model: $1) }, progress: progress
    ) { record, prediction in
      guard case .tokens(let tokens) = prediction.value else { return }
      guard !record.words.isEmpty else {
        throw RecordError.malformed(
          path: path, line: record.line, problem: "the row has no words with labels",
          mend: #"Write {"tokens": ["…"], "labels": ["…"]}, one a line, as .jsonl."#)
      }
      let places = EncodedRecord(words: record, model: model).firstTokens
      var (own, found): ([String], [String]) = ([], [])
      for (place, word) in zip(places, record.words) where place < tokens.count {
        truths.append(try known.index(of: word.label, record))
        predictions.append(tokens[place].labelIndex)
        own.append(word.label)
        found.append(model.labels[tokens[place].labelIndex])
      }
      entities.add(truth: own, prediction: found)
    }
    let report = ClassificationReport(
      labels: model.labels, truths: truths, predictions: predictions, loss: .nan)
    let hasSpans = model.labels.contains { $0.hasPrefix("B-") || $0.hasPrefix("I-") }
    return hasSpans ? .entities(entities, report) : .classification(report)
  }

  private static func answers(
    _ job: FileJob, _ model: TextModel, _ reader: inout RecordReader,
    _ progress: (FileJob.Progress) -> Void
  ) throws -> ModelEvaluation {
    var report = AnswerReport()
    if reader.rows == nil { reader.rows = TaskRows(model: model) }
    try job.run(&reader, progress: progress) { record, prediction in
      guard case .answers(let spans, _) = prediction.value else { return }
      let truths = record.answers.isEmpty ? [record.label ?? ""] : record.answers
      report.add(truths: truths, answer: spans.first?.text ?? "")
    }
    return .answers(report)
  }

  private static func numbers(
    _ job: FileJob, _ model: TextModel, _ reader: inout RecordReader,
    _ progress: (FileJob.Progress) -> Void
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
    _ job: FileJob, _ model: TextModel, _ reader: inout RecordReader,
    _ progress: (FileJob.Progress) -> Void
  ) throws -> ModelEvaluation {
    var (truths, predictions) = ([Double](), [Double]())
    while let record = try reader.next() {
      guard let pair = record.input.pair else {
        throw RecordError.malformed(
          path: reader.path, line: record.line, problem: "the row has no second text",
          mend: "An embedding model is measured on score<TAB>text<TAB>text; see --pair-column.")
      }
      let answers: [Prediction]
      do throws(RejectedInput) {
        answers = try model.predict([TextInput(record.input.text), TextInput(pair)])
      } catch {
        throw RecordError.rejected(path: reader.path, line: record.line, reason: error.reason)
      }
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

  /// The labels that rows may have.
  private struct Truths {
    let labels: [String]
    let path: String
    private let places: LabelIndex

    init(labels: [String], path: String) {
      (self.labels, self.path, places) = (labels, path, LabelIndex(labels))
    }

    func index(of label: String, _ record: Record) throws -> Int {
      if let index = places[label] { return index }
      throw RecordError.malformed(
        path: path, line: record.line, problem: "the model has no label \"\(label)\"",
        mend: "It has: \(labels.prefix(20).joined(separator: ", "))."
          + (record.line > 2
            ? ""
            : " Where the line is a header, name its columns with --column and --label-column."))
    }
  }

  /// Rows counted; of token classifiers words.
  public var count: Int {
    switch self {
    case .classification(let report): report.count
    case .multiLabel(let report): report.count
    case .regression(let report): report.count
    case .entities(_, let report): report.count
    case .answers(let report): report.count
    }
  }

  /// All figures as one JSON object; null where one is not defined.
  public var json: JSONValue {
    func figure(_ value: Double?) -> JSONValue { ClassificationReport.json(value) }
    switch self {
    case .classification(let report): return report.json
    case .multiLabel(let report): return report.json
    case .regression(let report): return report.json
    case .entities(let report, let words):
      var object = words.json.objectValue ?? [:]
      object["entities"] = [
        "count": JSONValue(report.truths), "precision": figure(report.precision),
        "recall": figure(report.recall), "f1": figure(report.f1),
        "per_label": .array(
          report.kinds.indices.map {
            ["label": .string(report.kinds[$0]), "f1": figure(report.f1($0))]
          }),
      ]
      return .object(object)
    case .answers(let report):
      return [
        "rows": JSONValue(report.count), "exact_match": figure(report.exactMatch),
        "f1": figure(report.f1),
      ]
    }
  }

  /// The figures for a terminal.
  public var text: String {
    func figure(_ value: Double?) -> String { ClassificationReport.text(value) }
    switch self {
    case .classification(let report): return report.text
    case .multiLabel(let report): return report.text
    case .regression(let report): return report.text
    case .entities(let report, let words):
      let head =
        "\(report.truths) entities   precision \(figure(report.precision))   "
        + "recall \(figure(report.recall))   F1 \(figure(report.f1))"
      let lines = report.kinds.indices.map { figure(report.f1($0)) + "  " + report.kinds[$0] }
      return ([head, "", "F1      entity"] + lines + ["", "By word:", words.text])
        .joined(separator: "\n")
    case .answers(let report):
      return "\(report.count) questions   exact match \(figure(report.exactMatch))   "
        + "F1 \(figure(report.f1))"
    }
  }
}
