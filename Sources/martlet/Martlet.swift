import ArgumentParser
import Files
import Foundation
import Settings

@main
struct Martlet: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "martlet",
    abstract: "Train, serve and watch Transformer text models.",
    discussion: """
      Examples:
        martlet serve Models/sms-spam -w 2 -b 127.0.0.1:5000
        martlet serve BAAI/bge-small-en-v1.5
        martlet train data.tsv --validation held-out.tsv -o my-model
        martlet eval my-model test.tsv
        martlet predict my-model --text 'WIN a FREE prize now'
        martlet inspect my-model
      """,
    version: "0.1.0",
    subcommands: [
      Serve.self, Train.self, Schedule.self, LRFind.self, Tune.self, Study.self, Eval.self,
      Predict.self, Embed.self, Tokenize.self, Inspect.self, Quantize.self,
      Profile.self, Report.self, Pull.self, Models.self,
      Store.self, Bench.self, Manual.self, Doctor.self, Reload.self, Probe.self,
    ])

  /// The user's words, as a shell takes them again.
  static var commandLine: String {
    (["martlet"] + CommandLine.arguments.dropFirst()).map(\.shellWord).joined(separator: " ")
  }

  /// `serve` alone takes settings from elsewhere than its command line as well.
  static func main() {
    Console.prepare()
    let words = Array(CommandLine.arguments.dropFirst())
    let isServe =
      words.first == "serve" && !words.contains(where: { ["-h", "--help"].contains($0) })
    var layers: SettingsLayers?
    do {
      if isServe { layers = try Serve.layers() } else { Interruption.watch() }
      var command = try parseAsRoot(layers.map { ["serve"] + $0.arguments } ?? words)
      try command.run()
    } catch {
      if let value = layers?.culprit(in: message(for: error)) {
        Console.say("\(value.option.name) is set by: \(value.source)")
      }
      end(with: error)
    }
  }

  /// Says what ended the command, and ends it: help on standard output, faults on standard error.
  private static func end(with error: any Error) -> Never {
    let error = FileError(foundation: error) ?? error
    // Whoever reads a part of the output, as `head` does, has had what it wanted.
    if case FileError.outputClosed = error { Foundation.exit(0) }
    let (text, code) = (fullMessage(for: error), exitCode(for: error))
    if !code.isSuccess, !text.isEmpty { Console.say(text) }
    guard code.isSuccess, !text.isEmpty else { Foundation.exit(code.rawValue) }
    do { try Console.print(text) } catch { end(with: error) }
    Foundation.exit(0)
  }
}
