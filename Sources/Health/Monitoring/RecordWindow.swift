/// The latest predictions in flat arrays: taking in one more takes no memory once the arrays have grown.
struct RecordWindow: Sendable {
  private struct Row: Sendable {
    var time: Int64
    var requestHash: UInt64
    var latency: UInt32
    var predicted: Int32
    var fingerprint: TextFingerprint
    var model: UInt32
    var featureCount: UInt16
    var probabilityCount: UInt16
    var embeddingCount: UInt16
    var failures: UInt16
    var confidence: Float
    var isTruncated: Bool
  }

  private let size: Int
  private var rows: [Row] = []
  /// Features, probabilities and embedding of each row, `width` floats a row.
  private var values: [Float] = []
  private var width = 0

  /// - Parameter size: predictions that are kept at least; there are twice as many at most.
  init(size: Int) { self.size = size }

  /// Predictions that are kept.
  var count: Int { rows.count }

  /// Takes in one prediction, without request id and text.
  /// - Parameter failures: the checks that it fails, as bits.
  mutating func add(_ record: PredictionRecord, failures: UInt16) {
    let counts = (record.features.count, record.probabilities.count, record.embedding.count)
    let used = counts.0 + counts.1 + counts.2
    if used > width { widen(to: used) }
    values.append(contentsOf: record.features)
    values.append(contentsOf: record.probabilities)
    values.append(contentsOf: record.embedding)
    for _ in used..<width { values.append(0) }
    rows.append(
      Row(
        time: record.time, requestHash: record.requestHash, latency: record.latency,
        predicted: Int32(clamping: record.predicted), fingerprint: record.fingerprint,
        model: record.model, featureCount: UInt16(clamping: counts.0),
        probabilityCount: UInt16(clamping: counts.1),
        embeddingCount: UInt16(clamping: counts.2), failures: failures,
        confidence: record.probabilities.max() ?? 0, isTruncated: record.isTruncated))
    guard rows.count >= 2 * size else { return }
    let old = rows.count - size
    rows.removeFirst(old)
    values.removeFirst(old * width)
  }

  private mutating func widen(to width: Int) {
    var wider: [Float] = []
    wider.reserveCapacity((2 * size + 1) * width)
    for index in rows.indices {
      wider += values[index * self.width..<(index + 1) * self.width]
      wider += repeatElement(0, count: width - self.width)
    }
    (values, self.width) = (wider, width)
  }

  /// The latest ones, the oldest first.
  func records(latest limit: Int = .max) -> [PredictionRecord] {
    (max(0, rows.count - limit)..<rows.count).map { index in
      let row = rows[index]
      var record = PredictionRecord()
      (record.time, record.requestHash) = (row.time, row.requestHash)
      (record.latency, record.predicted) = (row.latency, Int(row.predicted))
      (record.fingerprint, record.model) = (row.fingerprint, row.model)
      record.isTruncated = row.isTruncated
      var start = index * width
      func take(_ count: UInt16) -> [Float] {
        defer { start += Int(count) }
        return Array(values[start..<start + Int(count)])
      }
      record.features = take(row.featureCount)
      record.probabilities = take(row.probabilityCount)
      record.embedding = take(row.embeddingCount)
      return record
    }
  }

  /// The highest probability of each of the latest ones.
  func confidences(latest limit: Int) -> [Double] {
    rows.suffix(limit).map { Double($0.confidence) }
  }

  /// The checks that each of the latest ones fails, as bits.
  func failures(latest limit: Int) -> [UInt16] { rows.suffix(limit).map(\.failures) }
}
