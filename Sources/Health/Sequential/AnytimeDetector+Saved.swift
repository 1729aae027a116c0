extension AnytimeDetector {
  /// What the detector has come to, without what it was made with.
  struct Saved: Codable {
    var position: Int
    var isDrifted: Bool
    var lastAlarm: Int
    var runs: [RankedRuns.Saved]
    var generator: SplitMix
  }

  /// What it has come to.
  var saved: Saved {
    Saved(
      position: position, isDrifted: isDrifted, lastAlarm: lastAlarm, runs: runs.saved,
      generator: generator)
  }

  /// Goes on from there, if it belongs to a detector of the same streams.
  mutating func resume(_ saved: Saved) {
    guard saved.position >= 0, runs.resume(saved.runs, position: saved.position) else { return }
    (position, isDrifted, lastAlarm) = (saved.position, saved.isDrifted, saved.lastAlarm)
    generator = saved.generator
  }
}
