extension AnytimeDetector {
  /// What the detector has come to, without what it was made with.
  struct Saved: Codable {
    var position: Int
    var isDrifted: Bool
    var lastAlarm: Int
    var runs: [Run]
    var generator: SplitMix
  }

  /// What it has come to.
  var saved: Saved {
    Saved(
      position: position, isDrifted: isDrifted, lastAlarm: lastAlarm, runs: runs,
      generator: generator)
  }

  /// Goes on from there, if it belongs to a detector of the same streams.
  mutating func resume(_ saved: Saved) {
    let bins = streams.reduce(0) { $0 + $1.reference.count }
    let cells = streams.count * RankPartition.cellCount
    let fits = saved.runs.allSatisfy {
      $0.pool.count == bins && $0.totals.count == streams.count && $0.cells.count == cells
        && (0...saved.position).contains($0.start)
        && zip($0.pool, streams.flatMap(\.reference)).allSatisfy { Double($0) >= $1.rounded(.down) }
    }
    guard fits, saved.position >= 0 else { return }
    (position, isDrifted, lastAlarm) = (saved.position, saved.isDrifted, saved.lastAlarm)
    (runs, generator) = (saved.runs, saved.generator)
  }
}
