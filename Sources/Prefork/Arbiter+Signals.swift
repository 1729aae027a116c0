import CSystem
import Foundation

/// What each signal asks for. The names and meanings are Gunicorn's.
extension Arbiter {
  func handleSignals() {
    while true {
      switch martlet_next_signal(signals) {
      case SIGTERM: leave()
      case SIGINT, SIGQUIT: stop(with: SIGQUIT, within: 1)
      case SIGHUP: reload()
      case SIGUSR1: reopenLogs()
      case SIGUSR2: upgrade()
      case SIGTTIN: resize(by: 1)
      case SIGTTOU: resize(by: -1)
      case SIGWINCH: winch()
      case SIGCHLD: continue
      default: return
      }
    }
  }

  /// SIGTERM: the end begins, with --drain-delay after a while in which those who ask are told that the pool is not ready. A
  /// second signal ends that while.
  private func leave() {
    let delay = configuration.drainDelay
    // Where a new binary serves on the same addresses, nobody has to go elsewhere.
    guard phase == .serving, hasServed, delay > 0, !isReplaced else {
      return stop(with: SIGTERM, within: configuration.gracefulTimeout)
    }
    phase = .leaving(until: after(delay))
    scoreboard.isLeaving = true
    manager.stopping()
    log.info("not ready any more, stopping after a while", metadata: ["seconds": "\(delay)"])
  }

  /// Begins the end. A second, quicker signal shortens it.
  func stop(with signal: Int32, within seconds: Double) {
    // A second more, in which workers refuse what they could not finish.
    let killAt = after(seconds + (signal == SIGTERM ? 1 : 0))
    if case .stopping(let earlier) = phase {
      if signal == SIGTERM { return }
      phase = .stopping(killAt: min(earlier, killAt))
    } else {
      log.info("stopping", metadata: ["signal": "\(signal)"])
      phase = .stopping(killAt: killAt)
      if let successor = children.first(where: { $0.value.role == .successor }), successorServes {
        manager.mainProcess(successor.key)
      } else {
        manager.stopping()
      }
      PoolSockets.end(&sockets.listeners, isShared: isReplaced)
      PoolSockets.end(&leaving, isShared: false)
    }
    for (process, child) in children {
      switch child.role {
      case .successor: continue
      case .rehearsal: kill(process, SIGKILL)
      case .companion:
        if signal != SIGTERM { kill(process, signal) }
      case .worker(let slot):
        kill(process, signal)
        scoreboard[slot].state = .draining
      }
    }
  }

  private func resize(by change: Int) {
    guard phase == .serving else { return }
    wanted = min(max(1, wanted + change), maximumWorkers)
    scoreboard.workersWanted = wanted
    log.info("workers wanted", metadata: ["workers": "\(wanted)"])
  }

  private func reopenLogs() {
    // Here first: as another user a worker may not be allowed to make the file.
    program.reopenLogs()
    log.info("log files opened anew")
    for (process, child) in children where child.role == .companion || child.slot != nil {
      kill(process, SIGUSR1)
    }
  }

  /// Ends the workers of a pool that a new binary replaces; SIGHUP brings them back. Without a new binary the signal
  /// is a terminal that changed its size.
  private func winch() {
    guard phase == .serving, children.values.contains(where: { $0.role == .successor }) else {
      log.debug("SIGWINCH is ignored: no new binary is taking over")
      return
    }
    isWinched = true
    log.info("workers end, because a new binary takes over; SIGHUP brings them back")
  }
}
