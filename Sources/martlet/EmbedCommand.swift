import ArgumentParser
import FileJobs
import Files
import Foundation
import Transformer

struct Embed: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract:
      "Write the embedding of each row of a file, of standard input, or of texts given here.",
    discussion: """
      Pooling, dense layers and normalisation come from the model's modules.json; a bare encoder \
      has mean pooling. --pooling makes embeddings with any model's encoder.

      Examples:
        martlet embed all-MiniLM-L6-v2 --text 'A man is eating food.'
        martlet embed all-MiniLM-L6-v2 texts.txt -o vectors.npy
        martlet embed my-model docs.jsonl --column body --pooling cls --normalize -o out.jsonl
      """)

  @Argument(help: "Model directory, or a name on a hub.") var model: String
  @Argument(help: "File, or - for standard input.") var file = "-"
  @Option(help: "A text; may be repeated. No file is read then.") var text: [String] = []
  @OptionGroup var options: RecordOptions
  @OptionGroup var precision: PrecisionOption
  @OptionGroup var weightCache: WeightCacheOptions
  @Option(name: .shortAndLong, help: "Output file.") var output = "-"
  @Option(help: "Output format: jsonl, tsv, csv, npy; by the output's name when not given.")
  var outputFormat: PredictionWriter.Format?
  @Option(
    help: "Pooling: \(Pooling.allCases.map(\.rawValue).joined(separator: ", ")).")
  var pooling: Pooling?
  @Flag(inversion: .prefixedNo, help: "Whether embeddings have length 1.") var normalize: Bool?

  func run() throws {
    let model = try TextModel.load(
      directory: ModelSource.directory(model), pooling: pooling, normalizes: normalize,
      precision: precision.precision)
    guard model.task == .embedding else {
      throw ModelError.wrongTask(path: self.model, found: model.task, wanted: .embedding)
    }
    let named = PredictionWriter.Format(
      rawValue: URL(fileURLWithPath: output).pathExtension.lowercased())
    let format = outputFormat ?? named ?? .jsonl
    if format == .npy && output == "-" {
      throw ValidationError("--output-format npy needs a file: -o vectors.npy")
    }
    var writer = try PredictionWriter(OutputFile(path: output), format: format, model: model)
    if !text.isEmpty {
      for prediction in try model.predict(text.map { TextInput($0) }) {
        try writer.write(prediction)
      }
      return try writer.finish()
    }
    try options.answer(file, by: model, with: &writer, output: output)
  }
}

extension Pooling: ExpressibleByArgument {}
