import CSystem
import Foundation
import Logging

/// Keeps the pool alive: one thread, no Dispatch, never a request.
///
/// `run` repeats one turn: reap the dead, kill the overdue, bring the number of workers to what is wanted, tell the
/// service manager, wait for a signal or a moment. Everything that a signal asks for is a change of what is wanted; the
/// turns that follow bring it about. `Child` tells the life of one child. Listening sockets belong to the arbiter, so a
/// worker's death closes none.
public final class Arbiter {
  enum Phase: Equatable {
    case serving
    /// As `serving`, but not ready for those who ask: the end begins at `until`.
    case leaving(until: UInt64)
    /// Children end; those left at `killAt` are killed.
    case stopping(killAt: UInt64)
  }

  /// What the pool ran before a reload, until that has gone through.
  struct Load {
    let configuration: ArbiterConfiguration
    let account: Account?
    let sockets: PoolSockets
    let wanted: Int
    let generation: UInt64
  }

  let program: any PoolProgram
  let scoreboard: Scoreboard
  /// Where workers pass slices to one another; nil where they do not.
  let exchange: SliceExchange?
  let log: Logger
  let onReady: (ReadyPool) -> Void
  let executable = Executable()

  var configuration = ArbiterConfiguration()
  var account: Account?
  var sockets = PoolSockets()
  var pidFile: PidFile?
  var manager: ServiceManager
  var signals: Int32 = -1

  var phase = Phase.serving
  var children: [Int32: Child] = [:]
  /// Workers wanted while the pool serves.
  var wanted = 1
  /// Whether this pool has been told to have no workers, because a new binary serves.
  var isWinched = false
  /// Which load of the program new workers run.
  var generation: UInt64 = 1
  /// The newest load that there was; none has its number again.
  var lastGeneration: UInt64 = 1
  /// What to go back to; nil unless a reload is under way.
  var previous: Load?
  /// Sockets that the new load has no use for, as long as workers of the old one may serve them.
  var leaving: [ListeningSocket] = []
  /// Whether workers of an older generation are being replaced.
  var isReloading = false
  /// Whether another reload was asked for while one was rehearsed.
  var isReloadPending = false
  var workerBackoff = CrashBackoff()
  var companionBackoff = CrashBackoff()
  /// Whether all workers have served at least once.
  var hasServed = false
  var exitCode: Int32 = 0
  /// What this arbiter was given by the one that it takes over from, while that one lives.
  var handover: Handover?
  /// Readable once the new binary's workers serve; -1 when none is on its way.
  var successorReadiness: Int32 = -1
  var successorServes = false
  /// The processes that `onReady` was last told of.
  private var announced: [Int32] = []
  /// When the last turn began.
  private var lastTurn: UInt64 = 0
  /// Until when a new health process waits for the old one to end.
  private var companionPatience: UInt64 = 0
  /// Until when silence is forgiven, because the arbiter itself was held up.
  var forgivenUntil: UInt64 = 0

  /// An arbiter that does nothing until `run`.
  ///
  /// - Parameters:
  ///   - scoreboard: its slots bound the number of workers for the arbiter's life.
  ///   - exchange: has as many worker slots as the scoreboard.
  ///   - onReady: called when all workers serve, and again whenever they do and are others than before: after a reload, a
  ///     death, a change of their number. Not while a new binary serves beside this one.
  package init(
    program: any PoolProgram, scoreboard: Scoreboard, exchange: SliceExchange? = nil, log: Logger,
    onReady: @escaping (ReadyPool) -> Void
  ) {
    self.program = program
    self.scoreboard = scoreboard
    self.exchange = exchange
    self.log = log
    self.onReady = onReady
    manager = ServiceManager(ProcessInfo.processInfo.environment, process: getpid())
  }

  var now: UInt64 { martlet_monotonic_nanoseconds() }

  func after(_ seconds: Double) -> UInt64 { now + UInt64(seconds * 1e9) }

  /// Loads the program, opens the sockets, and keeps workers until told to stop.
  ///
  /// - Returns: the exit code: 0, or 3 if no worker ever came to serve.
  /// - Throws: what `PoolProgram.prepare` throws at the start, or `PreforkError`.
  public func run() throws -> Int32 {
    try start()
    while true {
      turn()
      if !isServing && children.values.allSatisfy({ $0.role == .successor }) { break }
      var waiting = pollfd(fd: signals, events: Int16(POLLIN), revents: 0)
      poll(&waiting, 1, isSettled ? 100 : 10)
      handleSignals()
    }
    sockets.close(keeping: PoolSockets(), unlinks: !isReplaced)
    pidFile?.remove()
    log.info("stopped")
    return exitCode
  }

  private func start() throws {
    let environment = ProcessInfo.processInfo.environment
    let given = InheritedSocket.fromServiceManager(environment, process: getpid())
    for name in ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"] { unsetenv(name) }
    handover = Handover.take(from: environment)
    let inherited = try PoolSockets(handover?.sockets ?? given)
    configuration = try program.prepare()
    try configuration.validate()
    program.adopt()
    if let mask = configuration.umask { umask(mask) }
    account = try Account.find(user: configuration.user, group: configuration.group)
    sockets = try PoolSockets.open(configuration, present: inherited)
    inherited.close(keeping: sockets, unlinks: false)
    if let words = sockets.overruled(configuration) { log.warning("\(words)") }
    martlet_ignore_sigpipe()
    signals = try SignalDescriptor.open([
      SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGTTIN, SIGTTOU, SIGWINCH, SIGCHLD,
    ])
    if let path = configuration.pidFile {
      pidFile = try PidFile(path: path, isSecond: handover != nil)
    }
    wanted = min(configuration.workers, maximumWorkers)
    scoreboard.arbiter = getpid()
    scoreboard.startedAt = now
    scoreboard.workersWanted = wanted
    scoreboard.generation = generation
    lastTurn = now
  }

  var isServing: Bool {
    if case .stopping = phase { false } else { true }
  }

  /// Whether another arbiter has the same sockets: a new binary's, or the old one's.
  var isReplaced: Bool { children.values.contains { $0.role == .successor } || handover != nil }

  /// Slots allow for each worker's successor while it is replaced.
  var maximumWorkers: Int { max(1, scoreboard.slotCount - 8) }

  // MARK: - One turn

  private func turn() {
    noticeDelay()
    reap()
    killOverdue()
    watchSuccessor()
    switch phase {
    case .serving:
      balanceWorkers()
      balanceCompanion()
      noticeProgress()
    case .leaving(let until):
      balanceWorkers()
      balanceCompanion()
      if now >= until { stop(with: SIGTERM, within: configuration.gracefulTimeout) }
    case .stopping(let killAt):
      endCompanion(killAt: killAt)
    }
    report()
  }

  /// After the whole group was stopped (Ctrl-Z) or the arbiter loaded a model, heartbeats may look old.
  private func noticeDelay() {
    let turn = now
    if turn - lastTurn > 1_000_000_000 { forgivenUntil = turn + 2_000_000_000 }
    lastTurn = turn
  }

  /// Workers that are to go on serving, oldest first.
  private func workers(where isWanted: (Child) -> Bool) -> [Int32] {
    children.filter { $0.value.slot != nil && $0.value.stage == .alive && isWanted($0.value) }
      .sorted { $0.value.bornAt < $1.value.bornAt }.map(\.key)
  }

  /// Whether a worker is to be replaced: it runs an older generation, or has had its share of requests.
  private func isStale(_ child: Child) -> Bool {
    guard let slot = child.slot else { return false }
    if child.generation != generation { return true }
    return child.requestLimit.map { scoreboard[slot].requests >= $0 } ?? false
  }

  private func isReady(_ process: Int32) -> Bool {
    guard let slot = children[process]?.slot else { return false }
    return scoreboard[slot].state == .ready
  }

  /// How many workers there are to be.
  private var target: Int { isWinched ? 0 : wanted }

  /// Forks what is missing and retires what is too much. Stale workers go one by one, each when another serves in its
  /// place: there is never less than the wanted number, and never more than one above it.
  private func balanceWorkers() {
    var fresh = workers { !isStale($0) }
    var stale = workers { isStale($0) }
    while fresh.count < target && fresh.count + stale.count <= target,
      workerBackoff.allowsFork(at: now),
      let slot = scoreboard.slots.first(where: { $0.state == .empty }),
      let process = fork(.worker(slot: slot.index))
    {
      fresh.append(process)
    }
    let serving = fresh.count(where: isReady)
    while serving + stale.count > target, !stale.isEmpty { retire(stale.removeFirst()) }
    while stale.isEmpty && fresh.count > target { retire(fresh.removeFirst()) }
  }

  /// Keeps one health process. At a reload it is replaced once the new workers serve, and the new one begins when the old one has
  /// ended, so that no two answer by turns.
  private func balanceCompanion() {
    let all = children.filter { $0.value.role == .companion }
    for (process, child) in all where child.stage == .alive {
      let isStale = child.generation != generation && !isReloading
      if isStale || sockets.adminListeners.isEmpty {
        retire(process)
        companionPatience = after(5)
      }
    }
    let isThere = children.values.contains {
      $0.role == .companion && ($0.stage == .alive || now < companionPatience)
    }
    if !sockets.adminListeners.isEmpty && !isThere && !isAdminTaken
      && companionBackoff.allowsFork(at: now)
    {
      _ = fork(.companion)
    }
  }

  /// Whether the old binary's health process answers on the same address. It goes on until its arbiter ends: counters of two pools
  /// by turns would go back again and again, and so would they if the operator went back to the old binary.
  private var isAdminTaken: Bool {
    let theirs = handover?.sockets.filter(\.isAdmin).map(\.descriptor) ?? []
    return sockets.adminListeners.contains { theirs.contains($0.descriptor) }
  }

  /// The health process ends last, so that the pool can be watched while it drains.
  private func endCompanion(killAt: UInt64) {
    let others = children.values.contains { $0.role != .companion && $0.role != .successor }
    guard !others else { return }
    PoolSockets.end(&sockets.adminListeners, isShared: isReplaced)
    for (process, child) in children where child.role == .companion && child.stage == .alive {
      kill(process, SIGTERM)
      children[process]?.stage = .draining(killAt: max(killAt, after(3)))
    }
  }

  /// Whether nothing is about to change, so that the next turn can wait.
  private var isSettled: Bool {
    isServing && hasServed
      && !children.values.contains { $0.role == .rehearsal || $0.stage != .alive }
      && workers { isStale($0) }.isEmpty && scoreboard.readyCount == target
  }

  /// Takes note of what the workers have reached.
  private func noticeProgress() {
    let fresh = workers { !isStale($0) }
    let isComplete = fresh.count == target && fresh.allSatisfy(isReady)
    let isGrown = fresh.allSatisfy { now - (children[$0]?.bornAt ?? now) > CrashBackoff.youth }
    if isComplete && isGrown && target > 0 { workerBackoff.recordHealth() }
    scoreboard.isCrashLooping = workerBackoff.isLooping && scoreboard.readyCount < target
    if isComplete && !hasServed {
      hasServed = true
      manager.ready()
      handover?.announceReady()
    } else if isReloading && isComplete && workers(where: isStale).isEmpty {
      settleReload()
    } else if isReloading && workerBackoff.isLooping && !fresh.contains(where: isReady) {
      undoReload()
    }
    if isComplete && target > 0 && workers(where: isStale).isEmpty { announce(fresh) }
    if !hasServed && workerBackoff.isLooping {
      log.critical("workers do not come to serve; the lines above say why")
      exitCode = 3
      stop(with: SIGQUIT, within: 1)
    }
  }

  /// Tells of a complete pool once. While a new binary serves, the word is with that one.
  private func announce(_ workers: [Int32]) {
    if successorServes { return announced = [] }
    let companion = children.first {
      $0.value.role == .companion && $0.value.generation == generation && $0.value.stage == .alive
    }?.key
    // A refused reload changes no process, and is told all the same.
    let processes = workers + [companion ?? 0, Int32(truncatingIfNeeded: scoreboard.failedReloads)]
    guard processes != announced else { return }
    announced = processes
    onReady(
      ReadyPool(
        arbiter: getpid(), workers: workers, companion: companion, generation: generation,
        reloads: (scoreboard.reloads, scoreboard.failedReloads, scoreboard.refusal),
        listeners: sockets.listeners, adminListeners: sockets.adminListeners))
  }

  private func report() {
    let ready = scoreboard.readyCount
    switch phase {
    case .serving where isReloading: manager.status("reloading; \(ready) workers serve")
    case .serving where scoreboard.isCrashLooping:
      manager.status("workers keep dying; \(ready) of \(target) serve")
    case .serving: manager.status("\(ready) of \(target) workers serve")
    case .leaving: manager.status("stopping soon; \(ready) workers serve")
    case .stopping: manager.status("stopping")
    }
    let isHealthy = !isServing || isWinched || (ready > 0 && !scoreboard.isCrashLooping)
    if isHealthy { manager.beat(at: now) }
  }
}
