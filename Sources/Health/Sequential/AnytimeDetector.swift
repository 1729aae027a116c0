import Foundation

/// Says when a stream of texts no longer looks like the reference, however often one looks.
///
/// Each value is ranked among the reference's and those seen since a run began; the rank, ties broken at random, is a
/// conformal p-value, uniform and independent as long as reference and stream are exchangeable (Vovk 2003). A martingale
/// bets against that (`RankPartition`), and by Ville's inequality the chance that it ever reaches 1/α is at most α. The
/// finite size of the reference is accounted for, because it is ranked together with the stream. A change may come at any
/// time, so a new run begins every `stride` texts and ends after `horizon`, each with its share of the level; averages over
/// streams of values are martingales too, so no further correction for many features is needed.
///
/// A martingale pays for being looked at at any time; a test at a time fixed beforehand need not. So each run is also tested
/// at the lengths `tests` by χ² against the reference, with `testShare` of the level spread over runs, lengths and streams
/// (Bonferroni). Changes of the size that windows are made for are seen sooner so, slow and late ones by the martingale.
public struct AnytimeDetector: Sendable {
  /// How runs are spaced and what they may cost.
  public struct Options: Sendable {
    /// The chance of a false alarm in `window` texts.
    public var level = 0.01
    /// The texts that `level` is meant for.
    public var window = 500
    /// Texts between the beginnings of two runs; divides `window`.
    public var stride = 125
    /// Texts after which a run ends: a change that does not show in so many is too small to tell.
    public var horizon = 1500
    /// Texts between two looks; divides `stride` and each of `tests`.
    public var lookEvery = 25
    /// Lengths of a run at which it is tested by χ² as well.
    public var tests = [250, 375, 500]
    /// The share of the level that those tests have. Less than half, because χ² at levels of one in 50,000 is an
    /// approximation and rejects somewhat more often than it says; the martingale's bound is strict.
    public var testShare = 0.4
    /// Decides how ties are broken.
    public var seed: UInt64 = 1

    /// The defaults.
    public init() {}
  }

  /// One stream of binned values.
  public struct Stream: Sendable {
    /// The stream's name.
    public let name: String
    /// The reference's count in each bin.
    public let reference: [Double]
    /// The share of the bets that goes to it; shares add up to one.
    public let weight: Double

    /// A stream.
    public init(name: String, reference: [Double], weight: Double) {
      (self.name, self.reference, self.weight) = (name, reference, weight)
    }
  }

  /// What a look found.
  public struct Finding: Sendable, Equatable {
    /// The texts seen by then.
    public let position: Int
    /// log of the largest wealth over runs, all streams together.
    public let logEvidence: Double
    /// What `logEvidence` must reach to be an alarm.
    public let logThreshold: Double
    /// For each stream, log of its wealth in that run.
    public let streams: [Double]
    /// The streams that a χ² test at this look rejected.
    public let rejected: [Int]

    /// Whether this look is an alarm.
    public var isAlarm: Bool { logEvidence >= logThreshold || !rejected.isEmpty }
  }

  /// The streams, in the order of the bins given to `add`.
  public let streams: [Stream]
  /// Texts seen.
  public internal(set) var position = 0
  /// The latest look; nil before the first.
  public private(set) var latest: Finding?
  /// Whether the stream counts as drifted: from an alarm until a run that began after the last one has lived through a window
  /// without its like.
  public internal(set) var isDrifted = false
  private let options: Options
  private let logWeights: [Double]
  private let logThreshold: Double
  private let testLevel: Double
  var runs: RankedRuns
  // Used again by each text and each look.
  private var ties: [Double]
  private var scratch = RankPartition.Scratch()
  var generator: SplitMix
  var lastAlarm = 0

  /// A detector that has seen nothing.
  public init(streams: [Stream], options: Options = Options()) {
    self.streams = streams
    self.options = options
    logWeights = streams.map { log($0.weight) }
    ties = [Double](repeating: 0, count: streams.count)
    runs = RankedRuns(
      streams: streams.map(\.reference),
      limit: (options.horizon + options.stride - 1) / options.stride + 1)
    let runs = Double(options.window) / Double(options.stride)
    let share = options.tests.isEmpty ? 0 : options.testShare
    logThreshold = log(runs / (options.level * (1 - share)))
    testLevel = options.level * share / (runs * Double(max(1, options.tests.count)))
    generator = SplitMix(state: options.seed)
  }

  /// Takes in one text: for each stream the bin of its value, or −1 where it has none.
  /// - Returns: what a look found, every `lookEvery` texts.
  public mutating func add(_ bins: [Int]) -> Finding? {
    precondition(bins.count == streams.count, "one bin for each stream")
    if position % options.stride == 0 { beginRun() }
    position += 1
    for index in ties.indices { ties[index] = generator.uniform() }
    runs.rank(bins, ties)
    return position % options.lookEvery == 0 ? look() : nil
  }

  private mutating func beginRun() {
    runs.removeAll { position - $0.start >= options.horizon }
    runs.begin(at: position)
  }

  private mutating func look() -> Finding {
    var (best, bestLogs) = (-Double.infinity, [Double]())
    var isCalm = false
    var rejected: Set<Int> = []
    for run in runs.all {
      let logs = streams.indices.map {
        RankPartition.logWealth(runs.cells(run, stream: $0), &scratch)
      }
      let weighted = zip(logs, logWeights).map { $0 + $1 }
      let top = weighted.max() ?? 0
      let together = top + log(weighted.reduce(0) { $0 + exp($1 - top) })
      if together > best { (best, bestLogs) = (together, logs) }
      let length = position - run.start
      let found = options.tests.contains(length) ? rejections(run) : []
      rejected.formUnion(found)
      if run.start >= lastAlarm, length >= options.window, together < logThreshold, found.isEmpty {
        isCalm = true
      }
    }
    let finding = Finding(
      position: position, logEvidence: best, logThreshold: logThreshold, streams: bestLogs,
      rejected: rejected.sorted())
    if finding.isAlarm {
      (isDrifted, lastAlarm) = (true, position)
      // Evidence already used must not raise the alarm again: what began before is over.
      runs.removeAll { $0.start < position - options.stride }
    } else if isCalm {
      isDrifted = false
    }
    latest = finding
    return finding
  }

  /// The streams whose values since the run began differ from the reference's by χ² at their share of the level.
  private func rejections(_ run: RankedRuns.Run) -> [Int] {
    streams.indices.filter { index in
      let (left, right) = Self.merged(
        streams[index].reference, runs.counts(run, stream: index))
      return Statistics.chiSquared(reference: left, current: right).pValue
        <= testLevel * streams[index].weight
    }
  }

  /// Puts neighbouring bins together until both sides expect five or more in each, as the χ² approximation asks.
  private static func merged(_ reference: [Double], _ current: [Double]) -> ([Double], [Double]) {
    let (n, m) = (reference.reduce(0, +), current.reduce(0, +))
    guard n > 0, m > 0 else { return ([], []) }
    let least = 5 * (n + m) / min(n, m)
    var (left, right) = ([Double](), [Double]())
    var (a, b) = (0.0, 0.0)
    for (x, y) in zip(reference, current) {
      (a, b) = (a + x, b + y)
      guard a + b >= least else { continue }
      left.append(a)
      right.append(b)
      (a, b) = (0, 0)
    }
    if a + b > 0, !left.isEmpty {
      left[left.count - 1] += a
      right[right.count - 1] += b
    }
    return (left, right)
  }

  /// The streams that carry an alarm: those whose own wealth passes the e-value form of Benjamini and Hochberg's rule
  /// (Wang and Ramdas 2022) at `rate` false among them.
  public func guilty(in finding: Finding, rate: Double = 0.1) -> [String] {
    let order = finding.streams.indices.sorted { finding.streams[$0] > finding.streams[$1] }
    var count = 0
    for (rank, index) in order.enumerated()
    where finding.streams[index] >= log(Double(order.count) / (rate * Double(rank + 1))) {
      count = rank + 1
    }
    var names = order.prefix(count).map { streams[$0].name }
    for index in finding.rejected where !names.contains(streams[index].name) {
      names.append(streams[index].name)
    }
    if names.isEmpty, let first = order.first { names = [streams[first].name] }
    return names
  }
}
