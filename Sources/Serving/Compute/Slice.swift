/// Part of a job's texts, which are computed together: what is given out by a `Schedule`, and can be computed wherever its model is.
///
/// Slices of one job may end in any order. A slice that nobody computed goes back to its schedule by `Schedule.putBack`.
package struct Slice<Payload: Sendable> {
  /// The job.
  package let work: ScheduledWork<Payload>
  /// Which of its texts.
  package var texts: Range<Int>
  /// Nanoseconds that it was charged with.
  package var charged: Int64 = 0

  /// Both sides of a text, each with its share of what was charged.
  package func cut(at text: Int) -> (Slice, Slice) {
    var (kept, rest) = (self, self)
    kept.texts = texts.lowerBound..<text
    rest.texts = text..<texts.upperBound
    kept.charged = charged * Int64(kept.texts.count) / Int64(max(1, texts.count))
    rest.charged = charged - kept.charged
    return (kept, rest)
  }

  /// Tokens, as their bytes suggest.
  package var tokenEstimate: Int { texts.reduce(0) { $0 + work.tokenEstimate(of: $1) } }
}

/// What bounds a batch.
package struct BatchLimits: Sendable {
  /// Most texts.
  package var texts = 32
  /// Most tokens, unless one text has more.
  package var tokens = 4096
  /// Nanoseconds that a batch may take, unless one text takes longer: what comes next waits for it.
  package var time: Int64 = 30_000_000
  /// Nanoseconds up to which a batch grows without a reason: nobody notices the wait.
  package var freeTime: Int64 = 5_000_000

  /// The defaults.
  package init() {}
}

/// A batch in the making: decides whether a text more is worth its while.
struct BatchPlan {
  let limits: BatchLimits
  let time: BatchTime
  /// How much the time that a batch saves counts: more where those who come later will wait as well.
  let gainWeight: Double
  private(set) var texts = 0
  private(set) var tokens = 0
  private(set) var nanoseconds: Int64 = 0
  /// Requests that this batch completes, and which so wait for all that is added.
  var completing = 0

  init(limits: BatchLimits, time: BatchTime, load: Double) {
    (self.limits, self.time) = (limits, time)
    // A saved nanosecond is one for each who waits, and for who comes before the queue is empty: 1 / (1 - load) times as many.
    gainWeight = 1 / max(1 - load, 0.125)
  }

  /// Whether a text of so many tokens joins, for whom and behind whom `waiting` requests wait.
  ///
  /// The first always does. Then a batch grows while what a text saves, for all who wait, is more than the wait that it costs those
  /// who would be done without it.
  func admits(_ more: Int, waiting: Int) -> Bool {
    if texts == 0 { return true }
    if !time.isKnown || texts >= limits.texts || tokens + more > limits.tokens { return false }
    let whole = time.nanoseconds(tokens: tokens + more)
    if tokens + more > time.tokenLimit || whole > limits.time { return false }
    if whole <= limits.freeTime || completing == 0 { return true }
    let alone = time.nanoseconds(tokens: more)
    let saved = nanoseconds + alone - whole
    // What is less than a sixteenth is as much an error of the measurement.
    if saved <= alone / 16 { return false }
    return Double(saved) * Double(waiting) * gainWeight
      >= Double((whole - nanoseconds) * Int64(completing))
  }

  /// Takes a text; returns the nanoseconds that it adds.
  mutating func add(_ more: Int) -> Int64 {
    let before = nanoseconds
    (texts, tokens) = (texts + 1, tokens + more)
    nanoseconds = time.nanoseconds(tokens: tokens)
    return nanoseconds - before
  }
}
