import Foundation

/// Why a tokenizer cannot be read, learned or written.
public enum TokenizationError: Error, Equatable, LocalizedError {
  /// The directory has neither `tokenizer.json` nor `vocab.txt`.
  case noTokenizer(directory: String)
  /// A file cannot be read or written.
  case unreadable(path: String, reason: String)
  /// A file breaks its format.
  case malformed(path: String, problem: String)
  /// A component that is not supported.
  case unsupported(path: String, what: String, supported: String)
  /// A vocabulary lacks a token that the model cannot do without.
  case missingToken(path: String, token: String)
  /// The corpus has no words.
  case emptyCorpus

  /// What, where and how to mend it.
  public var errorDescription: String? {
    switch self {
    case .noTokenizer(let directory):
      return "\(directory): neither tokenizer.json nor vocab.txt is there. "
        + "Copy the one that belongs to the model into the folder."
    case .unreadable(let path, let reason): return "\(path): \(reason). Check path and permissions."
    case .malformed(let path, let problem):
      return "\(path): \(problem). Fetch or write the file again."
    case .unsupported(let path, let what, let supported):
      return "\(path): \(what) is not supported. Supported: \(supported)."
    case .missingToken(let path, let token):
      return "\(path): the token \"\(token)\" is missing, which a tokenizer of this kind has. "
        + "Check that the file belongs to the model."
    case .emptyCorpus:
      return "The corpus has no words to learn a vocabulary from. Check that texts are not empty."
    }
  }
}
