import Dispatch
import Foundation
import Health
import JSON
import Logging
import Synchronization

/// Writes history to a database from a queue of its own, once a second and in one transaction, and reads it back.
///
/// Nobody who calls `append` waits. What cannot be written waits in a bounded buffer; past it, rows are dropped and counted.
/// A store that fails is tried again after 1, 2, 4 … 60 seconds; the log has one line when it fails and one when it works
/// again. Where a file is damaged it is set aside and a new one begun.
public final class HistoryStore: HistoryWriter, @unchecked Sendable {
  // `database`, `isOpen`, `retryAt`, `delay` and `prunedAt` are touched on `queue` alone.
  /// Bounds of a store.
  public struct Options: Sendable {
    /// Days that rows are kept.
    public var days = 30.0
    /// Bytes that the store may take.
    public var bytes = 1 << 30
    /// Predictions a second that are kept; of more, the first of each second.
    public var predictionsPerSecond = 2000
    /// Whether texts are kept, where events have them.
    public var keepsText = false
    /// The name that rows of this host carry.
    public var host = Self.ownHost

    /// The defaults.
    public init() {}

    /// The kernel's name of this machine; not Foundation's, which asks the name servers.
    private static var ownHost: String {
      var name = [CChar](repeating: 0, count: 256)
      guard gethostname(&name, name.count - 1) == 0 else { return "localhost" }
      return String(
        decoding: name.prefix { $0 != 0 }.map { UInt8(truncatingIfNeeded: $0) }, as: UTF8.self)
    }
  }

  private struct Pending {
    var batch = HistoryBatch()
    var isScheduled = false
    var isClosed = false
    var dropped = 0
    var second: Int64 = 0
    var inSecond = 0
    var trouble: String?
  }

  /// Rows that wait at most.
  package static let bufferLimit = 50_000
  private let database: any HistoryDatabase
  private let options: Options
  private let log: Logger
  private let queue = DispatchQueue(label: "martlet.history", qos: .background)
  private let pending = Mutex(Pending())
  private let interval: Double
  private var isOpen = false
  private var retryAt = 0.0
  private var delay = 1.0
  private var prunedAt = -Double.infinity
  private var isGivenUp = false

  package init(
    _ database: any HistoryDatabase, options: Options = Options(), interval: Double = 1,
    log: Logger = Logger(label: "martlet.history")
  ) {
    (self.database, self.options, self.log, self.interval) = (database, options, log, interval)
  }

  /// The store that a setting names: a path, `postgres://…`; nil for `none`.
  /// - Throws: `HistoryError.badSetting`.
  public static func named(
    _ setting: String, options: Options = Options()
  ) throws(HistoryError) -> HistoryStore? {
    if setting == "none" { return nil }
    return HistoryStore(try database(named: setting), options: options)
  }

  package static func database(
    named setting: String
  ) throws(HistoryError) -> any HistoryDatabase {
    guard !setting.isEmpty, !setting.contains("\0") else { throw .badSetting(setting) }
    guard let end = setting.range(of: "://") else { return SQLiteDatabase(path: setting) }
    guard ["postgres", "postgresql"].contains(setting[..<end.lowerBound]) else {
      throw .badSetting(String(setting[..<end.upperBound]) + "…")
    }
    return PostgresDatabase(url: setting)
  }

  /// As `database(named:)`, for reading: a file must be there.
  static func existingDatabase(named setting: String) throws(HistoryError) -> any HistoryDatabase {
    if !setting.contains("://"), !FileManager.default.fileExists(atPath: setting) {
      throw .unreachable(setting, reason: "there is no such file")
    }
    return try database(named: setting)
  }

  /// What it does now, in a few words.
  public var state: String {
    pending.withLock { pending in
      let lost = pending.dropped > 0 ? ", \(pending.dropped) rows dropped" : ""
      if let trouble = pending.trouble {
        return "\(trouble) (\(pending.batch.count) rows wait\(lost))"
      }
      return "\(database.name)\(lost)"
    }
  }

  /// Predictions of one second that it keeps; of more, the first.
  public var predictionsPerSecond: Int { options.predictionsPerSecond }

  // MARK: - Reading

  /// What was kept before this process; nil where it cannot be read now. May take seconds.
  public func earlier(since start: Int64, classCount: Int, generation: UInt64) -> EarlierHistory? {
    queue.sync {
      attempt { () throws(HistoryError) -> EarlierHistory in
        var earlier = EarlierHistory()
        let host = options.host
        earlier.minutes = try database.minutes(host: host, since: start).compactMap { row in
          guard let json = try? JSONValue(parsing: row.counts) else { return nil }
          return Minute(start: row.start, classCount: classCount, json: json)
        }
        earlier.alerts = try database.alerts(host: host, limit: AlertBoard.historyLimit)
        earlier.snapshot = try database.snapshot(host: host).flatMap {
          $0.generation == generation ? $0 : nil
        }
        // A label may have been told a moment before the snapshot and taken in behind it.
        earlier.labelled = try database.labelled(
          host: host, after: (earlier.snapshot?.time ?? 0) - 2_000_000, limit: 5000)
        return earlier
      }
    }
  }

  /// Predictions that are no longer in memory; nil where they cannot be read now. May take seconds.
  public func predictions(_ keys: [UInt64]) -> [UInt64: StoredPrediction]? {
    guard !keys.isEmpty else { return [:] }
    return queue.sync {
      flush()
      return attempt { () throws(HistoryError) -> [UInt64: StoredPrediction] in
        var found: [UInt64: StoredPrediction] = [:]
        for prediction in try database.predictions(keys) { found[prediction.key] = prediction }
        return found
      }
    }
  }

  // MARK: - Taking in

  /// Takes in predictions, and the generation of each model by its tag.
  public func append(_ records: [PredictionRecord], generations: [UInt32: UInt64]) {
    add { pending in
      for record in records {
        let second = record.time / 1_000_000
        if second != pending.second { (pending.second, pending.inSecond) = (second, 0) }
        pending.inSecond += 1
        guard pending.inSecond <= options.predictionsPerSecond else { continue }
        guard pending.batch.count < Self.bufferLimit else {
          pending.dropped += 1
          continue
        }
        var stored = StoredPrediction(
          record,
          generation: record.generation == 0
            ? generations[record.model] ?? 0 : record.generation)
        stored.host = options.host
        if !options.keepsText { stored.text = "" }
        pending.batch.predictions.append(stored)
      }
    }
  }

  /// Takes in labels that were counted, or that replaced another.
  public func append(labels: [StoredLabel]) {
    add { pending in
      let room = max(0, Self.bufferLimit - pending.batch.count)
      pending.batch.labels += labels.prefix(room)
      pending.dropped += max(0, labels.count - room)
    }
  }

  /// Takes in minutes that are over, alerts that began or ended, and a snapshot.
  public func append(minutes: [Minute], alerts: [Alert], snapshot: StateSnapshot?) {
    guard !minutes.isEmpty || !alerts.isEmpty || snapshot != nil else { return }
    let host = options.host
    add { pending in
      // Few and small, so that they have room where events have none; the oldest go where the store is away for days.
      let old = pending.batch.minutes.count + minutes.count - HealthState.memoryMinutes
      if old > 0 { pending.batch.minutes.removeFirst(min(old, pending.batch.minutes.count)) }
      pending.batch.minutes += minutes.map {
        HistoryBatch.MinuteRow(
          host: host, start: $0.start,
          counts: String(decoding: $0.json.serializedBytes(), as: UTF8.self))
      }
      pending.batch.alerts += alerts.map { HistoryBatch.AlertRow(host: host, alert: $0) }
      if pending.batch.alerts.count > 1000 {
        pending.batch.alerts.removeFirst(pending.batch.alerts.count - 1000)
      }
      if let snapshot {
        pending.batch.snapshots = [HistoryBatch.SnapshotRow(host: host, snapshot: snapshot)]
      }
    }
  }

  private func add(_ body: (inout Pending) -> Void) {
    let isFirst = pending.withLock { pending -> Bool in
      guard !pending.isClosed else { return false }
      body(&pending)
      guard !pending.isScheduled, !pending.batch.isEmpty else { return false }
      pending.isScheduled = true
      return true
    }
    if isFirst { schedule() }
  }

  private func schedule() {
    queue.asyncAfter(deadline: .now() + interval) { [weak self] in
      guard let self else { return }
      flush()
      let isDue = pending.withLock { pending in
        pending.isScheduled = !pending.batch.isEmpty && !pending.isClosed
        return pending.isScheduled
      }
      if isDue { schedule() }
    }
  }

  /// Writes what waits, and ends.
  public func close() {
    queue.sync {
      flush()
      pending.withLock { $0.isClosed = true }
      database.close()
      isOpen = false
    }
  }

  /// Waits until all that was taken in is written, or cannot be.
  package func wait() { queue.sync { flush() } }

  // MARK: - On the queue

  private func flush() {
    let batch = pending.withLock { pending -> HistoryBatch in
      defer { pending.batch = HistoryBatch() }
      return pending.batch
    }
    guard !batch.isEmpty else { return }
    let written: Void? = attempt { () throws(HistoryError) in
      try database.write(batch)
      try pruneIfDue(batch)
    }
    if written == nil { putBack(batch) }
  }

  private func putBack(_ batch: HistoryBatch) {
    pending.withLock { pending in
      let newer = pending.batch
      pending.batch = batch
      pending.batch.predictions += newer.predictions
      pending.batch.labels += newer.labels
      pending.batch.minutes += newer.minutes
      pending.batch.alerts += newer.alerts
      if !newer.snapshots.isEmpty { pending.batch.snapshots = newer.snapshots }
      let excess = pending.batch.count - Self.bufferLimit
      guard excess > 0 else { return }
      let cut = min(excess, pending.batch.predictions.count)
      pending.batch.predictions.removeFirst(cut)
      pending.dropped += cut
    }
  }

  /// Seconds by a clock that nobody sets.
  private static var uptime: Double { Double(DispatchTime.now().uptimeNanoseconds) / 1e9 }

  private func pruneIfDue(_ batch: HistoryBatch) throws(HistoryError) {
    let now = Self.uptime
    guard now - prunedAt >= 60, batch.newest > 0 else { return }
    prunedAt = now
    // Neither a wall clock that was set ahead nor rows that were dated so may make the others old.
    let newest = min(Date().timeIntervalSince1970, batch.newest)
    try database.prune(before: newest - options.days * 86_400, bytes: options.bytes)
  }

  /// Does something with the open database; nil where that fails or it is too early to try again.
  private func attempt<Result>(_ body: () throws(HistoryError) -> Result) -> Result? {
    let now = Self.uptime
    guard !isGivenUp, now >= retryAt else { return nil }
    for _ in 0..<2 {
      do throws(HistoryError) {
        if !isOpen {
          try database.open()
          isOpen = true
        }
        let result = try body()
        recover()
        return result
      } catch {
        if case .corrupt = error, let path = database.setAside() {
          isOpen = false
          log.error(
            "\(database.name): not a database, or damaged; it was set aside as \(path) and a new one is begun"
          )
          continue
        }
        fail(error, at: now)
        return nil
      }
    }
    fail(.corrupt(database.name), at: now)
    return nil
  }

  private func recover() {
    let (wasAway, dropped) = pending.withLock { pending in
      defer { pending.trouble = nil }
      return (pending.trouble != nil, pending.dropped)
    }
    (delay, retryAt) = (1, 0)
    if wasAway {
      log.notice("\(database.name): history is kept again; \(dropped) rows were dropped")
    }
  }

  private func fail(_ error: HistoryError, at now: Double) {
    database.close()
    isOpen = false
    retryAt = now + delay * interval
    delay = min(60, delay * 2)
    let text = error.localizedDescription
    let isNew = pending.withLock { pending in
      defer { pending.trouble = text }
      return pending.trouble == nil
    }
    if case .newerVersion = error {
      isGivenUp = true
      pending.withLock { ($0.batch, $0.isClosed) = (HistoryBatch(), true) }
    }
    if isNew { log.warning("history is not kept: \(text). Serving goes on.") }
  }
}
