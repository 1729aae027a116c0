import ArgumentParser
import Foundation
import Serving
import Training

struct Profile: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write the reference that production traffic is held against.",
    discussion: """
      Measures labelled rows that the model was not trained on and writes reference.json into the \
      model directory. `martlet train` does so by itself, from the validation rows.

      Example:
        martlet profile my-model held-out.tsv
      """)

  @Argument(help: "Model directory.") var model: String
  @Argument(help: "Rows, `label<TAB>text` a line.") var data: String

  func run() throws {
    let dataset = try LabeledDataset(path: data)
    let rows = dataset.rows.map {
      ReferenceMeasurement.Row(text: $0.text, label: $0.label)
    }
    try ReferenceMeasurement.write(
      directory: model, rows: rows, threads: ProcessInfo.processInfo.activeProcessorCount)
    print("wrote \(model)/reference.json from \(rows.count) rows")
  }
}
