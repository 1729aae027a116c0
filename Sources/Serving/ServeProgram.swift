import CSystem
import Foundation
import HTTP
import Health
import JSON
import Logging
import Prefork
import Transformer

/// What `martlet serve` runs in the pool: a model loaded once before the forks, a
/// `PredictionServer` in each worker, the admin pages in the companion.
public final class ServeProgram: PoolProgram {
  private let directory: String
  private let options: ServingOptions
  private let gracefulTimeout: Double
  private let counters: PoolCounters
  private let health: HealthCounters
  private var reference: ReferenceProfile?
  private let scoreboard: Scoreboard
  private let makeAccessLog: @Sendable () throws -> AccessLog?
  private let adminToken: String?
  /// The model that new workers will serve.
  public private(set) var model: TextModel?

  /// A program that serves the model in `directory`. `accessLog` is called in each worker, because
  /// a log owns a queue and the arbiter may not use Dispatch.
  public init(
    directory: String, options: ServingOptions, gracefulTimeout: Double, scoreboard: Scoreboard,
    counters: PoolCounters, health: HealthCounters,
    accessLog: @escaping @Sendable () throws -> AccessLog?,
    adminToken: String?
  ) {
    self.directory = directory
    self.options = options
    self.gracefulTimeout = gracefulTimeout
    self.scoreboard = scoreboard
    self.counters = counters
    self.health = health
    makeAccessLog = accessLog
    self.adminToken = adminToken
  }

  /// Reads and packs the model.
  /// - Throws: `ModelError` or `TokenizationError`.
  public func load() throws {
    let model = try TextModel.load(directory: directory)
    self.model = model
    let hasClasses = model.task == .classification || model.task == .multiLabelClassification
    reference = hasClasses ? loadReference(labels: model.labels) : nil
  }

  /// The profile beside the model. Without a good one the model is served all the same, and one line says why drift is
  /// not watched.
  private func loadReference(labels: [String]) -> ReferenceProfile? {
    let log = Logger(label: "martlet.health")
    do throws(HealthError) {
      let path = "\(directory)/\(ReferenceProfile.fileName)"
      let profile = try ReferenceProfile.load(path: path)
      if !profile.modelChecksum.isEmpty {
        try profile.check(weights: "\(directory)/model.safetensors", path: path)
      }
      guard profile.labels == labels else {
        throw .malformed(path: path, what: "its labels are not the model's")
      }
      return profile
    } catch {
      log.warning("drift is not watched: \(error.localizedDescription)")
      return nil
    }
  }

  /// One worker: serves until it is told to stop.
  public func runWorker(_ context: ChildContext) -> Int32 {
    guard let model, let slot = context.slot else { return 70 }
    var hooks = ServingHooks()
    hooks.recorder = HealthRecorder(
      counters: counters.recorder(slot), health: health.recorder(slot: slot.index))
    hooks.feedback = health.recorder(slot: slot.index).feedback(requestID:labelIndex:)
    hooks.heartbeat = { seconds in
      slot.beat()
      let now = martlet_monotonic_nanoseconds()
      slot.busySince = seconds > 0 ? now - min(now, UInt64(seconds * 1e9)) : 0
    }
    hooks.connectionCount = { slot.connections = UInt64($0) }
    hooks.defersAccept = {
      let own = slot.connections
      return context.scoreboard.slots.contains { $0.state == .ready && $0.connections < own }
    }
    hooks.isReady = { slot.state == .ready && !context.scoreboard.isCrashLooping }
    let server: PredictionServer
    let accessLog: AccessLog?
    do {
      accessLog = try makeAccessLog()
      server = try PredictionServer(
        listeners: context.listeners, predictor: model, options: options, hooks: hooks,
        accessLog: accessLog)
    } catch {
      return 71
    }
    server.start()
    slot.beat()
    slot.state = .ready
    return live(context, accessLog) { done in
      slot.state = .draining
      server.drain(deadline: self.gracefulTimeout, completion: done)
    }
  }

  /// The companion: serves the admin pages.
  public func runCompanion(_ context: ChildContext) -> Int32 {
    let monitor = HealthMonitor(
      counters: health, labels: model?.labels ?? [], reference: reference,
      log: Logger(label: "martlet.health"))
    let page = MetricsPage(
      scoreboard: scoreboard, counters: counters, labels: model?.labels ?? [],
      health: monitor)
    let timer = DispatchSource.makeTimerSource(
      queue: DispatchQueue(label: "martlet.health"))
    timer.schedule(deadline: .now() + 2, repeating: 2)
    // The handler keeps its own source: released, a source falls silent.
    timer.setEventHandler { withExtendedLifetime(timer) { monitor.observe() } }
    timer.resume()
    let server: AdminServer
    do {
      server = try AdminServer(
        listeners: context.listeners, token: adminToken,
        pages: [
          "/metrics": { _ in
            var response = Response.text(.ok, page.text)
            response.contentType = "text/plain; version=0.0.4; charset=utf-8"
            return response
          },
          "/monitor": { _ in Response.json(.ok, page.monitor.serializedBytes(pretty: true)) },
        ])
    } catch {
      return 71
    }
    server.start()
    return live(context, nil) { done in server.drain(deadline: 1, completion: done) }
  }

  /// Waits on the main thread for what the arbiter's signals ask.
  ///
  /// Not `dispatchMain`: that lets go of the signal mask, and SIGTERM would then kill the process
  /// in the middle of its answers.
  private func live(
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
        case .reopenLogs: accessLog?.reopen()
        case .drain where !isDraining:
          isDraining = true
          drain { martlet_exit_now(0) }
        case .drain: break
        }
      }
    }
    return 0
  }
}
