import Foundation

/// What is wrong with the settings: each case says where, and how to mend it.
public enum SettingsError: Error, Equatable, Sendable, LocalizedError {
  /// The file cannot be read.
  case unreadable(path: String, reason: String)
  /// The file is no TOML.
  case syntax(path: String, line: Int, reason: String)
  /// The file sets what there is not.
  case unknownKey(path: String, line: Int, key: String, nearest: String?)
  /// The file sets something to a value of another kind.
  case wrongType(path: String, line: Int, key: String, expected: String)
  /// A variable of the environment switches a flag with a word that is neither yes nor no.
  case badSwitch(variable: String, value: String)

  /// One sentence: what, where, and what to do.
  public var errorDescription: String? {
    switch self {
    case .unreadable(let path, let reason):
      "\(path): \(reason); name another file with --config"
    case .syntax(let path, let line, let reason):
      "\(path) line \(line): \(reason); write it as TOML: key = value"
    case .unknownKey(let path, let line, let key, let nearest):
      "\(path) line \(line): there is no setting '\(key)'"
        + (nearest.map { "; did you mean '\($0)'?" } ?? "; `martlet help serve` lists them")
    case .wrongType(let path, let line, let key, let expected):
      "\(path) line \(line): '\(key)' has to be \(expected)"
    case .badSwitch(let variable, let value):
      "\(variable)='\(value)': write 1, true, yes or on, or 0, false, no or off"
    }
  }
}
