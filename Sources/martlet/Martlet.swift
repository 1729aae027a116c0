import ArgumentParser
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
        martlet train data.tsv --validation held-out.tsv -o my-model
        martlet eval my-model test.tsv
        martlet predict my-model --text 'WIN a FREE prize now'
        martlet inspect my-model
      """,
    version: "0.1.0",
    subcommands: [
      Serve.self, Train.self, Schedule.self, LRFind.self, Tune.self, Study.self, Eval.self,
      Predict.self, Embed.self, Tokenize.self, Inspect.self, Quantize.self,
      Profile.self, Report.self,
      Store.self, Bench.self, Manual.self, Doctor.self,
    ])

  /// `serve` alone takes settings from elsewhere than its command line as well.
  static func main() {
    let words = Array(CommandLine.arguments.dropFirst())
    guard words.first == "serve", !words.contains(where: { ["-h", "--help"].contains($0) }) else {
      return main(words)
    }
    var layers: SettingsLayers?
    do {
      layers = try Serve.layers()
      var command = try parseAsRoot(["serve"] + (layers?.arguments ?? []))
      try command.run()
    } catch {
      if let value = layers?.culprit(in: message(for: error)) {
        let text = "\(value.option.name) is set by: \(value.source)\n"
        FileHandle.standardError.write(Data(text.utf8))
      }
      exit(withError: error)
    }
  }
}
