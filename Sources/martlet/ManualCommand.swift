import ArgumentParser
import Files
import Settings

/// Not shown in the help: what packaging and `make docs` ask for.
struct Manual: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print the manual page, or the reference of serve's options, from the help.",
    shouldDisplay: false)

  @Option(help: "Date on the page.") var date = "November 25, 2026"
  @Flag(help: "Print the options of serve in Markdown.") var options = false

  func run() throws {
    let martlet = try CommandDescription(help: Martlet._dumpHelp())
    if options {
      guard let serve = martlet.subcommands.first(where: { $0.name == "serve" }) else { return }
      try Console.print(
        ConfigurationReference(serve.options, command: "martlet serve").text, terminator: "")
    } else {
      try Console.print(ManualPage(martlet, date: date).text, terminator: "")
    }
  }
}
