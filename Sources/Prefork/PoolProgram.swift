import Glibc

/// What a pool runs. The arbiter calls `prepare` and `adopt` in its one thread before it forks; the others run in a child
/// each and end it by returning its exit code.
///
/// A reload is a `prepare` and a `rehearse` in a child of its own and, if that child ends well, a `prepare` and an `adopt` in the
/// arbiter. It ends with `settle` when the new workers serve, or with `revert` when none of them comes to serve.
public protocol PoolProgram: AnyObject {
  /// Reads the settings anew and loads what workers share (unless the settings say that each loads its own). What was
  /// adopted before stays in use. Must not start threads or use Dispatch.
  /// - Returns: how the pool is to be run with it.
  func prepare() throws -> ArbiterConfiguration
  /// Tries out what was prepared, as a worker would use it: whatever a worker opens is opened.
  /// - Parameter become: takes on the workers' user; called once, after what the arbiter makes for workers has been made.
  func rehearse(_ become: () throws -> Void) throws
  /// Children forked from now on use what was prepared. Called after `prepare`, in the same process.
  func adopt()
  /// What was adopted serves, so what was in use before can go.
  func settle()
  /// Children forked from now on use what was in use when `settle` was last called.
  func revert()
  /// The life of a worker: serve until SIGTERM (finish what has begun) or SIGQUIT (at once).
  func runWorker(_ context: ChildContext) -> Int32
  /// The life of the health process, which watches the pool.
  func runCompanion(_ context: ChildContext) -> Int32
  /// Opens log files anew, in the arbiter.
  func reopenLogs()
}

/// What a child of the arbiter starts with.
public struct ChildContext: Sendable {
  /// Sockets to accept on.
  public let listeners: [Int32]
  /// The pool's state.
  public let scoreboard: Scoreboard
  /// This worker's slot; nil in the health process.
  public let slot: WorkerSlot?
  /// Becomes readable when a signal came for this process; read with `nextRequest`.
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

  /// Closes the sockets here. The kernel accepts for as long as one process has them open, so each must close them when it
  /// accepts no more.
  public func closeListeners() {
    for listener in listeners { close(listener) }
  }

  /// The oldest request not yet seen; nil when there is none.
  public func nextRequest() -> Request? { SignalDescriptor.nextRequest(signalDescriptor) }
}
