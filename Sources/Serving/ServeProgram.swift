import Foundation
import Health
import Logging
import Prefork
import Transformer

/// What `martlet serve` runs in the pool: settings and models, taken into use before the forks.
///
/// What a worker and the health process then do stands in `ServeProgram+Worker` and `ServeProgram+Companion`.
public final class ServeProgram: PoolProgram {
  /// The pool's shared memory, as far as serving writes there.
  public struct Counters: Sendable {
    let pool: PoolCounters
    let versions: VersionCounters
    let health: HealthCounters
    let latencies: LatencyCounters
    let rateLimiter: RateLimiter
    let exchange: SliceExchange

    /// Carves the counters of `slots` workers.
    /// - Throws: `PreforkError`.
    public init(in memory: SharedMemory, slots: Int) throws(PreforkError) {
      pool = try PoolCounters(in: memory, slots: slots)
      versions = try VersionCounters(in: memory, slots: slots)
      health = try HealthCounters(in: memory, slots: slots)
      latencies = try LatencyCounters(in: memory, slots: slots)
      rateLimiter = try RateLimiter(in: memory)
      exchange = try SliceExchange(in: memory, workers: slots)
    }

    /// The bytes taken for `slots` workers.
    public static func byteCount(slots: Int) -> Int {
      PoolCounters.byteCount(slots: slots) + VersionCounters.byteCount(slots: slots)
        + HealthCounters.byteCount(slots: slots) + LatencyCounters.byteCount(slots: slots)
        + RateLimiter.byteCount + SliceExchange.byteCount(workers: slots)
    }
  }

  let counters: Counters
  let scoreboard: Scoreboard
  /// The pool's, so that one health process goes on where the one before it ended.
  let clock = HealthClock()
  /// Between workers and health process; made once, so that events outlive the death of either side. Nil where the kernel
  /// has no sockets left: serving goes on without.
  let channel: EventChannel?
  /// Workers ask the health process for old predictions through it. Nil as `channel`.
  let labelChannel: LabelChannel?
  private let readSettings: () throws -> ServeSettings
  private var prepared: Service?
  private(set) var adopted: Service?
  /// What to go back to while a reload is under way; nil once it has gone through.
  private var settled: Service?

  /// A program that loads nothing until `prepare`.
  /// - Parameter settings: reads the settings; called at the start and at each reload.
  public init(
    settings: @escaping () throws -> ServeSettings, scoreboard: Scoreboard, counters: Counters
  ) {
    readSettings = settings
    self.scoreboard = scoreboard
    self.counters = counters
    var (channel, labelChannel): (EventChannel?, LabelChannel?)
    do throws(HealthError) {
      channel = try EventChannel()
      labelChannel = try LabelChannel(slots: scoreboard.slotCount)
    } catch {
      Logger(label: "martlet.health").error("\(error.localizedDescription)")
    }
    (self.channel, self.labelChannel) = (channel, labelChannel)
  }

  /// Where workers pass slices to one another.
  package var exchange: SliceExchange { counters.exchange }

  /// Names of the models, the first version of each, once they have been adopted.
  public var modelNames: [String] {
    (adopted?.settings.models ?? []).filter { $0.role == .primary }.map(\.name)
  }

  /// Reads the settings and the tokens and, unless each worker loads its own, reads and packs the models. All of it, or
  /// nothing: what is bad leaves what was there in use.
  /// - Throws: what reading the settings throws, `ServingError`, `ModelError` or `TokenizationError`.
  public func prepare() throws -> ArbiterConfiguration {
    let settings = try readSettings()
    var service = try Service(settings, after: adopted, rateLimiter: counters.rateLimiter)
    if settings.pool.preload { try service.load() }
    prepared = service
    return settings.pool
  }

  /// Opens the logs, makes the routes, and predicts once with each model that was prepared.
  /// - Throws: as `prepare`, `ServingError.cannotOpenLog`, or what a model throws.
  public func rehearse(_ become: () throws -> Void) throws {
    guard let service = prepared else { return }
    try giveLogsToWorkers(of: service.settings)
    try become()
    for path in service.settings.logPaths { _ = try LogFile(path: path) }
    try tryOut(service)
  }

  /// What a rehearsal tries, but without making a file: who checks may be another user than who serves.
  /// - Throws: as `rehearse`, or `PreforkError`.
  public func check() throws {
    guard let service = prepared else { return }
    for warning in service.warnings { Logger(label: "martlet.serving").warning("\(warning)") }
    try service.settings.pool.check()
    for path in service.settings.logPaths { try LogFile.check(path: path) }
    try tryOut(service)
  }

  private func tryOut(_ prepared: Service) throws {
    var service = prepared
    if service.loaded.isEmpty { try service.load() }
    for loaded in service.loaded { _ = try loaded.model.predict([TextInput("rehearsal")]) }
    try PredictionServer.check(
      ModelCatalog(service.loaded.map(\.served)), options: service.options)
  }

  /// New workers serve what was prepared.
  public func adopt() {
    guard let prepared else { return }
    let log = Logger(label: "martlet.serving")
    do {
      try ErrorLog.set(prepared.settings.errorLog)
    } catch {
      log.error("\(error.localizedDescription)")
    }
    for warning in prepared.warnings { log.warning("\(warning)") }
    let names = prepared.versionNames.joined(separator: " ")
    var metadata: Logger.Metadata = ["models": "\(names)"]
    if let count = prepared.encoderCount { metadata["encoders"] = "\(count)" }
    log.info("loaded", metadata: metadata)
    settled = settled ?? adopted
    adopted = prepared
    self.prepared = nil
    try? giveLogsToWorkers(of: prepared.settings)
  }

  /// What was adopted serves.
  public func settle() { settled = nil }

  /// New workers serve again what was settled.
  public func revert() {
    guard let settled else { return }
    adopted = settled
    self.settled = nil
    try? ErrorLog.set(settled.settings.errorLog)
  }

  /// Opens the error log anew, and makes the access log's file if it is not there.
  public func reopenLogs() {
    do {
      try ErrorLog.file.reopen()
    } catch {
      Logger(label: "martlet").error("\(error.localizedDescription)")
    }
    if let adopted { try? giveLogsToWorkers(of: adopted.settings) }
  }

  /// A worker that runs as another user could not make these files in a folder of root's.
  private func giveLogsToWorkers(of settings: ServeSettings) throws(ServingError) {
    guard let owner = settings.pool.workerAccount else { return }
    for path in settings.logPaths {
      try LogFile(path: path).give(to: owner.user, owner.group)
    }
  }

  /// What was adopted, with its models; loads them where the arbiter has not.
  func service() throws -> Service? {
    guard var service = adopted else { return nil }
    if service.loaded.isEmpty { try service.load() }
    return service
  }
}
