import Foundation

/// A command with its subcommands, as its own help describes it (the JSON of `--experimental-dump-help`).
public struct CommandDescription: Sendable {
  /// Its name.
  public let name: String
  /// One sentence: what it does.
  public let abstract: String
  /// What there is to say beyond one sentence.
  public let discussion: String
  /// Its options, in the order of the help; without those for every command.
  public let options: [CommandOption]
  /// Its subcommands that the help shows.
  public let subcommands: [CommandDescription]

  /// Reads a dump.
  /// - Throws: `DecodingError` if it is of another form.
  public init(help dump: String) throws {
    self.init(try JSONDecoder().decode(Dump.self, from: Data(dump.utf8)).command)
  }

  private init(_ command: Command) {
    name = command.commandName
    abstract = command.abstract ?? ""
    discussion = command.discussion ?? ""
    options = CommandOption.joined(
      (command.arguments ?? []).filter(\.shouldDisplay).map(CommandOption.init)
        .filter { !["help", "version"].contains($0.name) })
    subcommands = (command.subcommands ?? [])
      .filter { $0.shouldDisplay ?? true && $0.commandName != "help" }.map(Self.init)
  }

  private struct Dump: Decodable {
    let command: Command
  }

  private struct Command: Decodable {
    let commandName: String
    let shouldDisplay: Bool?
    let abstract: String?
    let discussion: String?
    let subcommands: [Command]?
    let arguments: [CommandOption.Argument]?
  }
}
