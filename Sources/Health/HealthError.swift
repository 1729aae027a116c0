import Foundation

/// What can go wrong with the health monitor's files.
public enum HealthError: LocalizedError, Equatable, Sendable {
  /// The reference profile cannot be read.
  case unreadable(path: String, reason: String)
  /// The file is not a reference profile, or one of its fields is missing or out of bounds.
  case malformed(path: String, what: String)
  /// The file was written by another version of the format.
  case unsupportedVersion(path: String, found: Int)
  /// The file's content does not match its own checksum.
  case wrongChecksum(path: String)
  /// The profile was made with another model.
  case otherModel(path: String, expected: String, found: String)
  /// Nothing was added to a profile.
  case emptyProfile
  /// The sockets between workers and health process cannot be made.
  case channel(String)

  /// What, where and how to mend it.
  public var errorDescription: String? {
    let again = "make it anew with 'martlet profile'"
    switch self {
    case .unreadable(let path, let reason):
      return
        "\(path): the reference profile cannot be read: \(reason). Check the path and its permissions."
    case .malformed(let path, let what):
      return "\(path): not a reference profile: \(what); \(again)."
    case .unsupportedVersion(let path, let found):
      return "\(path): reference profile of version \(found), but this program reads versions "
        + "\(ReferenceProfile.oldestVersion) to \(ReferenceProfile.version); \(again)."
    case .wrongChecksum(let path):
      return
        "\(path): the reference profile was changed after it was written; restore it or \(again)."
    case .otherModel(let path, let expected, let found):
      return
        "\(path): the reference profile belongs to model \(found), not to \(expected); \(again)."
    case .channel(let reason):
      return
        "the sockets for health events cannot be made: \(reason). Raise the limit of open files, or serve with --monitor none."
    case .emptyProfile:
      return
        "a reference profile needs at least one text; give it rows that the model was not trained on."
    }
  }
}
