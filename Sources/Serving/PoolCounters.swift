import Prefork

/// What the whole pool has done, in shared memory: one row of counters for each slot, summed by
/// whoever asks, so that a worker's death loses nothing.
public struct PoolCounters: Sendable {
  /// Classes counted; later ones share the last counter.
  public static let classLimit = 1024
  /// Ten equal bins of the winning probability.
  public static let confidenceBins = 10
  /// Bins of the text's length in tokens: ≤ 4, ≤ 8, ≤ 16, …, and more.
  public static let lengthBins = 10
  /// Ten equal bins of the share of unknown tokens.
  public static let unknownBins = 10

  private enum Field {
    static let statusClasses = 0
    static let predictions = 6
    static let truncated = 7
    static let confidence = 8
    static let lengths = confidence + confidenceBins
    static let unknown = lengths + lengthBins
    static let classes = unknown + unknownBins
    static let count = classes + classLimit
  }

  private let table: SharedCounterTable
  private let latency: SharedHistogramTable

  /// Carves the counters of `slots` workers.
  /// - Throws: `PreforkError`.
  public init(in memory: SharedMemory, slots: Int) throws(PreforkError) {
    table = try SharedCounterTable(in: memory, slots: slots, countPerSlot: Field.count)
    latency = try SharedHistogramTable(in: memory, slots: slots)
  }

  /// The bytes taken for `slots` workers.
  public static func byteCount(slots: Int) -> Int {
    SharedCounterTable.byteCount(slots: slots, countPerSlot: Field.count)
      + SharedHistogramTable.byteCount(slots: slots)
  }

  /// Answers by the first digit of their status, index 1 to 5.
  public var statusClasses: [UInt64] { (0..<6).map { table.sum(at: Field.statusClasses + $0) } }
  /// Texts classified.
  public var predictions: UInt64 { table.sum(at: Field.predictions) }
  /// Texts whose end was left off.
  public var truncated: UInt64 { table.sum(at: Field.truncated) }
  /// Counts by bin of the winning probability.
  public var confidence: [UInt64] { sums(Field.confidence, Self.confidenceBins) }
  /// Counts by bin of the length in tokens.
  public var lengths: [UInt64] { sums(Field.lengths, Self.lengthBins) }
  /// Counts by bin of the unknown-token share.
  public var unknownShares: [UInt64] { sums(Field.unknown, Self.unknownBins) }
  /// Counts by predicted class.
  public func classes(_ count: Int) -> [UInt64] {
    sums(Field.classes, min(count, Self.classLimit))
  }
  /// Request durations of the whole pool.
  public var latencies: HistogramSnapshot { latency.total() }

  private func sums(_ start: Int, _ count: Int) -> [UInt64] {
    (start..<start + count).map { table.sum(at: $0) }
  }

  /// The recorder of the worker in `slot`.
  public func recorder(_ slot: WorkerSlot) -> any ServingRecorder {
    Recorder(slot: slot, row: table[slot.index], latency: latency[slot.index])
  }

  /// The bin of a length in tokens.
  static func lengthBin(_ tokens: Int) -> Int {
    var (bin, bound) = (0, 4)
    while tokens > bound && bin < lengthBins - 1 {
      bin += 1
      bound *= 2
    }
    return bin
  }

  /// The bin of a share from 0 to 1.
  static func shareBin(_ share: Double, _ bins: Int) -> Int {
    min(bins - 1, max(0, Int(share * Double(bins))))
  }

  private struct Recorder: ServingRecorder {
    let slot: WorkerSlot
    let row: SharedCounters
    let latency: SharedHistogram

    func record(route: String?, status: Int, nanoseconds: Int64, byteCount: Int) {
      slot.addRequests()
      row.add(at: Field.statusClasses + min(5, max(0, status / 100)))
      latency.record(nanoseconds: UInt64(max(0, nanoseconds)))
    }

    func record(prediction: PredictionEvent) {
      let answer = prediction.prediction
      row.add(at: Field.predictions)
      if answer.isTruncated { row.add(at: Field.truncated) }
      row.add(at: Field.lengths + PoolCounters.lengthBin(answer.tokenCount))
      let unknown = Double(answer.unknownTokenCount) / Double(max(1, answer.tokenCount))
      row.add(at: Field.unknown + PoolCounters.shareBin(unknown, unknownBins))
      // Other models' classes are not those that the page names.
      guard prediction.version.isDefault, let answer = answer.classification else { return }
      let top = Double(answer.probabilities[answer.labelIndex])
      row.add(at: Field.confidence + PoolCounters.shareBin(top, confidenceBins))
      row.add(at: Field.classes + min(answer.labelIndex, classLimit - 1))
    }

    func record(queueDepth: Int) { slot.queueDepth = UInt64(queueDepth) }
  }
}
