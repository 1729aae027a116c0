/// The settings of a command from all that can name them: the command line beats the environment, which beats the file,
/// which beats the default.
///
/// What comes from the lower layers is written behind the command line's own words, so that the command's parser sees one
/// command line and checks it as always.
public struct SettingsLayers: Sendable {
  /// Who set a value.
  public enum Source: Sendable, Equatable, CustomStringConvertible {
    case commandLine
    case environment(variable: String)
    case file(path: String, line: Int)
    case byDefault

    /// As it is said to the user.
    public var description: String {
      switch self {
      case .commandLine: "command line"
      case .environment(let variable): "environment, \(variable)"
      case .file(let path, let line): "\(path) line \(line)"
      case .byDefault: "default"
      }
    }
  }

  /// One setting as it stands in the end.
  public struct Value: Sendable, Equatable {
    /// The option.
    public let option: CommandOption
    /// Its values; empty for what is not set and has no default.
    public let values: [String]
    /// Who set it.
    public let source: Source
  }

  /// The command line for the command's parser, without the command's name.
  public let arguments: [String]
  /// Every setting, in the order of the help.
  public let values: [Value]

  /// Reads all layers.
  /// - Parameters:
  ///   - arguments: the words after the command's name.
  ///   - environment: of which `MARTLET_…` counts.
  ///   - options: the command's, from its help.
  ///   - defaultFile: read if it is there and neither `--config` nor `MARTLET_CONFIG` names another.
  /// - Throws: `SettingsError`.
  public init(
    arguments: [String], environment: [String: String], options: [CommandOption],
    defaultFile: String? = nil
  ) throws(SettingsError) {
    let given = Self.scan(arguments, options)
    let file = try Self.file(given, environment, options, defaultFile: defaultFile)
    var values: [Value] = []
    var added: [String] = []
    for option in options where option.isSetting {
      var value = Value(
        option: option, values: option.defaultValue.map { [$0] } ?? [], source: .byDefault)
      if let words = given[option.name] {
        value = Value(option: option, values: words, source: .commandLine)
      } else if let text = environment[option.variable] {
        value = Value(
          option: option, values: try Self.words(text, option),
          source: .environment(variable: option.variable))
      } else if let file, let entry = file.entries.first(where: { $0.key == option.key }) {
        value = Value(
          option: option, values: entry.values, source: .file(path: file.path, line: entry.line))
      }
      values.append(value)
      added += Self.spelled(value)
    }
    self.values = values
    let end = arguments.firstIndex(of: "--") ?? arguments.endIndex
    self.arguments = Array(arguments[..<end]) + added + Array(arguments[end...])
  }

  /// The setting that a parser's message is about, if it did not come from the command line: the message names the option.
  public func culprit(in message: String) -> Value? {
    values.filter { value in
      if value.source == .commandLine || value.source == .byDefault { return false }
      let name =
        value.option.kind == .positional ? "<\(value.option.name)>" : "--\(value.option.name)"
      guard let range = message.range(of: name) else { return false }
      guard range.upperBound < message.endIndex else { return true }
      let next = message[range.upperBound]
      return !(next.isLetter || next.isNumber || next == "-" || next == "_")
    }.max { $0.option.name.count < $1.option.name.count }
  }

  /// All settings as a file that would set them, each with who set it.
  public var text: String {
    values.map { value in
      let key = value.option.key
      let words = value.values.map { Self.isPlain($0, value.option) ? $0 : Self.quoted($0) }
      guard !words.isEmpty || value.option.kind == .flag else { return "# \(key) is not set\n" }
      var right = words.first ?? "false"
      if value.option.isRepeating { right = "[" + words.joined(separator: ", ") + "]" }
      return "\(key) = \(right)  # \(value.source)\n"
    }.joined()
  }

  // MARK: - Layers

  /// What the command line sets. What it has wrong is left to the command's parser.
  private static func scan(_ arguments: [String], _ options: [CommandOption]) -> [String: [String]]
  {
    var given: [String: [String]] = [:]
    let positional = options.first { $0.kind == .positional }
    var words = arguments[...]
    while let word = words.popFirst() {
      if word == "--" {
        if let positional, !words.isEmpty { given[positional.name, default: []] += words }
        break
      }
      guard word.hasPrefix("-"), word.count > 1 else {
        if let positional { given[positional.name, default: []].append(word) }
        continue
      }
      let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let name = parts[0].drop { $0 == "-" }
      let isLong = word.hasPrefix("--")
      let match = options.first {
        isLong ? $0.name == name || $0.inverse == String(name) : $0.letter == String(name)
      }
      guard let option = match else { continue }
      if option.kind == .flag {
        given[option.name] = [option.inverse == String(name) ? "false" : "true"]
      } else if parts.count == 2 {
        given[option.name, default: []].append(String(parts[1]))
      } else if let next = words.popFirst() {
        given[option.name, default: []].append(next)
      }
    }
    return given
  }

  private static func file(
    _ given: [String: [String]], _ environment: [String: String], _ options: [CommandOption],
    defaultFile: String?
  ) throws(SettingsError) -> SettingsFile? {
    if let path = given["config"]?.last ?? environment["MARTLET_CONFIG"] {
      return try SettingsFile(path: path, options: options)
    }
    guard let defaultFile, isThere(defaultFile) else { return nil }
    return try SettingsFile(path: defaultFile, options: options)
  }

  /// A variable's words: a list is written with commas, a switch as yes or no.
  private static func words(
    _ text: String, _ option: CommandOption
  ) throws(SettingsError) -> [String] {
    if option.kind == .flag {
      switch text.lowercased() {
      case "1", "true", "yes", "on": return ["true"]
      case "0", "false", "no", "off": return ["false"]
      default: throw .badSwitch(variable: option.variable, value: text)
      }
    }
    return option.isRepeating ? text.split(separator: ",").map(String.init) : [text]
  }

  /// How the command line would say what a lower layer sets.
  private static func spelled(_ value: Value) -> [String] {
    if value.source == .commandLine || value.source == .byDefault { return [] }
    switch value.option.kind {
    case .positional: return value.values
    case .option: return value.values.map { "--\(value.option.name)=\($0)" }
    case .flag:
      if value.values == ["true"] { return ["--\(value.option.name)"] }
      return value.option.inverse.map { ["--\($0)"] } ?? []
    }
  }

  private static func isPlain(_ word: String, _ option: CommandOption) -> Bool {
    if option.kind == .flag { return word == "true" || word == "false" }
    return SettingsReader.number(word) == word
  }

  private static func quoted(_ word: String) -> String {
    let escaped = word.unicodeScalars.map { scalar in
      switch scalar {
      case "\"", "\\": "\\\(scalar)"
      case _ where scalar.value < 0x20 || scalar.value == 0x7F:
        "\\u" + String(repeating: "0", count: scalar.value < 16 ? 3 : 2)
          + String(scalar.value, radix: 16)
      default: "\(scalar)"
      }
    }
    return "\"" + escaped.joined() + "\""
  }
}
