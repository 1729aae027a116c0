import Foundation
import HubCache

/// One model to serve, as the command line names it: `DIR` or `NAME=DIR`, with a `:PERCENT%` behind it for a canary. `DIR` may be a
/// name on a hub, until `directory` is set to where its files are.
public struct ModelSpecification: Sendable, Equatable {
  /// What part a directory's model has in answering for its name.
  public enum Role: Sendable, Equatable {
    /// Answers, but for what the canary takes.
    case primary
    /// Answers this share of the requests, from 0 to 1.
    case canary(share: Double)
    /// Answers nobody; what it would have said is compared with the primary's answer.
    case shadow

    /// The role's name in metrics.
    public var name: String {
      switch self {
      case .primary: "primary"
      case .canary: "canary"
      case .shadow: "shadow"
      }
    }
  }

  /// The name in paths such as `/v1/models/NAME`.
  public var name: String
  /// The model's directory.
  public var directory: String
  /// Its part in answering.
  public var role: Role
  /// Other names that it answers to.
  public var aliases: [String] = []

  /// Longest name in bytes.
  public static let maximumNameLength = 128

  /// A specification of parts.
  public init(name: String, directory: String, role: Role = .primary) {
    self.name = name
    self.directory = directory
    self.role = role
  }

  /// Reads `DIR` or `NAME=DIR`. Without a name, the last part of the path is it, or the hub's own name.
  /// - Throws: `ServingError.badModel`.
  public static func primary(_ text: String) throws(ServingError) -> ModelSpecification {
    let (name, directory) = split(text)
    let isThere = FileManager.default.fileExists(atPath: directory)
    let own = isThere ? HubCache.name(ofSnapshot: directory)?.name : HubName(directory)
    let last = URL(fileURLWithPath: directory).standardizedFileURL.lastPathComponent
    let found = try checked(
      name ?? (isThere ? nil : own?.id) ?? sane(last), directory, .primary, text)
    guard let own, own.id != found.name else { return found }
    var model = found
    // Clients of the hub's name need not know what it is called here.
    model.aliases = [own.id]
    return model
  }

  /// Reads `NAME=ALIAS` and gives the alias to the model of that name.
  /// - Throws: `ServingError.badModel`.
  public static func addAlias(
    _ text: String, to models: inout [ModelSpecification]
  ) throws(ServingError) {
    let mend =
      "Write --alias NAME=ALIAS, with the name of a model that is served and one that no other has."
    guard let equals = text.firstIndex(of: "=") else {
      throw .badModel(text: text, reason: "an alias needs the name that it stands for", mend: mend)
    }
    let (name, alias) = (String(text[..<equals]), String(text[text.index(after: equals)...]))
    guard isSane(alias) else { throw badName(alias, text) }
    let primaries = models.indices.filter { models[$0].role == .primary }
    guard let index = primaries.first(where: { models[$0].name == name }) else {
      throw .badModel(text: text, reason: "no model '\(name)' is served", mend: mend)
    }
    let others = primaries.filter { $0 != index }
    if models[index].name == alias || others.contains(where: { models[$0].name == alias }) {
      throw .badModel(text: text, reason: "'\(alias)' is a model's name", mend: mend)
    }
    for other in others where models[other].aliases.contains(alias) {
      throw .badModel(
        text: text, reason: "'\(alias)' stands for \(models[other].name) already", mend: mend)
    }
    if !models[index].aliases.contains(alias) { models[index].aliases.append(alias) }
  }

  private static func badName(_ name: String, _ text: String) -> ServingError {
    .badModel(
      text: text, reason: "the name '\(name)' cannot stand in a path",
      mend:
        "Use 1 to \(maximumNameLength) of A-Z a-z 0-9 - _ . : in NAME=DIR, in parts with / between."
    )
  }

  /// Reads `NAME=DIR:PERCENT%`.
  /// - Throws: `ServingError.badModel`.
  public static func canary(_ text: String) throws(ServingError) -> ModelSpecification {
    guard text.hasSuffix("%"), let colon = text.lastIndex(of: ":"),
      let percent = Double(text[text.index(after: colon)...].dropLast()),
      percent > 0 && percent <= 100
    else {
      throw .badModel(
        text: text, reason: "a canary has its share of the requests behind it",
        mend: "Write NAME=DIR:5%, with a share above 0 and up to 100.")
    }
    return try named(String(text[..<colon]), .canary(share: percent / 100))
  }

  /// Reads `NAME=DIR`.
  /// - Throws: `ServingError.badModel`.
  public static func shadow(_ text: String) throws(ServingError) -> ModelSpecification {
    try named(text, .shadow)
  }

  private static func named(_ text: String, _ role: Role) throws(ServingError) -> ModelSpecification
  {
    let (name, directory) = split(text)
    guard let name else {
      throw .badModel(
        text: text, reason: "it does not say which model it stands beside",
        mend: "Write NAME=DIR, with the name of a model that is served.")
    }
    return try checked(name, directory, role, text)
  }

  /// Name and directory. A path that is there is taken whole, though it have a `=` in it.
  private static func split(_ text: String) -> (name: String?, directory: String) {
    guard let equals = text.firstIndex(of: "="), !FileManager.default.fileExists(atPath: text)
    else {
      return (nil, text)
    }
    return (String(text[..<equals]), String(text[text.index(after: equals)...]))
  }

  private static func checked(
    _ name: String, _ directory: String, _ role: Role, _ text: String
  ) throws(ServingError) -> ModelSpecification {
    guard isSane(name) else { throw badName(name, text) }
    if directory.isEmpty {
      throw .badModel(
        text: text, reason: "there is no directory behind the name", mend: "Write NAME=DIR.")
    }
    return ModelSpecification(name: name, directory: directory, role: role)
  }

  private static func isSane(_ name: String) -> Bool {
    (1...maximumNameLength).contains(name.utf8.count) && HubName.isRelativePath(name)
      && name.utf8.allSatisfy {
        isNameByte($0) || $0 == UInt8(ascii: "/")
      }
  }

  /// A path's last part as a name: other characters become `-`.
  private static func sane(_ text: String) -> String {
    String(
      decoding: text.utf8.prefix(maximumNameLength).map { isNameByte($0) ? $0 : UInt8(ascii: "-") },
      as: UTF8.self)
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
      UInt8(ascii: "."), UInt8(ascii: ":"):
      true
    default: false
    }
  }
}
