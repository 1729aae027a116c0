import CKernels
import Synchronization

/// How many threads a job may use. One thread never starts another, which is what lets the arbiter load and
/// pack a model before it forks; of several, the others start with the first job that has parts for them.
public struct ComputePool: Sendable {
  /// Threads used at most.
  public let threads: Int
  private let team: ThreadTeam?

  /// A pool of `threads`, at least one. Its copies share the threads, which end with the last of them.
  public init(threads: Int) {
    self.threads = max(1, threads)
    team = threads > 1 ? ThreadTeam(helpers: threads - 1) : nil
  }

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
  package func each(_ count: Int, _ body: (Int) -> Void) {
    guard let team, count > 1 else {
      for index in 0..<count { body(index) }
      return
    }
    team.run(count, body)
  }
}

/// The threads of a pool, started when they are first needed.
private final class ThreadTeam: Sendable {
  private let helpers: Int
  /// The C team, which only `martlet_team_…` look into; they may be called by several threads.
  private let started = Mutex<Handle?>(nil)

  private struct Handle: @unchecked Sendable { let team: OpaquePointer }

  init(helpers: Int) { self.helpers = helpers }

  deinit {
    if let handle = started.withLock({ $0 }) { martlet_team_end(handle.team) }
  }

  /// Runs `body` for each index below `count`. That calls write to different places is what `split` asks of
  /// its callers.
  func run(_ count: Int, _ body: (Int) -> Void) {
    let handle = started.withLock { handle in
      if handle == nil { handle = martlet_team_start(Int32(helpers)).map(Handle.init) }
      return handle
    }
    guard let handle else {
      for index in 0..<count { body(index) }
      return
    }
    withoutActuallyEscaping(body) { body in
      withUnsafePointer(to: body) { pointer in
        martlet_team_run(
          handle.team, count,
          { context, index in
            // Every call has returned, and let go of the closure, before `martlet_team_run` returns.
            context?.assumingMemoryBound(to: ((Int) -> Void).self).pointee(index)
          }, UnsafeMutableRawPointer(mutating: pointer))
      }
    }
  }
}
