import Foundation
import Transformer

/// How a file's rows are written.
public enum RecordFormat: String, Sendable, CaseIterable {
  /// One text a line.
  case text
  /// Columns between tabs, without quoting.
  case tsv
  /// Columns between commas, or what `TableStart` finds (RFC 4180): quoted fields may hold commas, line ends and doubled
  /// quotes.
  case csv
  /// One JSON object a line, with the members `text`, `text_pair`, `label`; or one JSON string.
  case jsonl

  /// The format that a file's name tells; text where it tells none.
  public init(path: String) {
    let name = path.hasSuffix(".gz") ? String(path.dropLast(3)) : path
    switch URL(fileURLWithPath: name).pathExtension.lowercased() {
    case "tsv", "tab": self = .tsv
    case "csv": self = .csv
    case "jsonl", "ndjson": self = .jsonl
    default: self = .text
    }
  }
}

/// Why a file job cannot go on, naming file and line.
public enum RecordError: Error, Equatable, LocalizedError {
  /// The file cannot be opened.
  case unreadable(path: String, reason: String)
  /// A row breaks the format.
  case malformed(path: String, line: Int, problem: String, mend: String)
  /// A column that was asked for is missing.
  case noColumn(path: String, name: String, known: [String])
  /// The model has no answer for a row.
  case rejected(path: String, line: Int, reason: PredictionError)

  /// What, where and how to mend it.
  public var errorDescription: String? {
    switch self {
    case .unreadable(let path, let reason):
      return "\(path): \(reason). Check path and permissions; a text itself goes behind --text."
    case .malformed(let path, let line, let problem, let mend):
      return "\(path), line \(line): \(problem). \(mend)"
    case .rejected(let path, let line, let reason):
      return "\(path), line \(line): \(reason.errorDescription ?? "") "
        + (reason.recoverySuggestion ?? "")
    case .noColumn(let path, let name, let known):
      return "\(path): no column is named \"\(name)\". There are: "
        + known.prefix(20).joined(separator: ", ") + ". Choose with --column, --pair-column, "
        + "--label-column, by name or by number from 1."
    }
  }
}
