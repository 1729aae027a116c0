import Foundation

/// What can go wrong while serving is set up.
public enum ServingError: Error, Sendable, Equatable, LocalizedError {
  /// A log file cannot be opened.
  case cannotOpenLog(path: String, code: Int32)

  /// What is wrong, and where.
  public var errorDescription: String? {
    switch self {
    case .cannotOpenLog(let path, let code):
      "The log \(path) cannot be opened: \(String(cString: strerror(code)))."
    }
  }

  /// How to mend it.
  public var recoverySuggestion: String? {
    switch self {
    case .cannotOpenLog: "Give the daemon's user the right to write there, or name another file."
    }
  }
}
