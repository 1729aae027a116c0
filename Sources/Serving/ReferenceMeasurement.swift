import Health
import Transformer

/// Makes a model's reference profile from texts that it was not trained on: what it is sure of there
/// is what can be expected in production.
public enum ReferenceMeasurement {
  /// The profile of `texts` under `classifier`.
  /// - Throws: `HealthError` when there are no texts.
  public static func profile(
    _ classifier: TextClassifier, texts: [String], batchSize: Int = 64
  ) throws -> ReferenceProfile {
    var builder = ReferenceProfile.Builder(labels: classifier.labels)
    for start in stride(from: 0, to: texts.count, by: batchSize) {
      let batch = Array(texts[start..<min(start + batchSize, texts.count)])
      for (text, answer) in zip(batch, classifier.classify(batch)) {
        builder.add(
          FeatureValues(
            text: text, tokenCount: answer.tokenCount,
            unknownTokenCount: answer.unknownTokenCount),
          probabilities: answer.probabilities)
      }
    }
    return try builder.build()
  }

  /// Measures `texts` and writes `reference.json` into the model's directory.
  /// - Throws: `ModelError`, `TokenizationError` or `HealthError`.
  public static func write(directory: String, texts: [String], threads: Int) throws {
    let classifier = try TextClassifier.load(directory: directory, threads: threads)
    try profile(classifier, texts: texts).write(
      to: directory + "/" + ReferenceProfile.fileName)
  }
}
