import Transformer

/// Runs a model over labelled rows.
public enum Evaluation {
  /// Figures of `encoder` on `examples`, in batches of similar length.
  public static func report(
    _ encoder: Encoder, labels: [String], examples: [TrainingExample], batchSize: Int = 64
  ) -> ClassificationReport {
    ScoredRows(encoder, examples: examples, batchSize: batchSize).report(labels: labels)
  }
}
