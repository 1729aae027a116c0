import Dispatch

/// How many threads a job may use. One thread never touches Dispatch, which is what lets the
/// arbiter load and pack a model before it forks.
public struct ComputePool: Sendable {
  /// Threads used at most.
  public let threads: Int

  /// A pool of `threads`, at least one.
  public init(threads: Int) { self.threads = max(1, threads) }

  /// The calling thread alone.
  public static let single = ComputePool(threads: 1)

  /// Splits `0..<count` into at most `threads` ranges of near-equal size, each a multiple of
  /// `granularity` but for the last, and runs `body` on all of them before it returns.
  ///
  /// What a range computes must not depend on where the cuts fall, so that results have the same
  /// bits for any number of threads.
  func split(_ count: Int, granularity: Int = 1, _ body: (Range<Int>) -> Void) {
    let pieces = min(threads, (count + granularity - 1) / max(granularity, 1))
    guard pieces > 1 else {
      if count > 0 { body(0..<count) }
      return
    }
    let size = ((count + pieces - 1) / pieces + granularity - 1) / granularity * granularity
    each(pieces) { piece in
      let start = piece * size
      if start < count { body(start..<min(start + size, count)) }
    }
  }

  /// Runs `body` for each index below `count`, spread over the threads as they come free.
  func each(_ count: Int, _ body: (Int) -> Void) {
    guard threads > 1, count > 1 else {
      for index in 0..<count { body(index) }
      return
    }
    withoutActuallyEscaping(body) { body in
      // concurrentPerform returns only when every call has, so the borrow ends in time; that the
      // calls write to different places is what `split` asks of its callers.
      nonisolated(unsafe) let body = body
      DispatchQueue.concurrentPerform(iterations: count) { body($0) }
    }
  }
}
