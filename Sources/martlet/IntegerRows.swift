import Files
import Foundation
import JSON

/// Why a file of rows for a benchmark cannot be used.
enum BenchmarkInputError: Error, LocalizedError {
  /// A line is something else.
  case notIntegers(path: String, line: Int, range: ClosedRange<Int>)
  /// A row is longer than what it is for.
  case tooLong(path: String, line: Int, count: Int, limit: Int)
  /// There are too few rows.
  case tooFew(path: String, found: Int, least: Int)

  var errorDescription: String? {
    switch self {
    case .notIntegers(let path, let line, let range):
      return "\(path), line \(line): not a JSON array of whole numbers from \(range.lowerBound) to "
        + "\(range.upperBound). Write a row as [101, 7592, 102]."
    case .tooLong(let path, let line, let count, let limit):
      return "\(path), line \(line): \(count) numbers; a row may have \(limit)."
    case .tooFew(let path, let found, let least):
      return "\(path): \(found) rows, and at least \(least) needed. Put one on each line."
    }
  }
}

/// The rows that a benchmark reads: one JSON array of whole numbers a line.
enum IntegerRows {
  /// Reads the file at `path`, or standard input for `-`; empty lines are left out.
  /// - Parameters:
  ///   - range: what a number may be.
  ///   - longest: numbers in a row, at most.
  ///   - atLeast: how many rows are needed.
  static func read(
    _ path: String, in range: ClosedRange<Int>, longest: Int, atLeast least: Int = 1
  ) throws -> [[Int]] {
    let reader = try ByteReader(path: path)
    var rows: [[Int]] = []
    while let line = try reader.line() {
      if line.isEmpty { continue }
      let numbers = try? JSONValue(parsing: line).arrayValue?.map(\.intValue)
      guard let numbers, !numbers.isEmpty,
        numbers.allSatisfy({ $0.map(range.contains) ?? false })
      else {
        throw BenchmarkInputError.notIntegers(
          path: reader.path, line: reader.lineNumber, range: range)
      }
      guard numbers.count <= longest else {
        throw BenchmarkInputError.tooLong(
          path: reader.path, line: reader.lineNumber, count: numbers.count, limit: longest)
      }
      rows.append(numbers.compactMap(\.self))
    }
    guard rows.count >= least else {
      throw BenchmarkInputError.tooFew(path: reader.path, found: rows.count, least: least)
    }
    return rows
  }
}
