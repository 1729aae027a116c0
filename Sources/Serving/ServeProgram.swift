import CSystem
import Foundation
import HTTP
import Health
import JSON
import Logging
import Prefork
import Transformer

/// What `martlet serve` runs in the pool: models loaded once before the forks, a
/// `PredictionServer` in each worker, the admin pages in the companion.
public final class ServeProgram: PoolProgram {
  /// The pool's shared memory, as far as serving writes there.
  public struct Counters: Sendable {
    let pool: PoolCounters
    let versions: VersionCounters
    let health: HealthCounters
    let rateLimiter: RateLimiter

    /// Carves the counters of `slots` workers.
    /// - Throws: `PreforkError`.
    public init(in memory: SharedMemory, slots: Int) throws(PreforkError) {
      pool = try PoolCounters(in: memory, slots: slots)
      versions = try VersionCounters(in: memory, slots: slots)
      health = try HealthCounters(in: memory, slots: slots)
      rateLimiter = try RateLimiter(in: memory)
    }

    /// The bytes taken for `slots` workers.
    public static func byteCount(slots: Int) -> Int {
      PoolCounters.byteCount(slots: slots) + VersionCounters.byteCount(slots: slots)
        + HealthCounters.byteCount(slots: slots) + RateLimiter.byteCount
    }
  }

  private let specifications: [ModelSpecification]
  private let defaultModel: String?
  private let access: AccessSettings
  private var options: ServingOptions
  private let gracefulTimeout: Double
  private let counters: Counters
  private var reference: ReferenceProfile?
  private let scoreboard: Scoreboard
  private let makeAccessLog: @Sendable () throws -> AccessLog?
  private let adminToken: String?
  /// What new workers will serve.
  private var loaded: [LoadedModel] = []
  private var registry = VersionRegistry()
  private var tokenCounters: [String: Int] = [:]

  /// A program that serves `models`. `accessLog` is called in each worker, because
  /// a log owns a queue and the arbiter may not use Dispatch.
  public init(
    models: [ModelSpecification], defaultModel: String? = nil, access: AccessSettings,
    options: ServingOptions, gracefulTimeout: Double, scoreboard: Scoreboard, counters: Counters,
    accessLog: @escaping @Sendable () throws -> AccessLog?,
    adminToken: String?
  ) {
    specifications = models
    self.defaultModel = defaultModel
    self.access = access
    self.options = options
    self.gracefulTimeout = gracefulTimeout
    self.scoreboard = scoreboard
    self.counters = counters
    makeAccessLog = accessLog
    self.adminToken = adminToken
  }

  /// The model that answers where none is named.
  public var model: TextModel? { defaultLoaded?.model }

  /// Names and versions of all that is served, as `NAME/VERSION`.
  public var versionNames: [String] {
    loaded.map { "\($0.specification.name)/\($0.directory.version)" }
  }

  /// Names of the models, the first version of each.
  public var modelNames: [String] {
    loaded.filter { $0.specification.role == .primary }.map(\.specification.name)
  }

  private var defaultLoaded: LoadedModel? {
    loaded.first { $0.isDefault && $0.specification.role == .primary }
  }

  /// Reads and packs the models, and reads the tokens. All of it, or nothing: what is bad leaves what was there in use.
  /// - Throws: `ServingError`, `ModelError` or `TokenizationError`.
  public func load() throws {
    var (registry, tokenCounters) = (registry, tokenCounters)
    let tokens = try access.tokenFile.map {
      try AccessTokens(path: $0, limit: access.rateLimit, counters: &tokenCounters)
    }
    let loaded = try LoadedModel.load(
      specifications, defaultName: defaultModel, registry: &registry)
    (self.registry, self.tokenCounters, self.loaded) = (registry, tokenCounters, loaded)
    options.access.tokens = tokens
    options.access.rateLimiter = counters.rateLimiter
    options.access.corsOrigins = access.corsOrigins
    let log = Logger(label: "martlet.serving")
    for warning in tokens?.warnings ?? [] { log.warning("\(warning)") }
    log.info("loaded", metadata: ["models": "\(versionNames.joined(separator: " "))"])
    guard let model = defaultLoaded else { return }
    let task = model.model.task
    let hasClasses = task == .classification || task == .multiLabelClassification
    reference =
      hasClasses
      ? loadReference(directory: model.directory.path, labels: model.model.labels) : nil
  }

  /// The profile beside the model. Without a good one the model is served all the same, and one line says why drift is
  /// not watched.
  private func loadReference(directory: String, labels: [String]) -> ReferenceProfile? {
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
    guard !loaded.isEmpty, let slot = context.slot else { return 70 }
    var hooks = ServingHooks()
    let health = counters.health.recorder(slot: slot.index)
    hooks.recorder = HealthRecorder(
      counters: counters.pool.recorder(slot), health: health,
      versions: counters.versions.recorder(slot: slot.index))
    hooks.feedback = health.feedback(requestID:labelIndex:)
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
        listeners: context.listeners, catalog: ModelCatalog(loaded.map(\.served)),
        options: options, hooks: hooks, accessLog: accessLog)
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
      counters: counters.health, labels: model?.labels ?? [], reference: reference,
      log: Logger(label: "martlet.health"))
    let page = MetricsPage(
      scoreboard: scoreboard, counters: counters.pool, labels: model?.labels ?? [],
      health: monitor,
      versions: VersionMetrics(counters: counters.versions, registry: registry))
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
