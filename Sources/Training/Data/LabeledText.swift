import Files
import Foundation
import Transformer

/// One labelled row of a data file.
public struct LabeledText: Sendable, Equatable {
  /// Class name.
  public var label: String
  /// What is to be read.
  public var text: String
  /// The second text of a pair.
  public var pair: String?
  /// Line of the file, from 1.
  public var line: Int

  /// What stands between `separator` in the label, without spaces around it; of an empty label one empty part.
  func parts(by separator: UInt8) -> [String] {
    label.utf8.split(separator: separator, omittingEmptySubsequences: false).map {
      String(Substring($0)).trimmingCharacters(in: .whitespaces)
    }
  }

  /// The text, or both texts of a pair.
  var texts: [String] { [text] + (pair.map { [$0] } ?? []) }

  /// A row.
  public init(label: String, text: String, pair: String? = nil, line: Int) {
    (self.label, self.text, self.pair, self.line) = (label, text, pair, line)
  }
}

/// Rows of a `label<TAB>text` file.
public struct LabeledDataset: Sendable {
  /// Where they came from, as the user named it.
  public let path: String
  /// Rows in order; empty lines are skipped.
  public let rows: [LabeledText]

  /// Reads a UTF-8 file with one `label<TAB>text` a line, no header, no quoting.
  ///
  /// - Throws: `TrainingError` naming the file and the line, or `FileError`.
  public init(path: String) throws {
    do { try self.init(ByteReader(path: path)) } catch FileError.unreadable(let path, let reason) {
      throw TrainingError.unreadable(path: path, reason: reason)
    }
  }

  /// Rows that are read already; errors call their file `path`.
  public init(path: String, rows: [LabeledText]) {
    self.path = path
    self.rows = rows
  }

  /// Rows of `bytes`, which errors call `path`.
  public init(path: String, bytes: [UInt8]) throws {
    try self.init(ByteReader(bytes, name: path))
  }

  private init(_ reader: ByteReader) throws {
    let path = reader.path
    var rows: [LabeledText] = []
    while let line = try reader.line() {
      let number = reader.lineNumber
      if line.isEmpty { continue }
      guard let tab = line.firstIndex(of: 9) else {
        throw TrainingError.missingColumn(path: path, line: number)
      }
      guard let name = String(validating: line[..<tab], as: UTF8.self),
        let text = String(validating: line[(tab + 1)...], as: UTF8.self)
      else { throw TrainingError.notUTF8(path: path, line: number) }
      let label = name.trimmingCharacters(in: .whitespaces)
      if label.isEmpty { throw TrainingError.emptyLabel(path: path, line: number) }
      rows.append(LabeledText(label: label, text: text, line: number))
    }
    if rows.isEmpty { throw TrainingError.noRows(path: path) }
    self.path = path
    self.rows = rows
  }

  /// The distinct labels, in order of their bytes.
  ///
  /// - Throws: `TrainingError.oneClass` when there is only one.
  public func trainingLabels() throws -> [String] {
    let labels = LabelIndex.distinct(rows.lazy.map(\.label))
    guard labels.count > 1 else {
      throw TrainingError.oneClass(path: path, label: labels.first ?? "")
    }
    return labels
  }

  /// Index of each row's label in `labels`.
  ///
  /// - Throws: `TrainingError.unknownLabel` for the first row with another.
  public func labelIndices(in labels: [String]) throws -> [Int] {
    let index = LabelIndex(labels)
    return try rows.map { row in
      guard let found = index[row.label] else {
        throw TrainingError.unknownLabel(
          path: path, line: row.line, label: row.label, known: labels)
      }
      return found
    }
  }
}
