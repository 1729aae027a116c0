import Atomics

/// A latency histogram in shared memory: recording is one atomic addition into a fixed bucket, plus sum and maximum.
public struct SharedHistogram: Sendable {
  static let cellCount = LatencyBuckets.count + 2
  private static let sumIndex = LatencyBuckets.count
  private static let maximumIndex = LatencyBuckets.count + 1
  private let counters: SharedCounters

  /// Carves an empty histogram (about 10 KiB).
  /// - Throws: `PreforkError.sharedMemoryFull`.
  public init(in memory: SharedMemory) throws(PreforkError) {
    counters = try SharedCounters(in: memory, count: Self.cellCount)
  }

  init(counters: SharedCounters) {
    self.counters = counters
  }

  /// Counts one duration.
  public func record(nanoseconds: UInt64) {
    counters.add(at: LatencyBuckets.index(of: nanoseconds))
    counters.add(nanoseconds, at: Self.sumIndex)
    counters.raise(to: nanoseconds, at: Self.maximumIndex)
  }

  /// The histogram as it stands; buckets that change meanwhile may be one ahead of one another.
  public func snapshot() -> HistogramSnapshot {
    HistogramSnapshot(
      counts: (0..<LatencyBuckets.count).map(counters.load(at:)),
      sum: counters.load(at: Self.sumIndex),
      maximum: counters.load(at: Self.maximumIndex))
  }
}

/// One latency histogram for each worker slot, which readers add up.
public struct SharedHistogramTable: Sendable {
  private let table: SharedCounterTable

  /// Carves `slots` empty histograms.
  /// - Throws: `PreforkError.sharedMemoryFull`, `PreforkError.invalidSize`.
  public init(in memory: SharedMemory, slots: Int) throws(PreforkError) {
    table = try SharedCounterTable(
      in: memory, slots: slots, countPerSlot: SharedHistogram.cellCount)
  }

  /// The bytes that such a table takes.
  public static func byteCount(slots: Int) -> Int {
    SharedCounterTable.byteCount(slots: slots, countPerSlot: SharedHistogram.cellCount)
  }

  /// The number of histograms: worker slots.
  public var slotCount: Int { table.slotCount }

  /// The histogram that one worker writes.
  public subscript(slot: Int) -> SharedHistogram {
    SharedHistogram(counters: table[slot])
  }

  /// All slots added up, those of dead workers included.
  public func total() -> HistogramSnapshot {
    (0..<slotCount).reduce(into: HistogramSnapshot()) { $0.add(self[$1].snapshot()) }
  }
}

/// A latency histogram as a plain value: what readers add up and take quantiles of.
public struct HistogramSnapshot: Sendable, Equatable {
  /// How many durations fell into each bucket of `LatencyBuckets`.
  public private(set) var counts: [UInt64]
  /// The durations added up, in nanoseconds.
  public private(set) var sum: UInt64
  /// The longest duration, in nanoseconds.
  public private(set) var maximum: UInt64

  /// An empty histogram.
  public init() {
    self.init(counts: Array(repeating: 0, count: LatencyBuckets.count), sum: 0, maximum: 0)
  }

  init(counts: [UInt64], sum: UInt64, maximum: UInt64) {
    self.counts = counts
    self.sum = sum
    self.maximum = maximum
  }

  /// How many durations there are.
  public var count: UInt64 { counts.reduce(0, &+) }

  /// Adds another histogram to this one.
  public mutating func add(_ other: HistogramSnapshot) {
    for index in counts.indices { counts[index] &+= other.counts[index] }
    sum &+= other.sum
    maximum = max(maximum, other.maximum)
  }

  /// The smallest recorded duration that at least the share `quantile` (0…1) of all do not exceed, in nanoseconds, rounded
  /// up to the end of its bucket (3.2 % at most); `nil` when nothing was recorded.
  public func quantile(_ quantile: Double) -> UInt64? {
    let total = count
    guard total > 0, !quantile.isNaN else { return nil }
    let share = min(max(quantile, 0), 1)
    let rank = max(1, UInt64((share * Double(total)).rounded(.up)))
    var seen: UInt64 = 0
    for (index, bucket) in counts.enumerated() {
      seen &+= bucket
      if seen >= rank { return min(LatencyBuckets.upperBound(of: index), maximum) }
    }
    return maximum
  }

  /// How many durations are in buckets that end at or below `nanoseconds`: the cumulative counts of a Prometheus histogram.
  public func count(atMost nanoseconds: UInt64) -> UInt64 {
    var total: UInt64 = 0
    for (index, bucket) in counts.enumerated() {
      guard LatencyBuckets.upperBound(of: index) <= nanoseconds else { break }
      total &+= bucket
    }
    return total
  }
}
