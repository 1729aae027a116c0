import Tensor
import Transformer

/// Runs a model over labelled rows.
public enum Evaluation {
  /// Figures of `encoder` on `examples`, in batches of similar length. Where the logits of all rows would take much memory, the
  /// calibrated loss is that of evenly spaced rows.
  ///
  /// - Throws: `EmptySequence` for an example without tokens.
  public static func report(
    _ encoder: Encoder, labels: [String], examples: [TrainingExample], batchSize: Int = 64
  ) throws(EmptySequence) -> ClassificationReport {
    try report(labels: labels, examples: examples, batchSize: batchSize) {
      rows throws(EmptySequence) in
      try encoder.logits(of: rows.map { examples[$0] })
    }
  }

  /// Figures of `encoder` for `objective` on `examples`.
  ///
  /// - Throws: `EmptySequence` for an example without tokens.
  static func figures(
    _ objective: any TrainingObjective, _ encoder: Encoder, _ examples: [TrainingExample]
  ) throws(EmptySequence) -> ValidationFigures {
    try objective.figures(examples) { rows throws(EmptySequence) in
      try encoder.logits(of: rows.map { examples[$0] })
    }
  }

  /// Calls `body` with each row's number and outputs, in batches of similar length.
  ///
  /// - Throws: what `outputs` throws.
  static func each(
    _ examples: [TrainingExample], batchSize: Int = 64,
    outputs: ([Int]) throws(EmptySequence) -> Matrix, _ body: (Int, [Float]) -> Void
  ) throws(EmptySequence) {
    let order = examples.indices.sorted { examples[$0].ids.count < examples[$1].ids.count }
    for start in stride(from: 0, to: order.count, by: batchSize) {
      let rows = Array(order[start..<min(start + batchSize, order.count)])
      let values = try outputs(rows)
      for (place, row) in rows.enumerated() { body(row, values.row(place)) }
    }
  }

  /// Figures on `examples` of a model that gives `logits` [rows, labels] of some of them, by their numbers.
  ///
  /// - Throws: what `logits` throws.
  static func report(
    labels: [String], examples: [TrainingExample], batchSize: Int = 64,
    logits: ([Int]) throws(EmptySequence) -> Matrix
  ) throws(EmptySequence) -> ClassificationReport {
    let spacing = ScoredRows.spacing(of: examples.count, classes: labels.count)
    var (truths, predictions, loss) = ([Int](), [Int](), 0.0)
    var held: (logits: [[Float]], truths: [Int]) = ([], [])
    try each(examples, batchSize: batchSize, outputs: logits) { row, values in
      let label = examples[row].label
      loss += ScoredRows.loss(values, truth: label)
      if truths.count % spacing == 0 {
        held.logits.append(values)
        held.truths.append(label)
      }
      truths.append(label)
      predictions.append(values.indices.max { values[$0] < values[$1] } ?? 0)
    }
    let scored = ScoredRows(logits: held.logits, truths: held.truths)
    return ClassificationReport(
      labels: labels, truths: truths, predictions: predictions,
      loss: loss / Double(max(1, examples.count)),
      calibratedLoss: scored.loss(temperature: scored.fittedTemperature()))
  }
}
