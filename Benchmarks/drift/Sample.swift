import Health
import Training
import Transformer

/// One text as production would see it.
struct Sample {
  let text: String
  let label: Int?
  private let record: PredictionRecord
  private let features: FeatureValues

  /// What the model says of `text`, whose class is that of `row`.
  init?(_ model: TextModel, _ row: LabeledText, text: String) {
    guard let answer = try? model.predict([TextInput(text)]).first,
      let classes = answer.classification
    else { return nil }
    let features = FeatureValues(
      text: text, tokenCount: answer.tokenCount, unknownTokenCount: answer.unknownTokenCount)
    var record = PredictionRecord()
    record.predicted = classes.labelIndex
    record.probabilities = classes.probabilities
    record.measure(features, embedding: answer.sketch, isTruncated: answer.isTruncated)
    (self.text, self.record, self.features) = (text, record, features)
    label = model.labels.firstIndex(of: row.label)
  }

  /// The event that a worker with this reference sends.
  func event(_ reference: ReferenceProfile) -> PredictionRecord {
    var event = record
    event.features[Feature.unseenTrigramShare.rawValue] = Float(
      reference.trigrams?.unseenShare(of: text) ?? 0)
    return event
  }

  /// Puts the text into a reference.
  func add(to builder: inout ReferenceProfile.Builder) {
    builder.add(
      features, text: text, probabilities: record.probabilities, embedding: record.embedding,
      isTruncated: record.isTruncated, label: label)
  }
}

/// What may happen to a text on its way.
enum Damage: Equatable {
  /// Two thirds are cut off.
  case cut
  /// One letter in five is replaced as a wrong encoding does.
  case replaced
  /// Either.
  case any

  func apply(to text: String, _ generator: inout SplitMix) -> String {
    let cuts = self == .cut || self == .any && generator.uniform() < 0.5
    if cuts { return String(text.prefix(max(1, text.count / 3))) }
    return String(text.map { generator.uniform() < 0.2 ? Character("\u{FFFD}") : $0 })
  }
}
