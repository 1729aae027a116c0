/// The manual page of a command, in mdoc(7), from the command's own help: nothing is written twice.
public struct ManualPage {
  private let command: CommandDescription
  private let date: String

  /// - Parameter date: what the page says of its age, such as `November 25, 2026`.
  public init(_ command: CommandDescription, date: String) {
    self.command = command
    self.date = date
  }

  /// The page.
  public var text: String {
    var lines = [
      ".Dd \(date)", ".Dt \(command.name.uppercased()) 1", ".Os", ".Sh NAME", ".Nm \(command.name)",
      ".Nd \(Self.escaped(Self.lowered(command.abstract)))", ".Sh SYNOPSIS",
    ]
    for subcommand in command.subcommands {
      lines += [".Nm", ".Cm \(subcommand.name)"] + Self.synopsis(subcommand)
    }
    lines += [".Sh DESCRIPTION", ".Nm"]
    lines += Self.prose("trains, serves and watches Transformer text models. Its commands are:")
    lines += [".Bl -tag -width Ds"]
    for subcommand in command.subcommands {
      lines.append(".It Cm \(subcommand.name)")
      lines += Self.prose(subcommand.abstract)
    }
    lines.append(".El")
    for subcommand in command.subcommands { lines += section(subcommand) }
    lines += Self.environment + Self.files + Self.status
    let examples = Self.examples(command.discussion)
    if !examples.isEmpty { lines += [".Sh EXAMPLES"] + examples }
    lines += [".Sh SEE ALSO", ".Xr curl 1 ,", ".Xr systemd.service 5 ,", ".Xr nginx 8"]
    return lines.joined(separator: "\n") + "\n"
  }

  private func section(_ command: CommandDescription) -> [String] {
    var lines = [".Sh \(command.name.uppercased())"]
    let (prose, examples) = Self.split(command.discussion)
    lines += Self.prose(command.abstract)
    for paragraph in prose {
      lines.append(".Pp")
      lines += Self.prose(paragraph)
    }
    var section: String?
    for option in command.options {
      if option.section != section {
        if section != nil { lines.append(".El") }
        section = option.section
        if !option.section.isEmpty { lines.append(".Ss \(Self.escaped(option.section))") }
        lines.append(".Bl -tag -width Ds")
      }
      lines += Self.item(option)
    }
    if section != nil { lines.append(".El") }
    if !examples.isEmpty { lines += [".Ss Examples"] + Self.display(examples) }
    return lines
  }

  private static func synopsis(_ command: CommandDescription) -> [String] {
    let hasOptions = command.options.contains { $0.kind != .positional }
    return (hasOptions ? [".Op Ar options"] : [])
      + command.options.filter { $0.kind == .positional }.map {
        $0.isRepeating ? ".Ar \($0.name) ..." : ".Ar \($0.name)"
      }
  }

  private static func item(_ option: CommandOption) -> [String] {
    var head: String
    switch option.kind {
    case .positional: head = ".It Ar \(option.name)"
    case .option:
      head = ".It "
      if let letter = option.letter { head += "Fl \(letter) Ar \(option.valueName) , " }
      head += "Fl Fl \(option.name) Ar \(option.valueName)"
    case .flag:
      head = ".It "
      if let letter = option.letter { head += "Fl \(letter) , " }
      head += "Fl Fl \(option.name)"
      if let inverse = option.inverse { head += " , Fl Fl \(inverse)" }
    }
    var lines = [head] + prose(option.abstract)
    if !option.discussion.isEmpty { lines += prose(option.discussion) }
    if let value = option.defaultValue, option.kind != .flag {
      lines += prose("The default is \(value).")
    }
    return lines
  }

  private static let environment =
    [".Sh ENVIRONMENT", ".Bl -tag -width Ds", ".It Ev MARTLET_NAME"]
    + prose(
      "An option of serve: --max-requests is MARTLET_MAX_REQUESTS. Lists are written with commas, switches as yes or no."
    )
    + [".It Ev MARTLET_CONFIG"] + prose("The file of settings, as --config.")
    + [".It Ev MARTLET_ISA"]
    + prose(
      "The instruction set of the kernels: portable, avx2 or avx512; the best that there is by default."
    )
    + [".It Ev LISTEN_FDS , LISTEN_PID , LISTEN_FDNAMES"]
    + prose(
      "Sockets that the service manager opened; the one named admin is the admin listener, all others are public."
    )
    + [".It Ev NOTIFY_SOCKET , WATCHDOG_USEC"]
    + prose("Where systemd is told how the service is doing.")
    + [".El"]

  private static let files =
    [".Sh FILES", ".Bl -tag -width Ds", ".It Pa martlet.toml"]
    + prose(
      "Settings of serve, read from the working directory if no other file is named. A key is the long name of an option with underscores."
    )
    + [".El"]

  private static let status =
    [".Sh EXIT STATUS"]
    + prose(
      "0 after a graceful end, 1 for what is wrong with files or sockets, 3 if no worker came to serve, 64 for what is wrong with the command line."
    )

  // MARK: - Text

  /// Paragraphs of a discussion before its examples, and the examples' lines.
  private static func split(_ discussion: String) -> (prose: [String], examples: [String]) {
    var (prose, examples): ([String], [String]) = ([""], [])
    var isExample = false
    for line in discussion.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix("Examples:") || line.hasPrefix("Example:") {
        isExample = true
      } else if isExample && !line.isEmpty {
        examples.append(String(line.drop { $0 == " " }))
      } else if line.isEmpty {
        prose.append("")
      } else {
        prose[prose.count - 1] += (prose[prose.count - 1].isEmpty ? "" : " ") + line
      }
    }
    return (prose.filter { !$0.isEmpty }, examples)
  }

  private static func examples(_ discussion: String) -> [String] {
    let lines = split(discussion).examples
    return lines.isEmpty ? [] : display(lines)
  }

  private static func display(_ lines: [String]) -> [String] {
    [".Bd -literal -offset indent"] + lines.map(escaped) + [".Ed"]
  }

  /// One sentence a line, as mdoc wants it, so that the space behind it is right; wrapped at 100 columns.
  private static func prose(_ text: String) -> [String] {
    var lines: [String] = []
    var line = ""
    for word in text.split(whereSeparator: \.isWhitespace) {
      if !line.isEmpty && line.count + word.count > 100 {
        lines.append(line)
        line = ""
      }
      line += (line.isEmpty ? "" : " ") + word
      if word.hasSuffix(".") || word.hasSuffix(":") {
        lines.append(line)
        line = ""
      }
    }
    if !line.isEmpty { lines.append(line) }
    return lines.map(escaped)
  }

  /// Text without anything that roff would read as its own.
  private static func escaped(_ text: String) -> String {
    let text = text.unicodeScalars.map { scalar in
      switch scalar {
      case "\\": "\\e"
      case "-": "\\-"
      case _ where scalar.value > 0x7E: "\\[u" + hexadecimal(scalar.value) + "]"
      default: "\(scalar)"
      }
    }.joined()
    return text.hasPrefix(".") || text.hasPrefix("'") ? "\\&" + text : text
  }

  /// At least four digits, as groff_char(7) wants them.
  private static func hexadecimal(_ value: UInt32) -> String {
    let digits = String(value, radix: 16, uppercase: true)
    return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
  }

  private static func lowered(_ text: String) -> String {
    let text = text.hasSuffix(".") ? String(text.dropLast()) : text
    return text.prefix(1).lowercased() + text.dropFirst()
  }
}
