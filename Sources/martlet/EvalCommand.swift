import ArgumentParser
import Foundation
import JSON
import Training
import Transformer

struct Eval: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measure a model on labelled text: accuracy, macro-F1, confusion.",
    discussion: """
      Examples:
        martlet eval my-model test.tsv
        martlet eval my-model test.tsv --json
      """)

  @Argument(help: "Model directory.") var model: String
  @Argument(help: "Labelled rows, `label<TAB>text` a line.") var data: String
  @Flag(help: "Print one JSON object.") var json = false
  @Option(help: "Threads; 0 for all cores.") var threads = 0

  func run() throws {
    let cores = threads > 0 ? threads : ProcessInfo.processInfo.activeProcessorCount
    let classifier = try TextClassifier.load(directory: model, threads: cores)
    let dataset = try LabeledDataset(path: data)
    let report = try Evaluation.report(classifier, dataset)
    print(json ? report.json.serialized() : report.text)
  }
}
