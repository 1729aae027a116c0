import CSystem
import Foundation
import Logging

/// Keeps the pool alive: one thread, no Dispatch, never a request.
///
/// Everything happens in `run`'s loop: wait for a signal or a quarter of a second, reap the dead,
/// kill the stuck, fork the missing. Listening sockets belong to the arbiter, so a worker's death
/// closes none.
public final class Arbiter {
  private struct Child {
    let slot: Int?
    let generation: UInt64
    let bornAt: UInt64
    var killAt: UInt64?
  }

  private enum Phase: Equatable {
    case running
    case stopping(killAt: UInt64)
  }

  private let configuration: ArbiterConfiguration
  private let program: any PoolProgram
  private let scoreboard: Scoreboard
  private let log: Logger
  private let onReady: (([ListeningSocket]) -> Void)
  private var listeners: [ListeningSocket] = []
  private var adminListeners: [ListeningSocket] = []
  private var children: [Int32: Child] = [:]
  private var wanted: Int
  private var generation: UInt64 = 1
  private var phase = Phase.running
  private var signals: Int32 = -1
  private var deathsInARow = 0
  private var forkNotBefore: UInt64 = 0
  private var hasAnnounced = false

  /// An arbiter that does nothing until `run`. `onReady` is called once, when all workers serve.
  public init(
    configuration: ArbiterConfiguration, program: any PoolProgram, scoreboard: Scoreboard,
    log: Logger, onReady: @escaping ([ListeningSocket]) -> Void
  ) throws(PreforkError) {
    try configuration.validate()
    self.configuration = configuration
    self.program = program
    self.scoreboard = scoreboard
    self.log = log
    self.onReady = onReady
    wanted = configuration.workers
  }

  /// Loads the program, opens the sockets, and keeps workers until told to stop.
  ///
  /// - Returns: the exit code.
  /// - Throws: what `PoolProgram.load` throws at the start, or `PreforkError`.
  public func run() throws -> Int32 {
    try program.load()
    listeners = try configuration.bind.map {
      try ListeningSocket($0, backlog: configuration.backlog)
    }
    adminListeners = try configuration.adminBind.map {
      try ListeningSocket($0, backlog: configuration.backlog)
    }
    martlet_ignore_sigpipe()
    signals = try SignalDescriptor.open([
      SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGTTIN, SIGTTOU, SIGCHLD,
    ])
    scoreboard.arbiter = getpid()
    scoreboard.startedAt = now
    scoreboard.workersWanted = wanted
    scoreboard.generation = generation
    while true {
      try tick()
      if phase != .running && children.isEmpty { break }
      var waiting = pollfd(fd: signals, events: Int16(POLLIN), revents: 0)
      poll(&waiting, 1, 100)
      handleSignals()
    }
    for listener in listeners + adminListeners where listener.address.hasPrefix("unix:") {
      unlink(String(listener.address.dropFirst(5)))
    }
    log.info("stopped")
    return 0
  }

  private var now: UInt64 { martlet_monotonic_nanoseconds() }

  private func after(_ seconds: Double) -> UInt64 { now + UInt64(seconds * 1e9) }

  private func tick() throws {
    reap()
    killOverdue()
    guard phase == .running else { return }
    try replenish()
    retireOldGenerations()
    if !hasAnnounced && scoreboard.readyCount >= wanted {
      hasAnnounced = true
      onReady(listeners)
    }
  }

  // MARK: Signals

  private func handleSignals() {
    while true {
      let signal = martlet_next_signal(signals)
      switch signal {
      case SIGTERM: stop(with: SIGTERM, within: configuration.gracefulTimeout)
      case SIGINT, SIGQUIT: stop(with: SIGQUIT, within: 1)
      case SIGHUP: reload()
      case SIGUSR1: children.keys.forEach { kill($0, SIGUSR1) }
      case SIGTTIN: resize(by: 1)
      case SIGTTOU: resize(by: -1)
      case SIGCHLD: continue
      default: return
      }
    }
  }

  private func stop(with signal: Int32, within seconds: Double) {
    log.info("stopping", metadata: ["signal": "\(signal)"])
    phase = .stopping(killAt: after(seconds))
    for (pid, child) in children {
      kill(pid, signal)
      if let slot = child.slot { scoreboard[slot].state = .draining }
    }
  }

  private func resize(by change: Int) {
    guard phase == .running else { return }
    wanted = min(max(1, wanted + change), configuration.workers + 16)
    scoreboard.workersWanted = wanted
    log.info("workers wanted", metadata: ["workers": "\(wanted)"])
    let current = workers(of: generation)
    for pid in current.dropFirst(wanted) { retire(pid) }
  }

  private func reload() {
    guard phase == .running else { return }
    do {
      try program.load()
    } catch {
      scoreboard.failedReloads += 1
      log.error("reload refused, the old model keeps serving: \(error.localizedDescription)")
      return
    }
    generation += 1
    scoreboard.generation = generation
    scoreboard.reloads += 1
    log.info("reloading", metadata: ["generation": "\(generation)"])
  }

  // MARK: Children

  /// Live workers of a generation that have not been told to go, oldest first.
  private func workers(of generation: UInt64) -> [Int32] {
    children.filter {
      $0.value.slot != nil && $0.value.generation == generation && $0.value.killAt == nil
    }
    .sorted { $0.value.bornAt < $1.value.bornAt }.map(\.key)
  }

  private func replenish() throws {
    guard now >= forkNotBefore else { return }
    while workers(of: generation).count < wanted {
      guard let slot = scoreboard.slots.first(where: { $0.state == .empty }) else { return }
      try fork(slot)
    }
    if !adminListeners.isEmpty
      && !children.values.contains(where: { $0.slot == nil && $0.generation == generation })
    {
      try fork(nil)
    }
  }

  /// Old workers go once the new generation serves in full strength.
  private func retireOldGenerations() {
    let old = children.filter { $0.value.generation != generation && $0.value.killAt == nil }
    guard !old.isEmpty else { return }
    let ready = scoreboard.slots.filter { $0.state == .ready && $0.generation == generation }
    if ready.count >= wanted { old.keys.forEach(retire) }
  }

  private func retire(_ pid: Int32) {
    kill(pid, SIGTERM)
    children[pid]?.killAt = after(configuration.gracefulTimeout)
    if let slot = children[pid]?.slot { scoreboard[slot].state = .draining }
  }

  private func fork(_ slot: WorkerSlot?) throws {
    let threads = martlet_thread_count()
    guard threads <= 1 else { throw PreforkError.threadsBeforeFork(Int(threads)) }
    if let slot {
      slot.state = .starting
      slot.generation = generation
      slot.startedAt = now
      slot.heartbeat = now
      slot.busySince = 0
    }
    let arbiter = getpid()
    let pid = martlet_fork()
    guard pid >= 0 else {
      slot?.state = .empty
      log.error("fork failed: \(String(cString: strerror(errno)))")
      forkNotBefore = after(1)
      return
    }
    if pid == 0 { martlet_exit_now(live(slot, arbiter: arbiter)) }
    slot?.processIdentifier = pid
    if slot == nil { scoreboard.companion = pid }
    children[pid] = Child(slot: slot?.index, generation: generation, bornAt: now, killAt: nil)
    log.debug("forked", metadata: ["pid": "\(pid)", "slot": "\(slot?.index ?? -1)"])
  }

  /// The child's side of a fork: from here on this process is a worker, or the companion.
  private func live(_ slot: WorkerSlot?, arbiter: Int32) -> Int32 {
    close(signals)
    martlet_reset_signals()
    martlet_set_parent_death_signal(SIGTERM)
    // The arbiter may have died before the line above.
    if getppid() != arbiter { return 1 }
    guard let descriptor = try? SignalDescriptor.open([SIGTERM, SIGINT, SIGQUIT, SIGUSR1]) else {
      return 1
    }
    martlet_set_process_name(slot.map { "martlet-w\($0.index)" } ?? "martlet-health")
    let context = ChildContext(
      listeners: (slot == nil ? adminListeners : listeners).map(\.descriptor),
      scoreboard: scoreboard, slot: slot, signalDescriptor: descriptor)
    return slot == nil ? program.runCompanion(context) : program.runWorker(context)
  }

  private func reap() {
    var status: Int32 = 0
    while true {
      let pid = waitpid(-1, &status, WNOHANG)
      guard pid > 0 else { return }
      guard let child = children.removeValue(forKey: pid) else { continue }
      if let slot = child.slot { clear(scoreboard[slot]) }
      let wasAsked = child.killAt != nil || phase != .running
      if wasAsked { continue }
      let cause =
        martlet_was_signalled(status)
        ? "signal \(martlet_termination_signal(status))"
        : "exit code \(martlet_exit_status(status))"
      scoreboard.crashes += 1
      log.warning(
        "\(child.slot == nil ? "health process" : "worker") died, starting another",
        metadata: ["pid": "\(pid)", "cause": "\(cause)"])
      backOff(child)
    }
  }

  private func clear(_ slot: WorkerSlot) {
    slot.state = .empty
    slot.processIdentifier = 0
    slot.connections = 0
    slot.queueDepth = 0
    slot.inFlight = 0
    slot.busySince = 0
  }

  /// A child that lived a while is replaced at once; one that dies young is waited for, twice as long
  /// each time, so that a broken worker does not become a storm of forks.
  private func backOff(_ child: Child) {
    deathsInARow = now - child.bornAt < 2_000_000_000 ? deathsInARow + 1 : 0
    scoreboard.isCrashLooping = deathsInARow >= 5
    guard deathsInARow > 2 else { return }
    forkNotBefore = after(min(10, 0.1 * Double(1 << min(deathsInARow, 10))))
  }

  private func killOverdue() {
    if case .stopping(let killAt) = phase, now >= killAt {
      children.keys.forEach { kill($0, SIGKILL) }
    }
    let limit = UInt64(configuration.timeout * 1e9)
    for (pid, child) in children {
      if let killAt = child.killAt, now >= killAt { kill(pid, SIGKILL) }
      guard let index = child.slot else { continue }
      let slot = scoreboard[index]
      let beat = slot.heartbeat
      let busy = slot.busySince
      let isSilent = now > beat && now - beat > limit
      let isStuck = busy > 0 && now > busy && now - busy > limit
      if isSilent || isStuck {
        scoreboard.timeouts += 1
        log.error(
          "worker timed out, killing it",
          metadata: ["pid": "\(pid)", "stuck": "\(isStuck ? "computing" : "silent")"])
        kill(pid, SIGKILL)
        slot.heartbeat = now
        slot.busySince = 0
      }
    }
  }
}
