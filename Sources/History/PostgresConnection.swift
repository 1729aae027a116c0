import CPostgres
import Foundation

/// One connection to a PostgreSQL server over libpq. One thread at a time.
///
/// The pointer is libpq's from `init` to `deinit` and goes nowhere else.
final class PostgresConnection {
  /// What a statement gave: text, row by row; nil is NULL.
  typealias Rows = [[String?]]

  private let pointer: OpaquePointer
  private let name: String

  /// Connects.
  /// - Parameters:
  ///   - info: libpq's connection string or URI.
  ///   - name: what errors call it; without the password.
  /// - Throws: `HistoryError.unreachable`.
  init(_ info: String, name: String) throws(HistoryError) {
    if let reason = martlet_pg_load() {
      throw .unreachable(
        name, reason: "\(String(cString: reason)) (install it with: apt-get install libpq5)")
    }
    guard let pointer = martlet_pg_connect(info) else {
      throw .unreachable(name, reason: "there is no memory")
    }
    guard martlet_pg_is_connected(pointer) else {
      let reason = Self.line(String(cString: martlet_pg_error_message(pointer)))
      martlet_pg_finish(pointer)
      throw .unreachable(name, reason: reason)
    }
    (self.pointer, self.name) = (pointer, name)
  }

  deinit { martlet_pg_finish(pointer) }

  /// Runs a statement with parameters `$1`, `$2`, …; without any, several statements.
  /// - Throws: `HistoryError`.
  @discardableResult
  func run(_ statement: String, _ parameters: [String?] = []) throws(HistoryError) -> Rows {
    // C strings that live until the statement has run.
    let texts = parameters.map { $0.map { strdup($0) } ?? nil }
    defer { for text in texts { free(text) } }
    let values = texts.map { UnsafePointer($0) }
    let result = martlet_pg_execute(pointer, statement, Int32(values.count), values)
    defer { if let result { martlet_pg_clear(result) } }
    guard let result, martlet_pg_is_good(result) else { throw error(result) }
    return (0..<martlet_pg_row_count(result)).map { row in
      (0..<martlet_pg_column_count(result)).map { column in
        martlet_pg_value(result, row, column).map { String(cString: $0) }
      }
    }
  }

  private func error(_ result: OpaquePointer?) -> HistoryError {
    let reason = Self.line(String(cString: martlet_pg_error_message(pointer)))
    guard martlet_pg_is_connected(pointer) else { return .unreachable(name, reason: reason) }
    let state = martlet_pg_state(result).map { String(cString: $0) } ?? ""
    // Classes of PostgreSQL's appendix "Error Codes": no disk left; a lock was not to be had in time; damaged data.
    switch state {
    case "53100": return .full(name)
    case "55P03", "57014", "40P01", "40001": return .locked(name)
    case _ where state.hasPrefix("XX"): return .failed(name, reason: reason)
    default: return .failed(name, reason: reason)
    }
  }

  private static func line(_ text: String) -> String {
    text.split(whereSeparator: \.isNewline).joined(separator: " ").prefix(300)
      .trimmingCharacters(in: .whitespaces)
  }
}
