/// What a pool runs. The arbiter calls `load` in its one thread before it forks; the others run in a
/// child each and end it by returning its exit code.
public protocol PoolProgram: AnyObject {
  /// Loads what workers share, and checks it; called at the start and at each reload. When it throws
  /// at a reload, what was loaded before stays in use. Must not start threads or use Dispatch.
  func load() throws
  /// The life of a worker: serve until SIGTERM (finish what has begun) or SIGQUIT (at once).
  func runWorker(_ context: ChildContext) -> Int32
  /// The life of the companion, which watches the pool.
  func runCompanion(_ context: ChildContext) -> Int32
}

/// What a child of the arbiter starts with.
public struct ChildContext: Sendable {
  /// Sockets to accept on.
  public let listeners: [Int32]
  /// The pool's state.
  public let scoreboard: Scoreboard
  /// This worker's slot; nil in the companion.
  public let slot: WorkerSlot?
  /// Becomes readable when a signal came for this process; read with `nextSignal`.
  public let signalDescriptor: Int32

  /// What a signal asks of a child.
  public enum Request: Sendable {
    /// Finish what has begun, then end.
    case drain
    /// End at once.
    case quit
    /// Open log files anew.
    case reopenLogs
  }

  /// The oldest request not yet seen; nil when there is none.
  public func nextRequest() -> Request? { SignalDescriptor.nextRequest(signalDescriptor) }
}
