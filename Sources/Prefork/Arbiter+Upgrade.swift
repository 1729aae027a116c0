import CSystem
import Foundation

/// SIGUSR2: the binary that now stands where this one was started from takes over the sockets, and both serve. The
/// operator then ends this one (QUIT or TERM), or its workers alone first (WINCH) to be able to come back (HUP). A new
/// binary that does not come to serve ends by itself and changes nothing.
extension Arbiter {
  func upgrade() {
    guard phase == .serving else { return }
    guard !children.values.contains(where: { $0.role == .successor }) else {
      return log.warning("SIGUSR2 is ignored: a new binary runs already")
    }
    guard handover == nil else {
      return log.warning("SIGUSR2 is ignored: the binary before this one still runs")
    }
    var ends: [Int32] = [-1, -1]
    guard martlet_pipe(&ends) == 0 else {
      return log.error("cannot start the new binary: pipe2: \(String(cString: strerror(errno)))")
    }
    let child = Child(role: .successor, generation: generation, bornAt: now, requestLimit: nil)
    let handover = Handover(from: getpid(), readiness: ends[1], sockets: sockets.inheritance)
    let process = martlet_fork()
    if process == 0 {
      executable.become(with: handover)
      martlet_exit_now(126)
    }
    close(ends[1])
    guard process > 0 else {
      close(ends[0])
      return log.error("cannot start the new binary: fork: \(String(cString: strerror(errno)))")
    }
    successorReadiness = ends[0]
    successorServes = false
    children[process] = child
    log.info("started the new binary", metadata: ["pid": "\(process)"])
  }

  /// The new binary's side and the old one's: who serves, who has gone.
  func watchSuccessor() {
    if successorReadiness >= 0 {
      var byte: UInt8 = 0
      let count = read(successorReadiness, &byte, 1)
      if count == 1 {
        successorServes = true
        log.info("the new binary serves; end this one with SIGTERM, or its workers with SIGWINCH")
      }
      if count >= 0 {
        close(successorReadiness)
        successorReadiness = -1
      }
    }
    if let handover, getppid() != handover.from {
      self.handover = nil
      log.info("took over: the old binary has gone", metadata: ["old": "\(handover.from)"])
      do {
        try pidFile?.promote()
      } catch {
        log.error("\(error.localizedDescription)")
      }
    }
  }

  func endSuccessor(_ process: Int32, _ status: Int32) {
    if successorReadiness >= 0 {
      close(successorReadiness)
      successorReadiness = -1
    }
    log.error(
      "the new binary ended, this one keeps serving",
      metadata: ["pid": "\(process)", "cause": "\(Self.cause(status))"])
    successorServes = false
    isWinched = false
  }
}
