/// What one check of an installation found, and how to mend it.
public struct Finding: Equatable, Sendable {
  /// How grave a finding is, in the order of monitoring plugins: their exit codes are the raw values.
  public enum Gravity: Int, Comparable, Sendable {
    case sound = 0
    case warning = 1
    case failure = 2
    /// The check could not be made here; it says nothing about the installation.
    case unknown = 3

    /// Orders what is known by gravity, and what is unknown below it.
    public static func < (left: Self, right: Self) -> Bool {
      func rank(_ value: Self) -> Int { value == .unknown ? -1 : value.rawValue }
      return rank(left) < rank(right)
    }

    /// The word that stands before a finding.
    public var word: String {
      switch self {
      case .sound: "ok"
      case .warning: "warning"
      case .failure: "FAILED"
      case .unknown: "unknown"
      }
    }
  }

  /// What was looked at: `unit`, `certificate`.
  public var subject: String
  /// Whether it is sound, and if not, how grave.
  public var gravity: Gravity
  /// What was seen.
  public var detail: String
  /// What to do about it; nothing where all is well.
  public var mend: String?

  /// Makes a finding.
  public init(_ subject: String, _ gravity: Gravity, _ detail: String, mend: String? = nil) {
    self.subject = subject
    self.gravity = gravity
    self.detail = detail
    self.mend = mend
  }
}
