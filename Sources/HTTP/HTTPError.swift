import Foundation

/// What can go wrong in the server itself, as opposed to in a request (`Refusal`).
public enum HTTPError: Error, Sendable, Equatable, LocalizedError {
  /// A system call failed.
  case system(call: String, code: Int32)
  /// A route's template is malformed.
  case badTemplate(String)

  /// What is wrong.
  public var errorDescription: String? {
    switch self {
    case .system(let call, let code): "\(call) failed: \(String(cString: strerror(code)))."
    case .badTemplate(let template): "The route '\(template)' is malformed."
    }
  }

  /// How to mend it.
  public var recoverySuggestion: String? {
    switch self {
    case .system: "Look at the limits of the process (ulimit -n) and the kernel's log."
    case .badTemplate: "Begin it with '/', and write parameters as '{name}'."
    }
  }
}
