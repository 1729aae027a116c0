import ArgumentParser
import FileJobs
import Files
import Foundation
import Serving
import Training
import Transformer

struct Profile: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write the reference that production traffic is compared with.",
    discussion: """
      Measures labelled rows that the model was not trained on and writes reference.json into the \
      model directory. `martlet train` does so by itself, from the validation rows, and from the \
      training rows for what their text alone decides.

      Examples:
        martlet profile my-model held-out.tsv
        martlet profile my-model held-out.tsv --training train.tsv
      """)

  @Argument(help: "Model directory, or a name on a hub.") var model: String
  @Argument(help: "Rows, `label<TAB>text` a line.") var data: String

  @Option(
    help: ArgumentHelp(
      "Rows that the model was trained on: a larger reference of lengths, letters and trigrams.",
      valueName: "data"))
  var training: String?

  @Option(help: "Column of the text, by name or by number from 1.") var column: String?
  @Option(help: "Column of the label.") var labelColumn: String?
  @OptionGroup var layoutFlags: LayoutFlags

  func run() throws {
    let model = try ModelSource.directory(model)
    func read(_ path: String) throws -> LabeledDataset {
      try LabeledDataset.read(
        path: path, layout: layoutFlags.layout(text: column, label: labelColumn)
      ) { Console.say($0) }
    }
    let texts = try training.map { try read($0).rows.map(\.text) } ?? []
    let dataset = try read(data)
    let rows = dataset.rows.map {
      ReferenceMeasurement.Row(text: $0.text, label: $0.label)
    }
    do {
      try ReferenceMeasurement.write(
        directory: model, rows: rows, trainingTexts: texts, threads: ThreadCount.all.count)
    } catch let error as RejectedInput {
      throw RecordError.rejected(
        path: data, line: dataset.rows[error.index].line, reason: error.reason)
    }
    try Console.report(
      "wrote \(model)/reference.json from \(rows.count) rows"
        + (texts.isEmpty ? "" : " and \(texts.count) training texts"))
  }
}
