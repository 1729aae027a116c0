import Foundation

/// What can go wrong while serving is set up.
public enum ServingError: Error, Sendable, Equatable, LocalizedError {
  /// A log file cannot be opened.
  case cannotOpenLog(path: String, code: Int32)
  /// A model that is to be served is not named, or not fit, for it.
  case badModel(text: String, reason: String, mend: String)
  /// A file with tokens cannot be read, or a line of it is no token.
  case badTokens(path: String, line: Int?, reason: String)
  /// An option's value is none that it takes.
  case badOption(name: String, value: String, mend: String)
  /// A format of the access log has an atom that there is not.
  case badLogFormat(String, at: String)
  /// The admin listener does not answer, or not with what was asked for.
  case noReport(address: String, reason: String)

  /// What is wrong, and where.
  public var errorDescription: String? {
    switch self {
    case .cannotOpenLog(let path, let code):
      "The log \(path) cannot be opened: \(String(cString: strerror(code)))."
    case .badModel(let text, let reason, let mend):
      "The model '\(text)' cannot be served: \(reason). \(mend)"
    case .badTokens(let path, let line, let reason):
      "The token file \(path)\(line.map { ", line \($0)," } ?? "") cannot be used: \(reason)."
    case .noReport(let address, let reason):
      "\(address) gives no report: \(reason). Name the admin listener of a running `martlet serve` with --url or --socket."
    case .badOption(let name, let value, let mend): "\(name) \(value): \(mend)"
    case .badLogFormat(let format, let place):
      "--access-logformat '\(format)' is not understood at '\(place)': use logfmt, json, combined, or atoms as in "
        + "'%(h)s %(t)s \"%(r)s\" %(s)s'; `martlet help serve` lists them."
    }
  }

  /// How to mend it.
  public var recoverySuggestion: String? {
    switch self {
    case .badLogFormat, .noReport: nil
    case .cannotOpenLog: "Give the daemon's user the right to write there, or name another file."
    case .badModel(_, _, let mend), .badOption(_, _, let mend): mend
    case .badTokens:
      "Write one NAME:TOKEN a line, or NAME:sha256:DIGEST, in a file that the daemon's user can read."
    }
  }
}
