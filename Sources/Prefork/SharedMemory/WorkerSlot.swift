import Atomics
import CSystem

/// What a worker is doing, as the arbiter and the monitoring see it.
public enum WorkerState: UInt64, Sendable, CaseIterable {
  /// No process has this slot.
  case empty = 0
  /// Forked, not yet serving.
  case starting = 1
  /// Serving.
  case ready = 2
  /// Finishing what it has, taking nothing new.
  case draining = 3
}

/// One worker's place in shared memory: written by that worker (and by the arbiter at birth and death), read by all.
///
/// Counters are cumulative over every process that had the slot; gauges (`connections`, `queueDepth`, `busySince`) are
/// cleared when a process dies.
public struct WorkerSlot: Sendable {
  private enum Field: Int, CaseIterable {
    case processIdentifier, generation, state, startedAt, heartbeat, busySince
    case requests, connections, queueDepth, restarts
  }

  static let cellCount = 16
  private let counters: SharedCounters
  /// The position of this slot, from 0.
  public let index: Int

  init(counters: SharedCounters, index: Int) {
    self.counters = counters
    self.index = index
  }

  /// The process that has the slot, 0 when none.
  public var processIdentifier: Int32 {
    get { Int32(truncatingIfNeeded: self[.processIdentifier]) }
    nonmutating set { self[.processIdentifier] = UInt64(UInt32(bitPattern: newValue)) }
  }

  /// Which load of the program (model, settings) the worker runs; grows by one with each reload.
  public var generation: UInt64 {
    get { self[.generation] }
    nonmutating set { self[.generation] = newValue }
  }

  /// What the worker is doing.
  public var state: WorkerState {
    get { WorkerState(rawValue: self[.state]) ?? .empty }
    nonmutating set { self[.state] = newValue.rawValue }
  }

  /// When the worker was forked, in monotonic nanoseconds.
  public var startedAt: UInt64 {
    get { self[.startedAt] }
    nonmutating set { self[.startedAt] = newValue }
  }

  /// When the worker's I/O queue last said that it is alive, in monotonic nanoseconds.
  public var heartbeat: UInt64 {
    get { self[.heartbeat] }
    nonmutating set { self[.heartbeat] = newValue }
  }

  /// When the computation under way began, in monotonic nanoseconds; 0 when there is none. The arbiter kills a worker whose
  /// computation takes longer than the timeout.
  public var busySince: UInt64 {
    get { self[.busySince] }
    nonmutating set { self[.busySince] = newValue }
  }

  /// Requests answered by every process that had this slot.
  public var requests: UInt64 { self[.requests] }
  /// Open connections.
  public var connections: UInt64 {
    get { self[.connections] }
    nonmutating set { self[.connections] = newValue }
  }
  /// Texts waiting to be computed.
  public var queueDepth: UInt64 {
    get { self[.queueDepth] }
    nonmutating set { self[.queueDepth] = newValue }
  }
  /// How many processes this slot has seen beyond the first.
  public var restarts: UInt64 { self[.restarts] }

  /// Says that the worker is alive, now.
  public func beat() {
    heartbeat = martlet_monotonic_nanoseconds()
  }

  /// Counts answered requests.
  public func addRequests(_ amount: UInt64 = 1) {
    counters.add(amount, at: Field.requests.rawValue)
  }

  /// Takes the slot for a process about to be forked.
  func claim(generation: UInt64, now: UInt64) {
    if startedAt != 0 { counters.add(at: Field.restarts.rawValue) }
    self.generation = generation
    startedAt = now
    heartbeat = now
    clearGauges()
    state = .starting
  }

  /// Gives the slot back after its process has died; cumulative counters stay.
  func release() {
    clearGauges()
    processIdentifier = 0
    state = .empty
  }

  private func clearGauges() {
    busySince = 0
    connections = 0
    queueDepth = 0
  }

  private subscript(field: Field) -> UInt64 {
    get { counters.load(at: field.rawValue) }
    nonmutating set { counters.store(newValue, at: field.rawValue) }
  }
}
