import CSystem
import Foundation

/// Fork, retire, kill, reap: the steps of a child's life that the arbiter makes.
extension Arbiter {
  /// - Returns: the child; nil if the kernel has none to give now.
  func fork(_ role: Child.Role) -> Int32? {
    let threads = martlet_thread_count()
    guard threads <= 1 else {
      // A defect, not a state of the world: go on with the workers that there are.
      log.critical("\(PreforkError.threadsBeforeFork(Int(threads)).localizedDescription)")
      workerBackoff.hold(for: CrashBackoff.longest, at: now)
      return nil
    }
    var limit: UInt64?
    if case .worker(let index) = role {
      let slot = scoreboard[index]
      slot.claim(generation: generation, now: now)
      if configuration.maxRequests > 0 {
        let jitter = Int.random(in: 0...configuration.maxRequestsJitter)
        limit = slot.requests + UInt64(configuration.maxRequests + jitter)
      }
    }
    let child = Child(role: role, generation: generation, bornAt: now, requestLimit: limit)
    let arbiter = getpid()
    let process = martlet_fork()
    guard process >= 0 else {
      log.error("fork failed: \(String(cString: strerror(errno)))")
      if let index = child.slot { scoreboard[index].release() }
      workerBackoff.hold(for: 1_000_000_000, at: now)
      return nil
    }
    if process == 0 { martlet_exit_now(live(child, arbiter: arbiter)) }
    if let index = child.slot { scoreboard[index].processIdentifier = process }
    if role == .companion { scoreboard.companion = process }
    children[process] = child
    log.debug("forked a \(child.name)", metadata: ["pid": "\(process)"])
    return process
  }

  /// The child's side of a fork: from here on this process is what its role says.
  private func live(_ child: Child, arbiter: Int32) -> Int32 {
    close(signals)
    if successorReadiness >= 0 { close(successorReadiness) }
    martlet_reset_signals()
    switch child.role {
    case .successor: return 70
    case .rehearsal:
      martlet_set_parent_death_signal(SIGKILL)
      return getppid() == arbiter ? rehearse() : 1
    case .worker, .companion: return serve(child, arbiter: arbiter)
    }
  }

  private func serve(_ child: Child, arbiter: Int32) -> Int32 {
    let isCompanion = child.slot == nil
    for socket in leaving + (isCompanion ? sockets.listeners : sockets.adminListeners) {
      socket.close(unlinks: false)
    }
    martlet_no_new_privileges()
    if let account, !account.become() {
      log.critical("cannot become the user of --user: \(String(cString: strerror(errno)))")
      return 77
    }
    // After the change of user, which clears it.
    martlet_set_parent_death_signal(SIGTERM)
    // The arbiter may have died before the line above.
    if getppid() != arbiter { return 1 }
    guard let descriptor = try? SignalDescriptor.open([SIGTERM, SIGINT, SIGQUIT, SIGUSR1]) else {
      return 71
    }
    martlet_set_process_name(child.slot.map { "martlet-w\($0)" } ?? "martlet-health")
    let context = ChildContext(
      listeners: (isCompanion ? sockets.adminListeners : sockets.listeners).map(\.descriptor),
      scoreboard: scoreboard, slot: child.slot.map { scoreboard[$0] }, signalDescriptor: descriptor)
    return isCompanion ? program.runCompanion(context) : program.runWorker(context)
  }

  /// Lets a child finish what it has begun.
  func retire(_ process: Int32) {
    kill(process, SIGTERM)
    children[process]?.stage = .draining(killAt: after(configuration.gracefulTimeout + 1))
    if let slot = children[process]?.slot { scoreboard[slot].state = .draining }
  }

  /// Kills what did not drain in time, and workers that are silent or stuck.
  func killOverdue() {
    if case .stopping(let killAt) = phase, now >= killAt {
      for (process, child) in children where child.role != .successor && child.role != .companion {
        kill(process, SIGKILL)
      }
    }
    for (process, child) in children {
      if case .draining(let killAt) = child.stage, now >= killAt { end(process) }
      if case .rehearsal = child.role, child.stage == .alive, now - child.bornAt > 600_000_000_000 {
        log.error("the reload's rehearsal has taken ten minutes, ending it")
        end(process)
      }
      if child.slot != nil && child.stage != .killed { killIfHung(process, child) }
    }
  }

  private func killIfHung(_ process: Int32, _ child: Child) {
    guard let index = child.slot, now >= forgivenUntil else { return }
    let slot = scoreboard[index]
    let (beat, busy, now) = (slot.heartbeat, slot.busySince, now)
    let limit = UInt64(configuration.timeout * 1e9)
    let isStuck = busy > 0 && now > busy && now - busy > limit
    guard isStuck || (now > beat && now - beat > limit) else { return }
    scoreboard.timeouts += 1
    children[process]?.hasHung = isStuck
    log.error(
      "worker timed out, killing it",
      metadata: ["pid": "\(process)", "stuck": "\(isStuck ? "computing" : "silent")"])
    end(process)
  }

  private func end(_ process: Int32) {
    kill(process, SIGKILL)
    children[process]?.stage = .killed
  }

  /// Takes leave of the dead.
  func reap() {
    var status: Int32 = 0
    while true {
      let process = waitpid(-1, &status, WNOHANG)
      guard process > 0 else { return }
      guard let child = children.removeValue(forKey: process) else { continue }
      switch child.role {
      case .worker(let index):
        let hadServed = scoreboard[index].state != .starting
        // Before another process can get the slot.
        exchange?.workerEnded(index, isFault: child.hasHung || Self.isCrash(status))
        scoreboard[index].release()
        mourn(process, child, status, hadServed: hadServed)
      case .companion:
        mourn(process, child, status, hadServed: true)
      case .rehearsal:
        endRehearsal(
          hasPassed: martlet_did_exit(status) && martlet_exit_status(status) == 0, status)
      case .successor:
        endSuccessor(process, status)
      }
    }
  }

  /// A death that was asked for is nothing; any other is counted, told, and decides how soon another is forked.
  private func mourn(_ process: Int32, _ child: Child, _ status: Int32, hadServed: Bool) {
    if case .draining = child.stage { return }
    guard isServing else { return }
    let age = now - child.bornAt
    if child.role == .companion {
      companionBackoff.recordDeath(age: age, hadServed: hadServed, at: now)
    } else {
      scoreboard.crashes += 1
      workerBackoff.recordDeath(age: age, hadServed: hadServed, at: now)
    }
    log.warning(
      "\(child.name) died, starting another",
      metadata: ["pid": "\(process)", "cause": "\(Self.cause(status))"])
  }

  /// Whether the process ended by a fault of its own, and not because it was told to.
  private static func isCrash(_ status: Int32) -> Bool {
    martlet_was_signalled(status)
      && [SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS].contains(
        martlet_termination_signal(status))
  }

  static func cause(_ status: Int32) -> String {
    martlet_was_signalled(status)
      ? "signal \(martlet_termination_signal(status))" : "exit code \(martlet_exit_status(status))"
  }
}
