import ArgumentParser

@main
struct Martlet: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "martlet",
    abstract: "Trains, serves and watches Transformer text classifiers.",
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
      Serve.self, Train.self, Eval.self, Predict.self, Embed.self, Inspect.self, Quantize.self,
      Profile.self,
      Bench.self,
    ])
}
