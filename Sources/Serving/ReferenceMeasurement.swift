import Health
import JSON
import Transformer

/// Makes a model's reference profile from texts that it was not trained on: what it is sure of there
/// is what can be expected in production.
public enum ReferenceMeasurement {
  /// A text or a pair and, where it is known, the name of its class.
  public struct Row: Sendable {
    /// The text.
    public let text: String
    /// The second text of a pair.
    public let pair: String?
    /// The class's name; nil, or one that the model does not have, for no label.
    public let label: String?

    /// A row.
    public init(text: String, pair: String? = nil, label: String? = nil) {
      (self.text, self.pair, self.label) = (text, pair, label)
    }
  }

  /// The profile of `rows` under `model`.
  /// - Parameter trainingTexts: what the model was trained on; counts for features of the text alone.
  /// - Throws: `HealthError` when there are no rows; `RejectedInput` naming a row that has no answer.
  public static func profile(
    _ model: TextModel, rows: [Row], trainingTexts: [String] = [], modelChecksum: String = "",
    batchSize: Int = 64
  ) throws -> ReferenceProfile {
    var builder = ReferenceProfile.Builder(labels: model.labels)
    let places = ExactString.places(in: model.labels)
    model.makesSketches = true
    for start in stride(from: 0, to: rows.count, by: batchSize) {
      let batch = Array(rows[start..<min(start + batchSize, rows.count)])
      let answers: [Prediction]
      do throws(RejectedInput) {
        answers = try model.predict(batch.map { TextInput($0.text, pair: $0.pair) })
      } catch {
        throw RejectedInput(index: start + error.index, reason: error.reason)
      }
      for (row, answer) in zip(batch, answers) {
        guard let classes = answer.classification else { continue }
        builder.add(
          FeatureValues(
            text: row.text, tokenCount: answer.tokenCount,
            unknownTokenCount: answer.unknownTokenCount),
          text: row.text, probabilities: classes.probabilities, embedding: answer.sketch,
          isTruncated: answer.isTruncated, label: row.label.flatMap { places[ExactString($0)] })
      }
    }
    for text in trainingTexts { builder.add(trainingText: text) }
    return try builder.build(modelChecksum: modelChecksum)
  }

  /// Measures `rows` and writes `reference.json` into the model's directory.
  /// - Throws: `ModelError`, `TokenizationError`, `HealthError` or `RejectedInput`.
  public static func write(
    directory: String, rows: [Row], trainingTexts: [String] = [], threads: Int
  ) throws {
    // As it will be served.
    let model = try TextModel.load(directory: directory, threads: threads, precision: .auto)
    // A model in shards has no one file to name it by.
    let checksum = try? ReferenceProfile.checksum(ofFile: directory + "/model.safetensors")
    try profile(
      model, rows: rows, trainingTexts: trainingTexts, modelChecksum: checksum ?? ""
    ).write(
      to: directory + "/" + ReferenceProfile.fileName)
  }
}
