import Foundation

/// What can go wrong before and during training.
public enum TrainingError: Error, Equatable, LocalizedError {
  /// A data file cannot be opened or read.
  case unreadable(path: String, reason: String)
  /// A line is not UTF-8.
  case notUTF8(path: String, line: Int)
  /// A line lacks the tab between label and text.
  case missingColumn(path: String, line: Int)
  /// The tokenizer makes no tokens of a line's text, and puts none around it.
  case noTokens(path: String, line: Int)
  /// A line has no label before the tab.
  case emptyLabel(path: String, line: Int)
  /// A file has no rows.
  case noRows(path: String)
  /// All rows of the training file have one label.
  case oneClass(path: String, label: String)
  /// A validation or test file has a label that the model does not know.
  case unknownLabel(path: String, line: Int, label: String, known: [String])
  /// A label is not the numbers that a regression learns.
  case notANumber(path: String, line: Int, label: String, count: Int, separator: String)
  /// A row has no second text where pairs are learned.
  case noPair(path: String, line: Int)
  /// A label is no relevance.
  case notRelevance(path: String, line: Int, label: String)
  /// An option is outside what makes sense.
  case badOption(name: String, value: String, allowed: String)
  /// The loss stopped being a number.
  case diverged(step: Int, learningRate: Double)
  /// No step had a finite loss, or no look at the validation rows.
  case noFiniteLoss
  /// Each label has one row, so that none can be held out.
  case nothingHeldOut(path: String, rows: Int)
  /// A figure was to be taken of no rows.
  case nothingMeasured(path: String)
  /// A figure is not defined on the rows it was to be taken of.
  case notDefined(path: String, figure: String)
  /// Every run of a search failed.
  case noTrialSucceeded(log: String)
  /// The model to start from has 8-bit layers.
  case quantizedBase(path: String)

  /// Refuses a whole number outside what its option takes.
  ///
  /// - Throws: `badOption`.
  public static func check(
    _ name: String, _ value: Int, in range: ClosedRange<Int>
  ) throws(TrainingError) {
    guard range.contains(value) else {
      throw .badOption(
        name: name, value: "\(value)", allowed: "from \(range.lowerBound) to \(range.upperBound)")
    }
  }

  /// What, where and how to mend it.
  public var errorDescription: String? {
    switch self {
    case .unreadable(let path, let reason):
      return "\(path): cannot be read (\(reason)). Check the path and its permissions."
    case .notUTF8(let path, let line):
      return "\(path):\(line): not valid UTF-8. Convert the file, for example with "
        + "`iconv -f latin1 -t utf-8`."
    case .missingColumn(let path, let line):
      return "\(path):\(line): one column where two are needed. "
        + "Each line is `label<TAB>text`, with a real tab between them."
    case .emptyLabel(let path, let line):
      return "\(path):\(line): the label before the tab is empty. Give each row a label."
    case .noTokens(let path, let line):
      return "\(path):\(line): the model's tokenizer makes no tokens of this text. "
        + "Take the row out, or use a tokenizer whose post_processor adds special tokens."
    case .noRows(let path):
      return "\(path): no rows. Put one `label<TAB>text` on each line."
    case .oneClass(let path, let label):
      return "\(path): every row is labelled \"\(label)\". "
        + "A classifier needs rows of at least two labels."
    case .unknownLabel(let path, let line, let label, let known):
      return "\(path):\(line): label \"\(label)\" is not one that the model was trained on "
        + "(\(known.prefix(8).joined(separator: ", "))\(known.count > 8 ? ", …" : "")). "
        + "Mend the label, or add rows with it to the training file."
    case .notANumber(let path, let line, let label, let count, let separator):
      return "\(path):\(line): \"\(label)\" is not "
        + (count == 1 ? "a number." : "\(count) numbers with \"\(separator)\" between them.")
        + " A regression learns the numbers of the label column, as many in each row; for classes give --task classification."
    case .noPair(let path, let line):
      return "\(path):\(line): the row has one text. Pairs of query and text are learned: "
        + "name the columns with --column and --pair-column."
    case .notRelevance(let path, let line, let label):
      return "\(path):\(line): \"\(label)\" is no number from 0 to 1. The label says how "
        + "well the text answers the query: 0 not at all, 1 wholly; divide scores of another range by their highest."
    case .badOption(let name, let value, let allowed):
      return "\(name) is \(value); it must be \(allowed)."
    case .noTrialSucceeded(let log):
      return "No run of the search succeeded. \(log) holds the first one's words."
    case .quantizedBase(let path):
      return
        "\(path): its layers are in 8 bits, which cannot learn. Start from the model that it was "
        + "quantised from."
    case .noFiniteLoss:
      return
        "No step of the run had a finite loss on the training rows, or none on the validation rows, so that "
        + "there is no model to keep; nothing is written. Give a lower --learning-rate; where the run goes on from "
        + "another model (--from), look at its weights with `martlet inspect`, or start without it."
    case .nothingHeldOut(let path, let rows):
      return
        "\(path): none of its \(rows) rows can be held out to stop by, since each label has one row. "
        + "Give other rows with --validation, or at least two rows for a label. Where the "
        + "columns are the other way round, say which is which with --column and --label-column."
    case .nothingMeasured(let path):
      return
        "\(path): no rows, so nothing was measured. Give a file with at least one labelled row."
    case .notDefined(let path, let figure):
      return
        "\(path): the \(figure) is not defined on these rows, for example since all have the same truth. "
        + "Give rows with different truths."
    case .diverged(let step, let rate):
      return "The loss was no longer a number at step \(step) with learning rate \(rate). "
        + "Nothing is written. Start again with a tenth of that rate: --learning-rate \(rate / 10)."
    }
  }
}
