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
      encoder.logits(try TokenBatch(rows.map { examples[$0].ids }))
    }
  }

  /// Figures on `examples` of a model that gives `logits` [rows, labels] of some of them, by their numbers.
  ///
  /// - Throws: what `logits` throws.
  static func report(
    labels: [String], examples: [TrainingExample], batchSize: Int = 64,
    logits: ([Int]) throws(EmptySequence) -> Matrix
  ) throws(EmptySequence) -> ClassificationReport {
    let order = examples.indices.sorted { examples[$0].ids.count < examples[$1].ids.count }
    let spacing = ScoredRows.spacing(of: examples.count, classes: labels.count)
    var (truths, predictions, loss) = ([Int](), [Int](), 0.0)
    var held: (logits: [[Float]], truths: [Int]) = ([], [])
    for start in stride(from: 0, to: order.count, by: batchSize) {
      let places = Array(order[start..<min(start + batchSize, order.count)])
      let logits = try logits(places)
      for (index, row) in places.map({ examples[$0] }).enumerated() {
        let values = logits.row(index)
        loss += ScoredRows.loss(values, truth: row.label)
        truths.append(row.label)
        predictions.append(values.indices.max { values[$0] < values[$1] } ?? 0)
        guard (start + index) % spacing == 0 else { continue }
        held.logits.append(values)
        held.truths.append(row.label)
      }
    }
    let scored = ScoredRows(logits: held.logits, truths: held.truths)
    return ClassificationReport(
      labels: labels, truths: truths, predictions: predictions,
      loss: loss / Double(max(1, examples.count)),
      calibratedLoss: scored.loss(temperature: scored.fittedTemperature()))
  }
}
