import CSystem
import Foundation

/// SIGHUP: settings and model are read anew, tried in a process of their own, and only then taken into use; workers are
/// replaced one by one. What does not load, or crashes or hangs while it loads, changes nothing.
extension Arbiter {
  func reload() {
    guard phase == .serving else { return }
    if children.values.contains(where: { $0.role == .rehearsal }) {
      isReloadPending = true
      return
    }
    manager.reloading()
    log.info("reloading")
    if fork(.rehearsal) == nil { refuseReload("no process for it can be forked") }
  }

  /// In the rehearsal's process.
  func rehearse() -> Int32 {
    martlet_set_process_name("martlet-rehears")
    do {
      let next = try program.prepare()
      let account = try Account.find(user: next.user, group: next.group)
      try program.rehearse {
        if let account, !account.become() {
          throw PreforkError.systemCall("setuid", code: errno)
        }
      }
      return 0
    } catch {
      log.error("\(error.localizedDescription)")
      scoreboard.refusal = error.localizedDescription
      return 1
    }
  }

  func endRehearsal(hasPassed: Bool, _ status: Int32) {
    guard phase == .serving else { return }
    if isReloadPending {
      isReloadPending = false
      reload()
    } else if hasPassed {
      adopt()
    } else {
      // What ends by itself has said why, to the log and to the scoreboard.
      martlet_did_exit(status)
        ? refuseReload("the line above says why", scoreboard.refusal)
        : refuseReload(Self.cause(status))
    }
  }

  /// - Parameter reason: what is told where no line of the log stands above; by default the cause.
  private func refuseReload(_ cause: String, _ reason: String? = nil) {
    scoreboard.refusal = reason.flatMap { $0.isEmpty ? nil : $0 } ?? cause
    scoreboard.failedReloads += 1
    log.error("reload refused, the old model and settings keep serving: \(cause)")
    manager.ready()
  }

  private func adopt() {
    do {
      let next = try program.prepare()
      try next.validate()
      let account = try Account.find(user: next.user, group: next.group)
      if let path = next.pidFile, path != configuration.pidFile { try PidFile.check(path) }
      let sockets = try PoolSockets.open(next, present: self.sockets)
      program.adopt()
      previous =
        previous
        ?? Load(
          configuration: configuration, account: self.account, sockets: self.sockets,
          wanted: wanted, generation: generation)
      leaving += self.sockets.without(sockets)
      self.sockets = sockets
      self.account = account
      if next.pidFile != configuration.pidFile {
        log.warning("--pid stays \(configuration.pidFile ?? "unset") until a restart")
      }
      configuration = next
      if let words = sockets.overruled(next) { log.warning("\(words)") }
    } catch {
      return refuseReload(error.localizedDescription)
    }
    wanted = min(configuration.workers, maximumWorkers)
    if wanted < configuration.workers {
      log.warning("--workers is held at \(wanted) until a restart, for which this pool has room")
    }
    isWinched = false
    isReloading = true
    lastGeneration += 1
    generation = lastGeneration
    // What kept the old workers from serving may be what was mended.
    workerBackoff = CrashBackoff()
    scoreboard.workersWanted = wanted
    scoreboard.generation = generation
  }

  /// All workers of the new load serve.
  func settleReload() {
    isReloading = false
    previous = nil
    program.settle()
    PoolSockets.end(&leaving, isShared: false)
    scoreboard.reloads += 1
    scoreboard.refusal = ""
    log.info("reloaded", metadata: ["generation": "\(generation)"])
    manager.ready()
  }

  /// No worker of the new load came to serve: the one before goes on.
  func undoReload() {
    guard let previous else { return }
    self.previous = nil
    isReloading = false
    program.revert()
    let present = sockets
    sockets = previous.sockets
    present.close(keeping: sockets)
    leaving = leaving.filter { socket in
      !sockets.all.contains { $0.descriptor == socket.descriptor }
    }
    PoolSockets.end(&leaving, isShared: false)
    (configuration, account) = (previous.configuration, previous.account)
    (wanted, generation) = (previous.wanted, previous.generation)
    workerBackoff = CrashBackoff()
    scoreboard.workersWanted = wanted
    scoreboard.generation = generation
    refuseReload(
      "its workers die before they serve; the lines above say why",
      "its workers die before they serve; the log says why")
  }
}
