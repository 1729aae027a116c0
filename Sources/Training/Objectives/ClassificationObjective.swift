import Tensor
import Tokenization
import Transformer

/// One label of several for a text or a pair: softmax and cross-entropy, judged by accuracy.
package struct ClassificationObjective: TrainingObjective {
  package let labels: [String]
  private let places: LabelIndex

  /// A task with these class names.
  package init(labels: [String]) {
    (self.labels, places) = (labels, LabelIndex(labels))
  }

  package var modelTask: ModelTask { .classification }
  package var scoreName: String { "accuracy" }

  package func example(
    _ row: LabeledText, path: String, tokenizer: Tokenizer, maximumTokens: Int
  ) throws -> TrainingExample {
    guard let label = places[row.label] else {
      throw TrainingError.unknownLabel(path: path, line: row.line, label: row.label, known: labels)
    }
    var example = try tokens(
      row, path: path, tokenizer: tokenizer, maximumTokens: maximumTokens)
    example.label = label
    return example
  }

  package func loss(over rows: [TrainingExample], _ options: TrainingOptions) -> TaskLoss {
    let truths = rows.map(\.label)
    let weights =
      options.classWeighting == .balanced
      ? ClassWeighting.balanced(truths, classes: labels.count) : []
    let smoothing = options.labelSmoothing
    let chance = LossWatch.chance(
      labels: truths, targets: rows.map(\.target), classes: labels.count, smoothing: smoothing,
      classWeights: weights)
    return TaskLoss(chance: chance) { logits, rows, scale, gradient in
      CrossEntropy.loss(
        logits: logits, labels: rows.map(\.label), targets: rows.map(\.target),
        smoothing: Float(smoothing), classWeights: weights, scale: scale, gradient: gradient)
    }
  }

  package func figures(
    _ rows: [TrainingExample], outputs: ([Int]) throws(EmptySequence) -> Matrix
  ) throws(EmptySequence) -> ValidationFigures {
    ValidationFigures(
      try Evaluation.report(labels: labels, examples: rows, logits: outputs))
  }
}
