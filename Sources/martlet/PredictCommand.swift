import ArgumentParser
import FileJobs
import Files
import Foundation
import Transformer

struct Predict: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Predict for the rows of a file, of standard input, or for texts given here.",
    discussion: """
      Rows come and go as a stream, in order. Output columns: label and probability for a \
      classifier, the labels joined by | for a multi-label model, the number for regression and \
      cross-encoders, spans or token/LABEL for token classification, answer, score, start and end \
      for question answering, the vector for embeddings. `martlet inspect` lists what the model's task takes beside \
      texts; JSON lines may hold members of the same names.

      Examples:
        martlet predict my-model --text 'WIN a FREE prize now'
        martlet predict my-model reviews.csv --column review -o out.jsonl
        martlet predict cross-encoder pairs.tsv --column 1 --pair-column 2
        martlet predict ner-model --text 'Angela Merkel lives in Berlin' --aggregation first
        martlet predict qa-model --question 'Where do I live?' --text 'I live in Berlin.'
        martlet predict nli-model mail.txt --candidate-labels 'complaint,order,praise'
        zcat texts.gz | martlet predict my-model --output-format jsonl --scores | head
      """)

  @Argument(help: "Model directory, or a name on a hub.") var model: String
  @Argument(help: "File, or - for standard input.") var file = "-"
  @Option(help: "A text; may be repeated. No file is read then.") var text: [String] = []
  @Option(help: "The second text of a pair, for each --text.") var pair: [String] = []
  @OptionGroup var options: RecordOptions
  @OptionGroup(title: "Task") var task: TaskOptions
  @OptionGroup var precision: PrecisionOption
  @OptionGroup var weightCache: WeightCacheOptions
  @Option(name: .shortAndLong, help: "Output file.") var output = "-"
  @Option(help: "Output format: tsv, csv, jsonl; by the output's name when not given.")
  var outputFormat: PredictionWriter.Format?
  @Flag(help: "Write the probability of each label.") var scores = false
  @Option(help: "Probability from which a multi-label model gives a label.")
  var threshold: Float = 0.5

  func validate() throws {
    if !pair.isEmpty && pair.count != text.count {
      throw ValidationError("--pair: give one for each --text")
    }
    if outputFormat == .npy { throw ValidationError("--output-format npy: see martlet embed") }
    try Self.check(threshold: threshold)
  }

  /// - Throws: `ValidationError` for what is no probability.
  static func check(threshold: Float) throws {
    guard (0...1).contains(threshold) else {
      throw ValidationError("--threshold \(threshold): use a number from 0 to 1")
    }
  }

  func run() throws {
    let model = try TextModel.load(
      directory: ModelSource.directory(model), precision: precision.precision)
    model.threshold = threshold
    let named = PredictionWriter.Format(
      rawValue: URL(fileURLWithPath: output).pathExtension.lowercased())
    var writer = try PredictionWriter(
      OutputFile(path: output), format: outputFormat ?? named ?? .tsv, model: model,
      hasScores: scores)
    let rows = task.rows(model)
    if !text.isEmpty {
      var answers: [Prediction] = []
      for (index, text) in text.enumerated() {
        let input = try rows.input(
          Record(
            line: index + 1, input: TextInput(text, pair: pair.isEmpty ? nil : pair[index])),
          path: "--text")
        do throws(RejectedInput) {
          answers += try model.predict([input])
        } catch {
          throw RejectedInput(index: index, reason: error.reason)
        }
      }
      for answer in answers { try writer.write(answer) }
      return try writer.finish()
    }
    try options.answer(file, by: model, with: &writer, output: output, rows: rows)
  }
}
