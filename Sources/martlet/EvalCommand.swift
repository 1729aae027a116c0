import ArgumentParser
import FileJobs
import Files
import Foundation
import JSON
import Transformer

struct Eval: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measure a model on labelled rows, with the figures of its task.",
    discussion: """
      Classifiers: accuracy, F1, confusion. Multi-label models (labels joined by |, or a JSON \
      list): subset accuracy, micro- and macro-F1. Regression and cross-encoders: Pearson, \
      Spearman, squared error. Embeddings, on a score and two texts: the same of the cosine. \
      Token classifiers, on JSON lines with "tokens" and "labels": by word, and F1 of entities as seqeval counts. \
      Question answering, on JSON lines with "question", "context" and "answers": exact match and \
      F1 as SQuAD counts. Zero-shot, with --candidate-labels: accuracy.

      Without a header a file is `label<TAB>text`, as `martlet train` reads it.

      Examples:
        martlet eval my-model test.tsv
        martlet eval my-model test.csv --column review --label-column stars --json
        martlet eval all-MiniLM-L6-v2 stsb.tsv --column 2 --pair-column 3
        martlet eval qa-model squad.jsonl
      """)

  @Argument(help: "Model directory, or a name on a hub.") var model: String
  @Argument(help: "Labelled rows; - for standard input.") var data: String
  @OptionGroup var options: RecordOptions
  @OptionGroup(title: "Task") var task: TaskOptions
  @OptionGroup var precision: PrecisionOption
  @OptionGroup var weightCache: WeightCacheOptions
  @Option(help: "Column of the truth.") var labelColumn: String?
  @Option(help: "Probability from which a multi-label model gives a label.")
  var threshold: Float = 0.5
  @Flag(help: "Print one JSON object.") var json = false

  func validate() throws { try Predict.check(threshold: threshold) }

  func run() throws {
    let model = try TextModel.load(
      directory: ModelSource.directory(model), precision: precision.precision)
    model.threshold = threshold
    var format = options.format ?? RecordFormat(path: data)
    // Labelled rows have columns, whatever the file is called.
    if format == .text { format = .tsv }
    var reader = try RecordReader(
      path: data, format: format,
      layout: options.layout(label: labelColumn, hasLabels: true))
    // Words that are split already carry no text to ask of.
    if model.task != .tokenClassification { reader.rows = task.rows(model) }
    let progress = JobProgress(path: data)
    let figures = try ModelEvaluation.run(
      FileJob(model: model, threads: options.cores), model, &reader, progress: progress.show)
    progress.finish()
    reader.notes.forEach { Console.say($0) }
    try Console.print(json ? figures.json.serialized() : figures.text)
  }
}
