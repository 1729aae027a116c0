/// The runs of `AnytimeDetector` and what each has counted, in flat arrays.
///
/// A run ranks a value among the reference's and those that came since it began. All runs see the same values, so what has come
/// is counted once for all of them, as tails: for each bin, the values in it or above. What a run has is the difference from the
/// tails at its beginning, which takes one subtraction and no sum over bins.
struct RankedRuns: Sendable {
  /// One run.
  struct Run: Sendable {
    /// The text that it began at.
    let start: Int
    /// Its place in the arrays.
    fileprivate let lane: Int
  }

  /// A run by itself, as snapshots have it.
  struct Saved: Sendable, Codable {
    let start: Int
    /// Values in each bin, the reference's among them, stream after stream.
    var pool: [UInt32]
    /// Values of each stream.
    var totals: [UInt32]
    /// p-values in each cell of `RankPartition`, stream after stream.
    var cells: [UInt32]
  }

  /// The runs, the oldest first.
  private(set) var all: [Run] = []
  private let binCounts: [Int]
  /// Where each stream's tails begin; there is one tail more than bins, which stays 0.
  private let offsets: [Int]
  private let laneCount: Int
  private let reference: [UInt32]
  /// Wrap around; differences stay right.
  private var tails: [UInt32]
  /// For each tail, what it was beyond the reference when the run of each lane began.
  private var atStart: [UInt32]
  /// For each lane, p-values in each cell of each stream.
  private var cells: [UInt32]

  /// No runs.
  /// - Parameters:
  ///   - streams: the reference's counts in each bin.
  ///   - limit: runs at once.
  init(streams: [[Double]], limit: Int) {
    binCounts = streams.map(\.count)
    var (offsets, tails) = ([Int](), [UInt32]())
    for counts in streams {
      offsets.append(tails.count)
      var (sum, own) = (UInt32(0), [UInt32(0)])
      for count in counts.reversed() {
        sum += UInt32(count)
        own.append(sum)
      }
      tails += own.reversed()
    }
    (self.offsets, self.tails, reference, laneCount) = (offsets, tails, tails, limit)
    atStart = [UInt32](repeating: 0, count: tails.count * limit)
    cells = [UInt32](repeating: 0, count: limit * streams.count * RankPartition.cellCount)
  }

  private var cellsPerLane: Int { binCounts.count * RankPartition.cellCount }

  /// Ends runs.
  mutating func removeAll(where isOver: (Run) -> Bool) { all.removeAll(where: isOver) }

  /// Begins a run at the text to come.
  mutating func begin(at start: Int) {
    let used = Set(all.map(\.lane))
    guard let lane = (0..<laneCount).first(where: { !used.contains($0) }) else {
      preconditionFailure("more runs at once than the detector has room for")
    }
    all.append(Run(start: start, lane: lane))
    for place in tails.indices {
      atStart[place * laneCount + lane] = tails[place] &- reference[place]
    }
    for place in lane * cellsPerLane..<(lane + 1) * cellsPerLane { cells[place] = 0 }
  }

  /// Takes in one text: the bin of each stream, or −1, and a number from 0 to 1 that breaks ties.
  mutating func rank(_ bins: [Int], _ ties: [Double]) {
    for stream in bins.indices where bins[stream] >= 0 {
      let (total, place) = (offsets[stream], offsets[stream] + bins[stream])
      for tail in total...place { tails[tail] &+= 1 }
      let (all, own, above) = (tails[total], tails[place], tails[place + 1])
      let cell = stream * RankPartition.cellCount
      for run in self.all {
        let lane = run.lane
        let higher = above &- atStart[(place + 1) * laneCount + lane]
        let equal = own &- atStart[place * laneCount + lane] &- higher
        let count = Double(all &- atStart[total * laneCount + lane])
        let below = count - Double(higher) - ties[stream] * Double(equal)
        cells[lane * cellsPerLane + cell + RankPartition.cell(of: below / count)] &+= 1
      }
    }
  }

  /// How many p-values of a stream fell into each cell in a run.
  func cells(_ run: Run, stream: Int) -> ArraySlice<UInt32> {
    let start = run.lane * cellsPerLane + stream * RankPartition.cellCount
    return cells[start..<start + RankPartition.cellCount]
  }

  /// Values in each bin of a stream that came since a run began.
  func counts(_ run: Run, stream: Int) -> [Double] {
    (offsets[stream]..<offsets[stream] + binCounts[stream]).map { place in
      Double(since(place, run) &- since(place + 1, run))
    }
  }

  /// A tail since a run began, without the reference.
  private func since(_ place: Int, _ run: Run) -> UInt32 {
    tails[place] &- reference[place] &- atStart[place * laneCount + run.lane]
  }

  /// Each run by itself.
  var saved: [Saved] {
    all.map { run in
      var saved = Saved(start: run.start, pool: [], totals: [], cells: [])
      for stream in binCounts.indices {
        let tails = (offsets[stream]...offsets[stream] + binCounts[stream]).map {
          since($0, run) &+ reference[$0]
        }
        saved.pool += zip(tails, tails.dropFirst()).map { $0 &- $1 }
        saved.totals.append(tails[0])
        saved.cells += cells(run, stream: stream)
      }
      return saved
    }
  }

  /// Goes on from runs as they were saved.
  /// - Returns: whether they fit these streams; else nothing changes.
  mutating func resume(_ saved: [Saved], position: Int) -> Bool {
    var pools: [[UInt32]] = []
    for run in saved {
      guard run.totals.count == binCounts.count, run.cells.count == cellsPerLane,
        (0...position).contains(run.start), let tails = tails(pool: run.pool)
      else { return false }
      pools.append(tails)
    }
    guard saved.count <= laneCount else { return false }
    all = []
    tails = reference
    for (lane, run) in saved.enumerated() {
      all.append(Run(start: run.start, lane: lane))
      for place in tails.indices {
        atStart[place * laneCount + lane] = reference[place] &- pools[lane][place]
      }
      cells.replaceSubrange(lane * cellsPerLane..<(lane + 1) * cellsPerLane, with: run.cells)
    }
    return true
  }

  /// The tails of a run's pool; nil where it is not one of these streams with at least the reference in each bin.
  private func tails(pool: [UInt32]) -> [UInt32]? {
    guard pool.count == binCounts.reduce(0, +) else { return nil }
    var (result, bin) = ([UInt32](), 0)
    for (stream, count) in binCounts.enumerated() {
      var own = [UInt32](repeating: 0, count: count + 1)
      for place in (0..<count).reversed() {
        let (sum, isTooLarge) = own[place + 1].addingReportingOverflow(pool[bin + place])
        let least =
          reference[offsets[stream] + place] &- reference[offsets[stream] + place + 1]
        guard !isTooLarge, pool[bin + place] >= least else { return nil }
        own[place] = sum
      }
      result += own
      bin += count
    }
    return result
  }
}
