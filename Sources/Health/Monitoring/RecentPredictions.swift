/// Remembers what was predicted for the latest requests, for labels to come.
struct RecentPredictions: Sendable {
  enum Answer {
    /// What was predicted, and the label that was told before.
    case found(predicted: Int, probabilities: [Float], previous: Int?)
    case unknown
  }

  private struct Entry: Sendable {
    var predicted: Int32
    var label: Int32
    var probabilities: [Float]
  }

  private static let capacity = 1 << 16
  private var entries: [UInt64: Entry] = [:]
  private var order: [UInt64] = []
  private var next = 0

  mutating func remember(_ record: PredictionRecord) {
    let isSmall = record.probabilities.count <= StoredPrediction.probabilityLimit
    remember(
      record.requestHash, predicted: record.predicted,
      probabilities: isSmall ? record.probabilities : [])
  }

  mutating func remember(
    _ key: UInt64, predicted: Int, probabilities: [Float], label: Int? = nil
  ) {
    insert(
      key,
      Entry(
        predicted: Int32(clamping: predicted), label: Int32(clamping: label ?? -1),
        probabilities: probabilities))
  }

  func contains(_ key: UInt64) -> Bool { entries[key] != nil }

  /// The prediction of a key; `label` becomes its label.
  mutating func set(label: Int, key: UInt64) -> Answer {
    guard let entry = entries[key] else { return .unknown }
    entries[key]?.label = Int32(clamping: label)
    return .found(
      predicted: Int(entry.predicted), probabilities: entry.probabilities,
      previous: entry.label < 0 ? nil : Int(entry.label))
  }

  private mutating func insert(_ key: UInt64, _ entry: Entry) {
    if entries.updateValue(entry, forKey: key) != nil { return }
    if order.count < Self.capacity {
      order.append(key)
      return
    }
    entries[order[next]] = nil
    order[next] = key
    next = (next + 1) % Self.capacity
  }
}
