/// A child of the arbiter, from its fork to its death.
///
///     fork ──▶ starting ──▶ serving ──▶ draining ──▶ exit, slot free
///                 │            │           │ time is up
///                 └────────────┴───────────┴──▶ killed ──▶ exit, slot free
///
/// A worker says itself that it serves, in its slot of the scoreboard; the arbiter makes every other step:
/// - *draining*: SIGTERM was sent because it is stale (an older generation, or past its share of requests), because
///   there are too many, or because the pool stops;
/// - *killed*: SIGKILL was sent because it was silent or stuck past the timeout, or did not drain in time.
struct Child {
  enum Role: Equatable {
    /// Serves; has this slot of the scoreboard.
    case worker(slot: Int)
    /// The health process, which watches the pool.
    case companion
    /// Loads and tries the program of a reload before anyone depends on it.
    case rehearsal
    /// The arbiter of the binary that takes over (SIGUSR2).
    case successor
  }

  enum Stage: Equatable {
    case alive
    case draining(killAt: UInt64)
    case killed
  }

  let role: Role
  let generation: UInt64
  let bornAt: UInt64
  /// The count of the slot's requests at which this worker has had its share; nil for no limit.
  let requestLimit: UInt64?
  var stage = Stage.alive
  /// Whether it was killed because a computation of it did not end.
  var hasHung = false

  var slot: Int? {
    if case .worker(let slot) = role { slot } else { nil }
  }

  /// What it is called in log lines.
  var name: String {
    switch role {
    case .worker: "worker"
    case .companion: "health process"
    case .rehearsal: "rehearsal of the reload"
    case .successor: "new binary"
    }
  }
}
