/// Remembers what was predicted for the latest requests, for labels to come: flat arrays, so that remembering one more takes no
/// memory.
struct RecentPredictions: Sendable {
  enum Answer {
    /// What was predicted, by which weights, and the label that was told before.
    case found(predicted: Int, probabilities: [Float], previous: Int?, generation: UInt64)
    case unknown
  }

  private struct Entry: Sendable {
    var key: UInt64
    var generation: UInt64
    var predicted: Int32
    var label: Int32
    var probabilityCount: Int32
  }

  private static let capacity = 1 << 16
  private var places = KeyTable(limit: capacity)
  private var entries: [Entry] = []
  private var probabilities: [Float] = []
  private let width: Int
  private var next = 0

  /// - Parameter classCounts: of the models; the probabilities of those with more than
  ///   `StoredPrediction.probabilityLimit` classes are not remembered.
  init(classCounts: [Int]) {
    width = classCounts.filter { $0 <= StoredPrediction.probabilityLimit }.max() ?? 0
  }

  mutating func remember(_ record: PredictionRecord, generation: UInt64) {
    remember(
      record.requestHash, predicted: record.predicted, probabilities: record.probabilities,
      generation: generation)
  }

  /// - Parameter generation: of the weights that answered.
  mutating func remember(
    _ key: UInt64, predicted: Int, probabilities: [Float], label: Int? = nil, generation: UInt64
  ) {
    let place = place(for: key)
    let count = probabilities.count <= width ? probabilities.count : 0
    entries[place] = Entry(
      key: key, generation: generation, predicted: Int32(clamping: predicted),
      label: Int32(clamping: label ?? -1), probabilityCount: Int32(count))
    let start = place * width
    for index in 0..<count { self.probabilities[start + index] = probabilities[index] }
  }

  func contains(_ key: UInt64) -> Bool { places[key] != nil }

  /// The prediction of a key; `label` becomes its label.
  mutating func set(label: Int, key: UInt64) -> Answer {
    guard let place = places[key].map(Int.init) else { return .unknown }
    let entry = entries[place]
    entries[place].label = Int32(clamping: label)
    let start = place * width
    return .found(
      predicted: Int(entry.predicted),
      probabilities: Array(probabilities[start..<start + Int(entry.probabilityCount)]),
      previous: entry.label < 0 ? nil : Int(entry.label), generation: entry.generation)
  }

  /// Where a key's entry stands, or may: a new one takes the oldest one's place once all are taken.
  private mutating func place(for key: UInt64) -> Int {
    if let place = places[key] { return Int(place) }
    let place: Int
    if entries.count < Self.capacity {
      place = entries.count
      entries.append(
        Entry(key: key, generation: 0, predicted: 0, label: -1, probabilityCount: 0))
      for _ in 0..<width { probabilities.append(0) }
    } else {
      place = next
      places.remove(entries[place].key)
      next = (next + 1) % Self.capacity
    }
    places.set(Int32(place), for: key)
    return place
  }
}
