/// Compares a sliding window of production with the reference, with hysteresis. A plain value: no clock, no log.
public struct DriftMonitor: Sendable {
  /// When an index counts as drift.
  public struct Options: Sendable {
    /// The index that counts as drift once what chance explains is taken off.
    public var limit = 0.2
    /// The share of `limit` that an alarm must fall under to end.
    public var recovery = 0.75
    /// Texts in a window.
    public var windowSize = 500.0
    /// Texts below which nothing is said.
    public var minimumCount = 200.0
    /// How often chance alone may pass for one index and one look.
    public var level = 0.001

    /// The defaults.
    public init() {}
  }

  /// One monitored distribution at the latest look.
  public struct Reading: Sendable {
    /// The feature's name, or `class`, or `confidence`.
    public let name: String
    /// What each bin holds.
    public let binNames: [String]
    /// The reference's counts.
    public let reference: [Double]
    /// The window's counts.
    public internal(set) var current: [Double] = []
    /// The population stability index; nil below the minimum count.
    public internal(set) var index: Double?
    /// What the index must pass: the limit and what chance explains in a window of this size.
    public internal(set) var limit = 0.0
    /// When the alarm began, in seconds since 1970; nil without one.
    public internal(set) var since: Double?
  }

  /// The beginning or the end of an alarm.
  public struct Event: Sendable {
    /// True at the beginning.
    public let hasBegun: Bool
    /// The distribution concerned.
    public let reading: Reading
  }

  /// Every distribution at the latest look.
  public private(set) var readings: [Reading]
  /// The latest window.
  public private(set) var window: HealthSnapshot?
  private let options: Options
  private var history: [HealthSnapshot] = []

  /// A monitor that has seen nothing.
  public init(reference: ReferenceProfile, options: Options = Options()) {
    self.options = options
    readings = Feature.allCases.map {
      Reading(
        name: $0.name, binNames: $0.binNames, reference: reference.features[$0.rawValue].counts)
    }
    readings.append(
      Reading(name: "class", binNames: reference.labels, reference: reference.classCounts))
    let bins = ReferenceProfile.confidenceBinCount
    readings.append(
      Reading(
        name: "confidence",
        binNames: (0..<bins).map { "\($0 * 100 / bins)–\(($0 + 1) * 100 / bins) %" },
        reference: reference.confidenceCounts))
  }

  /// Looks at the counters as they stand at `time` (seconds since 1970).
  public mutating func observe(_ snapshot: HealthSnapshot, at time: Double) -> [Event] {
    while history.count > 1, snapshot.count - history[1].count >= options.windowSize {
      history.removeFirst()
    }
    let start = history.first.flatMap {
      snapshot.count - $0.count >= options.windowSize ? $0 : nil
    }
    if snapshot.count - (history.last?.count ?? 0) >= options.windowSize / 20 {
      history.append(snapshot)
    }
    let window = snapshot.since(start)
    self.window = window
    let currents = window.features + [window.classes, window.confidence]
    return readings.indices.compactMap { judge($0, currents[$0], at: time) }
  }

  private mutating func judge(_ position: Int, _ current: [Double], at time: Double) -> Event? {
    var reading = readings[position]
    defer { readings[position] = reading }
    reading.current = current
    let pairs = zip(reading.reference, current).filter { $0 + $1 > 0 }
    let (reference, current) = (pairs.map(\.0), pairs.map(\.1))
    guard current.reduce(0, +) >= options.minimumCount else {
      reading.index = nil
      return nil
    }
    let index = Statistics.populationStabilityIndex(reference: reference, current: current)
    let noise = Statistics.stabilityIndexNoise(
      reference: reference, current: current, level: options.level)
    reading.index = index
    reading.limit = options.limit + noise
    if reading.since == nil, index > reading.limit {
      reading.since = time
      return Event(hasBegun: true, reading: reading)
    }
    if reading.since != nil, index < options.limit * options.recovery + noise {
      reading.since = nil
      return Event(hasBegun: false, reading: reading)
    }
    return nil
  }
}
