/// Remembers what was predicted for the latest requests, for labels to come.
struct RecentPredictions: Sendable {
  enum Answer {
    case found(predicted: Int, probabilities: [Float])
    case alreadyTaken
    case unknown
  }

  private struct Entry: Sendable {
    var predicted: Int32
    var isTaken: Bool
    var probabilities: [Float]
  }

  private static let capacity = 1 << 16
  /// Models with more classes keep the winning probability's place alone.
  private static let probabilityLimit = 32
  private var entries: [UInt64: Entry] = [:]
  private var order: [UInt64] = []
  private var next = 0

  mutating func remember(_ record: PredictionRecord) {
    let hash = record.requestHash
    let known = record.probabilities.count <= Self.probabilityLimit ? record.probabilities : []
    insert(hash, Entry(predicted: Int32(record.predicted), isTaken: false, probabilities: known))
  }

  mutating func markTaken(_ hash: UInt64) {
    insert(hash, Entry(predicted: 0, isTaken: true, probabilities: []))
  }

  mutating func take(_ hash: UInt64) -> Answer {
    guard let entry = entries[hash] else { return .unknown }
    guard !entry.isTaken else { return .alreadyTaken }
    entries[hash]?.isTaken = true
    return .found(predicted: Int(entry.predicted), probabilities: entry.probabilities)
  }

  private mutating func insert(_ hash: UInt64, _ entry: Entry) {
    if entries.updateValue(entry, forKey: hash) != nil { return }
    if order.count < Self.capacity {
      order.append(hash)
      return
    }
    entries[order[next]] = nil
    order[next] = hash
    next = (next + 1) % Self.capacity
  }
}
