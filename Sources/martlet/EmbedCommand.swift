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
      Pooling, layers and normalisation come from the model's modules.json; a bare encoder, and \
      that of a model for masked words, has mean pooling. --pooling makes embeddings with any \
      model's encoder. Models of sparse vectors give a weight for each of some words, late \
      interaction a vector for each token.

      Examples:
        martlet embed all-MiniLM-L6-v2 --text 'A man is eating food.'
        martlet embed all-MiniLM-L6-v2 texts.txt -o vectors.npy
        martlet embed my-model docs.jsonl --column body --pooling cls --normalize -o out.jsonl
        martlet embed splade-v3 --text 'A man is eating food.'
        martlet embed Qwen3-Embedding-0.6B --prompt-name query --text 'Where is Berlin?'
        martlet embed colbertv2.0 --input-type document docs.txt -o vectors.jsonl
      """)

  @Argument(help: "Model directory, or a name on a hub.") var model: String
  @Argument(help: "File, or - for standard input.") var file = "-"
  @Option(help: "A text; may be repeated. No file is read then.") var text: [String] = []
  @OptionGroup var options: RecordOptions
  @OptionGroup(title: "Task") var task: TaskOptions
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
    let directory = try ModelSource.directory(self.model)
    let isForMasks = try ModelDirectory.describe(directory).task == .maskedWords
    let model = try TextModel.load(
      directory: directory, pooling: pooling ?? (isForMasks ? .mean : nil), normalizes: normalize,
      precision: precision.precision)
    guard [.embedding, .sparseEmbedding, .multiVectorEmbedding].contains(model.task) else {
      throw ModelError.wrongTask(path: self.model, found: model.task, wanted: .embedding)
    }
    let named = PredictionWriter.Format(
      rawValue: URL(fileURLWithPath: output).pathExtension.lowercased())
    let format = outputFormat ?? named ?? .jsonl
    if format == .npy && model.task != .embedding {
      throw ValidationError("--output-format npy is for one vector a text: use jsonl")
    }
    if format == .npy && output == "-" {
      throw ValidationError("--output-format npy needs a file: -o vectors.npy")
    }
    var writer = try PredictionWriter(
      OutputFile(path: output), format: format, model: model, dimensions: task.dimensions)
    let rows = task.rows(model)
    if !text.isEmpty {
      let inputs = try text.enumerated().map { index, text in
        try rows.input(Record(line: index + 1, input: TextInput(text)), path: "--text")
      }
      for prediction in try model.predict(inputs) { try writer.write(prediction) }
      return try writer.finish()
    }
    try options.answer(file, by: model, with: &writer, output: output, rows: rows)
  }
}

extension Pooling: ExpressibleByArgument {}
