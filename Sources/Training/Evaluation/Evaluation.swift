import Foundation
import Transformer

/// Runs a model over labelled rows.
public enum Evaluation {
  /// Figures of `encoder` on `examples`, in batches of similar length.
  public static func report(
    _ encoder: Encoder, labels: [String], examples: [TrainingExample], batchSize: Int = 64
  ) -> ClassificationReport {
    let order = examples.indices.sorted { examples[$0].ids.count < examples[$1].ids.count }
    var (truths, predictions, loss) = ([Int](), [Int](), 0.0)
    for start in stride(from: 0, to: order.count, by: batchSize) {
      let rows = order[start..<min(start + batchSize, order.count)].map { examples[$0] }
      let logits = encoder.logits(TokenBatch(rows.map(\.ids)))
      for (index, row) in rows.enumerated() {
        let values = logits.row(index).map(Double.init)
        let top = values.max() ?? 0
        let total = values.reduce(0) { $0 + exp($1 - top) }
        loss += top + log(total) - values[row.label]
        truths.append(row.label)
        predictions.append(values.firstIndex(of: top) ?? 0)
      }
    }
    return ClassificationReport(
      labels: labels, truths: truths, predictions: predictions,
      loss: loss / Double(max(1, examples.count)))
  }
}
