/// A pool in which every worker that is wanted serves.
package struct ReadyPool {
  /// The arbiter's process.
  package let arbiter: Int32
  /// The workers' processes, oldest first.
  package let workers: [Int32]
  /// The companion's process; nil where there is none.
  package let companion: Int32?
  /// Which load of the program the workers run: 1 at the start, one more with each reload.
  package let generation: UInt64
  /// Reloads that went through, those that were refused, and why the latest was; empty where it was not.
  package let reloads: (done: UInt64, refused: UInt64, refusal: String)
  /// Where workers are reached.
  package let listeners: [ListeningSocket]
  /// Where the companion is reached.
  package let adminListeners: [ListeningSocket]
}
