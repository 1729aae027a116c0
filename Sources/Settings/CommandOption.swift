import Foundation

/// One option of a command, as the command's own help describes it.
public struct CommandOption: Sendable, Equatable {
  /// What stands on the command line for it.
  public enum Kind: String, Sendable, Decodable {
    /// A word without a name.
    case positional
    /// A name and a value.
    case option
    /// A name alone.
    case flag
  }

  /// The long name without its dashes; for a positional, the name of its value.
  public let name: String
  /// The one-letter name.
  public let letter: String?
  /// The name that switches a flag off, without its dashes.
  public private(set) var inverse: String?
  /// What stands on the command line.
  public let kind: Kind
  /// Whether it may be given more than once.
  public let isRepeating: Bool
  /// What the value is called in the help.
  public let valueName: String
  /// The value where none is given.
  public private(set) var defaultValue: String?
  /// One sentence: what it is for.
  public let abstract: String
  /// What there is to say beyond one sentence.
  public let discussion: String
  /// The group of the help that it stands in.
  public let section: String

  /// Its key in `martlet.toml`. Dashes are taken for underscores there.
  public var key: String { Self.key(name) }

  /// Its variable in the environment.
  public var variable: String { "MARTLET_" + key.uppercased() }

  /// Whether it can be set elsewhere than on the command line: not what asks for another action, once.
  public var isSetting: Bool {
    !["help", "version", "config", "check-config", "print-config"].contains(name)
  }

  static func key(_ name: String) -> String {
    name.lowercased().replacing("-", with: "_")
  }

  /// A flag and its `no-` are two arguments in the dump; they are one option.
  static func joined(_ options: [CommandOption]) -> [CommandOption] {
    let names = Set(options.map(\.name))
    let isInverse: (CommandOption) -> Bool = {
      $0.kind == .flag && $0.name.hasPrefix("no-") && names.contains(String($0.name.dropFirst(3)))
    }
    return options.filter { !isInverse($0) }.map { option in
      guard option.kind == .flag, names.contains("no-\(option.name)") else { return option }
      var option = option
      option.inverse = "no-\(option.name)"
      return option
    }
  }

  struct Argument: Decodable {
    struct Name: Decodable {
      let kind: String
      let name: String
    }
    let kind: Kind
    let shouldDisplay: Bool
    let isRepeating: Bool
    let names: [Name]?
    let valueName: String?
    let defaultValue: String?
    let abstract: String?
    let discussion: String?
    let sectionTitle: String?
  }

  init(_ argument: Argument) {
    let long = (argument.names ?? []).filter { $0.kind == "long" }.map(\.name)
    kind = argument.kind
    name = long.first ?? argument.valueName ?? ""
    inverse = nil
    letter = argument.names?.first { $0.kind == "short" }?.name
    isRepeating = argument.isRepeating && argument.kind != .flag
    valueName = argument.valueName ?? name
    // A flag's is the spelling that is on.
    defaultValue =
      argument.kind == .flag
      ? "\(argument.defaultValue.map { $0 == "--\(long.first ?? "")" } ?? false)"
      : argument.defaultValue
    abstract = argument.abstract ?? ""
    discussion = argument.discussion ?? ""
    section = argument.sectionTitle ?? ""
  }
}
