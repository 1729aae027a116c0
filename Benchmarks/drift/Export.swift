import Foundation
import Health

/// Writes the streams for other programs: each table is a file of 32-bit floats, a row after the other, and one line of
/// `index.tsv` says what it is.
struct Export {
  let folder: String
  /// Texts written of each stream that does not change.
  static let unchangedCount = 5000
  /// Features, the predicted class, confidence, and the embedding's sketch; NaN where a row has none.
  static let fixedColumns = Feature.allCases.map(\.name) + ["class", "confidence"]

  func write(
    scenario: Int, name: String, seed: UInt64, known: [Sample], _ trainingTexts: [String],
    _ reference: ReferenceProfile, _ events: [PredictionRecord], change: Int, delay: Int
  ) throws {
    let width = events.first?.embedding.count ?? 0
    let columns = Self.fixedColumns + (0..<width).map { "embedding_\($0)" }
    // As a new text finds the reference; those that the set is made of have none.
    let texts = known.map(\.text) + trainingTexts
    let unseen = (TrigramSet.halves(of: texts)?.shares ?? []).map { Float($0 ?? .nan) }
    let place = Feature.unseenTrigramShare.rawValue
    var table: [Float] = []
    for (sample, share) in zip(known, unseen) {
      var event = sample.event(reference)
      event.features[place] = share
      append(event, to: &table)
    }
    for (text, share) in zip(trainingTexts, unseen.dropFirst(known.count)) {
      let values = FeatureValues(text: text, tokenCount: 0, unknownTokenCount: 0)
      for feature in Feature.allCases {
        let value = feature == .unseenTrigramShare ? share : Float(values[feature])
        table.append(feature.isOfTextAlone ? value : .nan)
      }
      table += [Float](repeating: .nan, count: width + 2)
    }
    var stream: [Float] = []
    for event in events { append(event, to: &stream) }
    let base = "stream-\(scenario)-\(seed)"
    try save(table, "\(base).reference.f32")
    try save(stream, "\(base).f32")
    try tell([base, name, "\(seed)", "\(change)", "\(delay)", columns.joined(separator: ",")])
  }

  func write(labels: [(label: Int, predicted: Int)], seed: UInt64, delay: Int) throws {
    let base = "labels-\(seed)"
    try save(labels.flatMap { [Float($0.label), Float($0.predicted)] }, "\(base).f32")
    try tell([base, "labels", "\(seed)", "400", "\(delay)", "label,predicted"])
  }

  private func append(_ event: PredictionRecord, to table: inout [Float]) {
    table += event.features + [Float(event.predicted), Float(event.confidence)] + event.embedding
  }

  private func save(_ values: [Float], _ name: String) throws {
    try values.withUnsafeBytes { try Data($0).write(to: URL(fileURLWithPath: "\(folder)/\(name)")) }
  }

  private func tell(_ fields: [String]) throws {
    let path = "\(folder)/index.tsv"
    var data = FileManager.default.contents(atPath: path) ?? Data()
    data.append(Data((fields.joined(separator: "\t") + "\n").utf8))
    try data.write(to: URL(fileURLWithPath: path))
  }
}
