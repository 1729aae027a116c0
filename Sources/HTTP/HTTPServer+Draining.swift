import Dispatch
import Foundation

/// The end of a server: what has been accepted is answered or refused with a status, and nothing that has not asked holds it up.
extension HTTPServer {
  /// Answers what is in flight and what comes meanwhile with `Connection: close`, stops accepting, and calls back on the I/O
  /// queue when no connection is left.
  ///
  /// For `drainAccepting` connections are still taken, and at its end all that the kernel has accepted: a connection that
  /// nobody takes is reset. A connection without a whole head of a request ends after `drainGrace`.
  /// - Parameters:
  ///   - deadline: seconds after which requests still in progress are refused with 503.
  ///   - acceptingEnded: called on the I/O queue when no more is accepted, so that the owner can close the listeners.
  public func drain(
    deadline: Double, acceptingEnded: @escaping @Sendable () -> Void = {},
    completion: @escaping @Sendable () -> Void
  ) {
    queue.async { [self] in
      if isDraining { return }
      drainCompletion = completion
      updateClock()
      drainEnd = tick &+ ticks(configuration.drainGrace)
      for connection in connections {
        guard let connection else { continue }
        switch connection.phase {
        case .proxyHeader, .handshake, .idle, .head, .lingering:
          setDeadline(of: connection, deadlines[connection.slot])
        case .body, .handler, .writing, .closed: break
        }
      }
      // A full server too: those who come now are the last.
      resumeAccepting()
      let window = min(configuration.drainAccepting, deadline)
      if window > 0 {
        queue.asyncAfter(deadline: .now() + window) { [self] in
          takeBacklog()
          endAccepting(acceptingEnded)
        }
      } else {
        endAccepting(acceptingEnded)
      }
      queue.asyncAfter(deadline: .now() + deadline) { [weak self] in self?.refuseAll() }
    }
  }

  private func endAccepting(_ acceptingEnded: () -> Void) {
    pauseAccepting()
    hasEndedAccepting = true
    acceptingEnded()
    finishDrainIfDone()
  }

  /// Requests that are still in progress have had their time. Their clients have a moment to read so.
  private func refuseAll() {
    for connection in connections {
      guard let connection else { continue }
      if let request = connection.request {
        connection.request = nil
        let problem = Refusal.stopping.problem
        answer(connection, request, problem.response(requestID: request.id))
      } else if connection.phase == .body {
        refuse(connection, .stopping)
      }
      settle(connection)
    }
    queue.asyncAfter(deadline: .now() + configuration.drainLinger) { [weak self] in self?.cutAll() }
  }

  private func cutAll() {
    for connection in connections {
      if let connection { close(connection) }
    }
    finishDrainIfDone()
  }

  /// Sets when the connection's present phase, in which no request is in progress, ends; earlier while draining.
  func setDeadline(of connection: Connection, _ deadline: UInt32) {
    let isLingering = connection.phase == .lingering
    let limit = isLingering && isDraining ? tick &+ ticks(configuration.drainLinger) : drainEnd
    deadlines[connection.slot] = min(deadline, limit)
  }
}
