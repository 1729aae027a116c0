import ArgumentParser
import Foundation
import Transformer

struct Predict: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Classify text from the command line or standard input, one a line.",
    discussion: """
      Prints `label<TAB>probability` for each text, in order.

      Examples:
        martlet predict my-model 'WIN a FREE prize now'
        martlet predict my-model < texts.txt
      """)

  @Argument(help: "Model directory.") var model: String
  @Argument(help: "Texts; standard input when none is given.") var texts: [String] = []

  func run() throws {
    let classifier = try TextClassifier.load(directory: model)
    func show(_ text: String) {
      for answer in classifier.classify([text]) {
        let probability = answer.probabilities[answer.labelIndex]
        print("\(classifier.labels[answer.labelIndex])\t\(String(format: "%.4f", probability))")
      }
    }
    texts.forEach(show)
    if texts.isEmpty { while let line = readLine() { show(line) } }
  }
}
