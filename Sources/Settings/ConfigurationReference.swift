/// The page of all options of a command in Markdown, from the command's own help: each with its default, where it may be
/// set, and an example.
///
/// An option's example stands at the end of its help, behind `Example:`; without one, the default is shown.
public struct ConfigurationReference {
  private let options: [CommandOption]
  private let command: String

  /// - Parameter command: how the command is called.
  public init(_ options: [CommandOption], command: String) {
    self.options = options
    self.command = command
  }

  /// The part of the page that lists the options.
  public var text: String {
    var text = ""
    var section: String?
    for option in options {
      if option.section != section {
        section = option.section
        text += "\n## \(option.section.isEmpty ? "General" : option.section)\n"
      }
      text += "\n" + entry(option)
    }
    return text
  }

  private func entry(_ option: CommandOption) -> String {
    let (discussion, example) = Self.split(option)
    var lines = ["### \(Self.title(option))", "", option.abstract]
    if !discussion.isEmpty { lines[2] += " " + discussion }
    var facts: [String] = []
    if option.kind == .flag {
      facts.append("Default: \(option.defaultValue == "true" ? "on" : "off")")
    } else {
      facts.append("Default: " + (option.defaultValue.map { "`\($0)`" } ?? "none"))
    }
    if option.isRepeating { facts.append("may be repeated") }
    if option.isSetting {
      facts.append("environment `\(option.variable)`")
      facts.append("file `\(option.key)`")
    } else if option.name == "config" {
      facts.append("environment `\(option.variable)`")
    } else {
      facts.append("command line alone")
    }
    lines += ["", facts.joined(separator: " · "), "", "```sh", "\(command) \(example)", "```"]
    return lines.joined(separator: "\n") + "\n"
  }

  private static func title(_ option: CommandOption) -> String {
    switch option.kind {
    case .positional: return "`\(option.name)`"
    case .option:
      let letter = option.letter.map { "`-\($0)`, " } ?? ""
      return "\(letter)`--\(option.name) \(option.valueName.uppercased())`"
    case .flag:
      let letter = option.letter.map { "`-\($0)`, " } ?? ""
      return "\(letter)`--\(option.name)`" + (option.inverse.map { ", `--\($0)`" } ?? "")
    }
  }

  private static func split(_ option: CommandOption) -> (discussion: String, example: String) {
    let parts = option.discussion.split(separator: "Example:", maxSplits: 1)
    let discussion = parts.first.map { trimmed($0) } ?? ""
    if parts.count == 2 { return (discussion, trimmed(parts[1])) }
    if option.discussion.hasPrefix("Example:") { return ("", discussion) }
    switch option.kind {
    case .positional: return (discussion, option.name)
    case .option:
      return (
        discussion, "--\(option.name) \(option.defaultValue ?? option.valueName.uppercased())"
      )
    case .flag: return (discussion, "--\(option.inverse ?? option.name)")
    }
  }

  private static func trimmed(_ text: Substring) -> String {
    text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }
}
