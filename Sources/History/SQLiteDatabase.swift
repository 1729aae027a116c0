import Files
import Foundation
import GRDB
import Health

/// History in an SQLite file: write-ahead log, one transaction a batch, so that `kill -9` costs the last second at most.
package final class SQLiteDatabase: HistoryDatabase {
  /// What `PRAGMA application_id` says of our files ("MRLT").
  private static let applicationID = 0x4D52_4C54
  private let path: String
  /// Seconds that a lock of another process is waited for.
  private let patience: Double
  private var queue: DatabaseQueue?

  package init(path: String, patience: Double = 2) {
    (self.path, self.patience) = (path, patience)
  }

  package var name: String { path }

  // MARK: - Opening

  package func open() throws(HistoryError) {
    var configuration = Configuration()
    configuration.busyMode = .timeout(patience)
    configuration.label = "martlet.history"
    // Its default is above the threads that call it, which only root may be.
    configuration.qos = .background
    configuration.prepareDatabase { db in
      try Self.checkOwner(db)
      // Before the first table is made, so that pruned pages can be given back.
      try db.execute(sql: "PRAGMA auto_vacuum = INCREMENTAL")
      try db.execute(sql: "PRAGMA journal_mode = WAL")
      try db.execute(sql: "PRAGMA synchronous = NORMAL")
      try db.execute(sql: "PRAGMA journal_size_limit = 16777216")
    }
    do {
      let folder = (path as NSString).deletingLastPathComponent
      if !folder.isEmpty {
        try FileManager.default.createDirectory(
          atPath: folder, withIntermediateDirectories: true,
          attributes: [.posixPermissions: 0o750])
      }
      makePrivate()
      let queue = try DatabaseQueue(path: path, configuration: configuration)
      if try queue.read(Self.migrator.hasBeenSuperseded) { throw HistoryError.newerVersion(path) }
      try Self.migrator.migrate(queue)
      try queue.write(Self.addColumns)
      self.queue = queue
    } catch {
      throw translated(error)
    }
  }

  /// Makes the file if it is not there, for its owner alone: it may hold texts, and SQLite's files beside it take its mode. A
  /// file that is there loses what others may do; what its group may is the administrator's to say.
  private func makePrivate() {
    let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    if descriptor >= 0 {
      _ = Glibc.close(descriptor)
      return
    }
    var status = stat()
    guard errno == EEXIST, stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
      status.st_mode & 0o007 != 0
    else { return }
    for suffix in ["", "-wal", "-shm"] { chmod(path + suffix, status.st_mode & 0o770) }
  }

  package func close() {
    try? queue?.close()
    queue = nil
  }

  /// Another program's database is not to be written into.
  private static func checkOwner(_ db: Database) throws {
    let id = try Int.fetchOne(db, sql: "PRAGMA application_id") ?? 0
    let tables = try Int.fetchOne(db, sql: "SELECT count(*) FROM sqlite_master") ?? 0
    if id == applicationID { return }
    guard id == 0, tables == 0 else { throw ForeignDatabase() }
    try db.execute(sql: "PRAGMA application_id = \(applicationID)")
  }

  private struct ForeignDatabase: Error {}

  private static let migrator: DatabaseMigrator = {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("1") { db in
      try db.execute(
        sql: """
          CREATE TABLE prediction (
            key INTEGER PRIMARY KEY, host TEXT NOT NULL, time INTEGER NOT NULL, model INTEGER NOT NULL,
            generation INTEGER NOT NULL, request_id TEXT NOT NULL, predicted INTEGER NOT NULL,
            probabilities BLOB NOT NULL, latency INTEGER NOT NULL, text TEXT NOT NULL,
            label INTEGER, labelled_at INTEGER);
          CREATE INDEX prediction_time ON prediction(time);
          CREATE INDEX prediction_labelled_at ON prediction(labelled_at) WHERE labelled_at IS NOT NULL;
          CREATE TABLE minute (
            host TEXT NOT NULL, start INTEGER NOT NULL, counts TEXT NOT NULL,
            PRIMARY KEY (host, start)) WITHOUT ROWID;
          CREATE TABLE alert (
            host TEXT NOT NULL, name TEXT NOT NULL, subject TEXT NOT NULL, started_at REAL NOT NULL,
            ended_at REAL, severity TEXT NOT NULL, reason TEXT NOT NULL, silenced INTEGER NOT NULL,
            PRIMARY KEY (host, name, subject, started_at)) WITHOUT ROWID;
          CREATE TABLE snapshot (
            host TEXT PRIMARY KEY NOT NULL, generation INTEGER NOT NULL, time INTEGER NOT NULL,
            state BLOB NOT NULL) WITHOUT ROWID;
          """)
    }
    return migrator
  }()

  /// What came later and may be empty, so that an older program can still use the file.
  private static func addColumns(_ db: Database) throws {
    if try !db.columns(in: "alert").contains(where: { $0.name == "ending" }) {
      try db.execute(sql: "ALTER TABLE alert ADD COLUMN ending TEXT")
    }
  }

  // MARK: - Errors

  private func run<Result>(
    _ body: (DatabaseQueue) throws -> Result
  ) throws(HistoryError) -> Result {
    guard let queue else { throw .unreachable(path, reason: "it is closed") }
    do {
      return try body(queue)
    } catch {
      throw translated(error)
    }
  }

  private func translated(_ error: any Error) -> HistoryError {
    if let error = error as? HistoryError { return error }
    if error is ForeignDatabase {
      return .unreachable(path, reason: "it is another program's database")
    }
    guard let error = error as? DatabaseError else {
      return .unreachable(path, reason: FileError.words(of: error))
    }
    switch error.resultCode {
    case .SQLITE_BUSY, .SQLITE_LOCKED: return .locked(path)
    case .SQLITE_FULL: return .full(path)
    case .SQLITE_CORRUPT, .SQLITE_NOTADB: return .corrupt(path)
    case .SQLITE_CANTOPEN, .SQLITE_READONLY, .SQLITE_PERM:
      return .unreachable(path, reason: error.message ?? "it cannot be opened")
    default:
      return .failed(path, reason: error.message ?? "SQLite's error \(error.resultCode.rawValue)")
    }
  }

  package func setAside() -> String? {
    close()
    let stamp = Date().formatted(
      .iso8601.year().month().day().dateSeparator(.omitted).time(includingFractionalSeconds: false)
        .timeSeparator(.omitted))
    var target = "\(path).damaged-\(stamp)"
    var count = 1
    while FileManager.default.fileExists(atPath: target) {
      count += 1
      target = "\(path).damaged-\(stamp)-\(count)"
    }
    for suffix in ["", "-wal", "-shm"]
    where FileManager.default.fileExists(atPath: path + suffix) {
      guard rename(path + suffix, target + suffix) == 0 else { return nil }
    }
    return target
  }

  // MARK: - Writing

  package func write(_ batch: HistoryBatch) throws(HistoryError) {
    try run { queue in
      try queue.write { db in
        try write(batch.predictions, db)
        let label = try db.cachedStatement(
          sql: "UPDATE prediction SET label = ?, labelled_at = ? WHERE key = ?")
        for row in batch.labels {
          try label.execute(arguments: [row.label, row.time, Int64(bitPattern: row.key)])
        }
        let minute = try db.cachedStatement(
          sql: "INSERT OR REPLACE INTO minute (host, start, counts) VALUES (?, ?, ?)")
        for row in batch.minutes {
          try minute.execute(arguments: [row.host.storable, row.start, row.counts.storable])
        }
        let alert = try db.cachedStatement(
          sql: """
            INSERT OR REPLACE INTO alert
            (host, name, subject, started_at, ended_at, severity, reason, silenced, ending)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
            """)
        for row in batch.alerts {
          try alert.execute(arguments: [
            row.host.storable, row.alert.name.storable, row.alert.subject.storable,
            row.alert.startedAt, row.alert.endedAt, row.alert.severity.rawValue,
            row.alert.reason.storable, row.alert.isSilenced, row.alert.ending?.storable,
          ])
        }
        let snapshot = try db.cachedStatement(
          sql:
            "INSERT OR REPLACE INTO snapshot (host, generation, time, state) VALUES (?, ?, ?, ?)")
        for row in batch.snapshots {
          try snapshot.execute(arguments: [
            row.host.storable, Int64(bitPattern: row.snapshot.generation), row.snapshot.time,
            Data(row.snapshot.bytes),
          ])
        }
      }
    }
  }

  /// The newer prediction of a key stays; of one and the same, the label that is known.
  private func write(_ predictions: [StoredPrediction], _ db: Database) throws {
    let statement = try db.cachedStatement(
      sql: """
        INSERT INTO prediction (key, host, time, model, generation, request_id, predicted,
        probabilities, latency, text, label, labelled_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (key) DO UPDATE SET host = excluded.host, model = excluded.model,
        generation = excluded.generation, request_id = excluded.request_id,
        predicted = excluded.predicted, probabilities = excluded.probabilities,
        latency = excluded.latency, text = excluded.text,
        label = CASE WHEN excluded.time > time THEN excluded.label
        ELSE coalesce(excluded.label, label) END,
        labelled_at = CASE WHEN excluded.time > time THEN excluded.labelled_at
        ELSE coalesce(excluded.labelled_at, labelled_at) END,
        time = excluded.time WHERE excluded.time >= time
        """)
    for row in predictions {
      try statement.execute(arguments: [
        Int64(bitPattern: row.key), row.host.storable, row.time, Int64(row.model),
        Int64(bitPattern: row.generation), row.requestID.storable, row.predicted,
        Data(FloatBytes.bytes(row.probabilities)), Int64(row.latency), row.text.storable, row.label,
        row.labelledAt,
      ])
    }
  }

  package func prune(before time: Double, bytes: Int) throws(HistoryError) {
    try run { queue in
      try queue.write { db in
        try db.execute(
          sql: "DELETE FROM prediction WHERE time < ?", arguments: [Int64(time * 1e6)])
        try db.execute(sql: "DELETE FROM minute WHERE start < ?", arguments: [Int64(time)])
        try db.execute(sql: "DELETE FROM alert WHERE started_at < ?", arguments: [time])
      }
      // The oldest tenth at a time, so that the file is not at its bound with every batch.
      for _ in 0..<20 where try taken(queue) > bytes {
        let removed = try queue.write { db in
          try db.execute(
            sql: """
              DELETE FROM prediction WHERE key IN (SELECT key FROM prediction ORDER BY time
              LIMIT (SELECT count(*) / 10 + 1 FROM prediction))
              """)
          return db.changesCount
        }
        if removed == 0 {
          try queue.write { db in
            try db.execute(
              sql: """
                DELETE FROM minute WHERE start <= (SELECT start FROM minute ORDER BY start
                LIMIT 1 OFFSET (SELECT count(*) / 10 FROM minute))
                """)
          }
        }
      }
      try queue.writeWithoutTransaction { try $0.execute(sql: "PRAGMA incremental_vacuum") }
    }
  }

  private func taken(_ queue: DatabaseQueue) throws -> Int {
    try queue.read { db in
      func value(_ name: String) throws -> Int { try Int.fetchOne(db, sql: "PRAGMA \(name)") ?? 0 }
      return try (value("page_count") - value("freelist_count")) * value("page_size")
    }
  }

  // MARK: - Reading

  package func minutes(host: String, since start: Int64) throws(HistoryError) -> [HistoryBatch
    .MinuteRow]
  {
    try run { queue in
      try queue.read { db in
        try Row.fetchAll(
          db, sql: "SELECT * FROM minute WHERE host = ? AND start >= ? ORDER BY start",
          arguments: [host.storable, start]
        ).map(Self.minute)
      }
    }
  }

  package func alerts(host: String, limit: Int) throws(HistoryError) -> [Alert] {
    try run { queue in
      try queue.read { db in
        try Row.fetchAll(
          db, sql: "SELECT * FROM alert WHERE host = ? ORDER BY started_at DESC LIMIT ?",
          arguments: [host.storable, limit]
        ).map { Self.alert($0).alert }
      }
    }
  }

  package func snapshot(host: String) throws(HistoryError) -> StateSnapshot? {
    try run { queue in
      try queue.read { db in
        try Row.fetchOne(
          db, sql: "SELECT * FROM snapshot WHERE host = ?", arguments: [host.storable]
        )
        .map { Self.snapshot($0).snapshot }
      }
    }
  }

  package func labelled(
    host: String, after time: Int64, limit: Int
  ) throws(HistoryError) -> [StoredPrediction] {
    try run { queue in
      try queue.read { db in
        try Row.fetchAll(
          db,
          sql:
            "SELECT * FROM prediction WHERE host = ? AND labelled_at > ? ORDER BY labelled_at DESC LIMIT ?",
          arguments: [host.storable, time, limit]
        ).reversed().map(Self.prediction)
      }
    }
  }

  package func predictions(_ keys: [UInt64]) throws(HistoryError) -> [StoredPrediction] {
    try run { queue in
      try queue.read { db in
        let statement = try db.cachedStatement(sql: "SELECT * FROM prediction WHERE key = ?")
        return try keys.compactMap { key in
          try Row.fetchOne(statement, arguments: [Int64(bitPattern: key)]).map(Self.prediction)
        }
      }
    }
  }

  package func rows(
    _ cursor: HistoryCursor, limit: Int
  ) throws(HistoryError) -> (batch: HistoryBatch, next: HistoryCursor?) {
    try run { queue in
      try queue.read { db in
        var batch = HistoryBatch()
        switch cursor {
        case .predictions(let key):
          let rows = try Row.fetchAll(
            db, sql: "SELECT * FROM prediction WHERE key > ? OR ? ORDER BY key LIMIT ?",
            arguments: [key ?? .min, key == nil, limit])
          batch.predictions = rows.map(Self.prediction)
          return (batch, .following(batch.predictions, limit: limit))
        case .minutes(let last):
          let rows = try Row.fetchAll(
            db,
            sql: "SELECT * FROM minute WHERE (host, start) > (?, ?) ORDER BY host, start LIMIT ?",
            arguments: [last?.host ?? "", last?.start ?? .min, limit])
          batch.minutes = rows.map(Self.minute)
          return (batch, .following(batch.minutes, limit: limit))
        case .alerts:
          batch.alerts = try Row.fetchAll(db, sql: "SELECT * FROM alert").map(Self.alert)
          return (batch, .snapshots)
        case .snapshots:
          batch.snapshots = try Row.fetchAll(db, sql: "SELECT * FROM snapshot").map(Self.snapshot)
          return (batch, nil)
        }
      }
    }
  }

  private static func minute(_ row: Row) -> HistoryBatch.MinuteRow {
    HistoryBatch.MinuteRow(host: row["host"], start: row["start"], counts: row["counts"])
  }

  private static func alert(_ row: Row) -> HistoryBatch.AlertRow {
    let alert = Alert(
      name: row["name"], subject: row["subject"],
      severity: AlertSeverity(rawValue: row["severity"]) ?? .warning, startedAt: row["started_at"],
      endedAt: row["ended_at"], reason: row["reason"], ending: row["ending"])
    return HistoryBatch.AlertRow(host: row["host"], alert: alert.silenced(row["silenced"]))
  }

  private static func snapshot(_ row: Row) -> HistoryBatch.SnapshotRow {
    let state: Data = row["state"]
    return HistoryBatch.SnapshotRow(
      host: row["host"],
      snapshot: StateSnapshot(
        generation: UInt64(bitPattern: row["generation"]), time: row["time"], bytes: Array(state)))
  }

  private static func prediction(_ row: Row) -> StoredPrediction {
    var record = PredictionRecord()
    record.requestHash = UInt64(bitPattern: row["key"])
    record.time = row["time"]
    record.model = UInt32(truncatingIfNeeded: row["model"] as Int64)
    record.requestID = row["request_id"]
    record.predicted = row["predicted"]
    let probabilities: Data = row["probabilities"]
    record.probabilities = FloatBytes.floats(Array(probabilities))
    record.latency = UInt32(truncatingIfNeeded: row["latency"] as Int64)
    record.text = row["text"]
    var stored = StoredPrediction(record, generation: UInt64(bitPattern: row["generation"]))
    stored.host = row["host"]
    stored.label = row["label"]
    stored.labelledAt = row["labelled_at"]
    return stored
  }
}
