import CSystem
import Foundation
import HTTP
import Health
import Logging
import Prefork

/// The life of one worker.
extension ServeProgram {
  /// Serves until it is told to stop.
  public func runWorker(_ context: ChildContext) -> Int32 {
    ErrorLog.useQueue()
    defer { ErrorLog.file.wait() }
    let log = Logger(label: "martlet.worker")
    let server: PredictionServer
    let accessLog: AccessLog?
    let gracefulTimeout: Double
    guard let slot = context.slot else { return 70 }
    do {
      guard let service = try service() else { return 70 }
      service.useThreads()
      gracefulTimeout = service.settings.pool.gracefulTimeout
      accessLog = try service.settings.makeAccessLog()
      server = try PredictionServer(
        listeners: context.listeners, catalog: ModelCatalog(service.loaded.map(\.served)),
        options: service.options,
        hooks: hooks(slot, context.scoreboard, service), accessLog: accessLog)
    } catch {
      log.error("\(error.localizedDescription)")
      return 71
    }
    server.start()
    slot.beat()
    slot.state = .ready
    return live(context, accessLog) { done in
      slot.state = .draining
      server.drain(
        deadline: gracefulTimeout, acceptingEnded: context.closeListeners, completion: done)
    }
  }

  /// How a worker tells the pool of itself.
  private func hooks(
    _ slot: WorkerSlot, _ scoreboard: Scoreboard, _ service: Service
  ) -> ServingHooks {
    var hooks = ServingHooks()
    let monitoring = service.settings.monitoring
    // Without an admin listener there is no health process that could be asked.
    let hasCompanion = monitoring.isOn && !service.settings.pool.adminBind.isEmpty
    let sender = channel.map { counters.health.sender(slot: slot.index, channel: $0) }
    let generations = ModelGenerations(service)
    let recorder = HealthRecorder(
      counters: counters.pool.recorder(slot),
      health: counters.health.recorder,
      versions: counters.versions.recorder(slot: slot.index),
      latencies: counters.latencies.recorder(slot.index),
      events: monitoring.isOn ? sender : nil, trigrams: service.reference?.trigrams,
      generations: generations, clock: clock, keepsText: monitoring.health.keepsText)
    for generation in generations.all { recorder.health.announce(generation: generation) }
    hooks.recorder = recorder
    let desk = FeedbackDesk(
      recorder: recorder,
      client: hasCompanion ? labelChannel.map { LabelClient(socket: $0.worker(slot.index)) } : nil)
    hooks.feedback = desk.take(_:done:)
    hooks.report(to: slot, among: scoreboard)
    hooks.endsSoon = { scoreboard.isLeaving }
    if service.settings.sharesSlices && counters.exchange.canWake {
      hooks.slices = SliceDesk(counters.exchange, slot: slot, scoreboard: scoreboard)
    }
    hooks.isReady = {
      slot.state == .ready && !scoreboard.isCrashLooping && !scoreboard.isLeaving
    }
    return hooks
  }

  /// Waits on the main thread for what the arbiter's signals ask.
  ///
  /// Not `dispatchMain`: that lets go of the signal mask, and SIGTERM would then kill the process in the middle of its
  /// answers.
  func live(
    _ context: ChildContext, _ accessLog: AccessLog?,
    drain: (@escaping @Sendable () -> Void) -> Void
  ) -> Int32 {
    var isDraining = false
    while context.signalDescriptor >= 0 {
      var waiting = pollfd(fd: context.signalDescriptor, events: Int16(POLLIN), revents: 0)
      _ = poll(&waiting, 1, -1)
      while let request = context.nextRequest() {
        switch request {
        case .quit: return 0
        case .reopenLogs: reopen(accessLog)
        case .drain where !isDraining:
          isDraining = true
          drain {
            ErrorLog.file.wait()
            martlet_exit_now(0)
          }
        case .drain: break
        }
      }
    }
    return 0
  }

  private func reopen(_ accessLog: AccessLog?) {
    do {
      try ErrorLog.file.reopen()
      try accessLog?.reopen()
    } catch {
      Logger(label: "martlet").error("\(error.localizedDescription)")
    }
  }
}
