import Foundation

/// Why a file or stream cannot be read or written, naming it.
package enum FileError: Error, Equatable, LocalizedError {
  /// It cannot be opened or read.
  case unreadable(path: String, reason: String)
  /// It cannot be opened or written.
  case unwritable(path: String, reason: String)
  /// A line is longer than what is held at once.
  case lineTooLong(path: String, line: Int, limit: Int)
  /// Whoever read standard output has gone.
  case outputClosed

  /// What, where and how to mend it.
  package var errorDescription: String? {
    switch self {
    case .unreadable(let path, let reason):
      return "\(path): \(reason). Check path and permissions."
    case .unwritable(let path, let reason):
      return "\(path): cannot be written: \(reason). Check the folder, its permissions and space."
    case .lineTooLong(let path, let line, let limit):
      return "\(path), line \(line): the row is longer than \(limit) bytes. "
        + "Split it, or check that the format is right (--format)."
    case .outputClosed: return "The output was closed."
    }
  }

  /// The system's words for `errno`.
  static var systemReason: String { String(cString: strerror(errno)) }
}
