import Foundation
import Health
import JSON

/// History in a PostgreSQL database that several hosts share. The tables stand in a schema of their own, `martlet`.
package final class PostgresDatabase: HistoryDatabase {
  /// The version of the tables that this program makes and reads.
  private static let version = 1
  /// Rows in one statement: a round trip for each row would be too slow over a network.
  private static let rowsAtOnce = 200
  private let info: String
  /// The address without its password.
  package let name: String
  private var connection: PostgresConnection?

  /// - Parameter url: `postgres://USER@HOST/DATABASE`, as libpq reads it.
  package init(url: String) {
    name = Self.hidden(url)
    // A server that does not answer must not hold up the queue for minutes.
    let separator = url.contains("?") ? "&" : "?"
    let own = url.contains("connect_timeout=") ? "" : "\(separator)connect_timeout=3"
    info =
      url + own
      + (url.contains("application_name=")
        ? "" : "\(own.isEmpty ? separator : "&")application_name=martlet")
  }

  /// An address without its password.
  static func hidden(_ url: String) -> String {
    guard let start = url.range(of: "://"), let at = url.range(of: "@", options: .backwards),
      let colon = url.range(of: ":", range: start.upperBound..<max(start.upperBound, at.lowerBound))
    else { return url }
    return url[..<colon.lowerBound] + "@" + url[at.upperBound...]
  }

  // MARK: - Opening

  package func open() throws(HistoryError) {
    let connection = try PostgresConnection(info, name: name)
    try connection.run("SET statement_timeout = '10s'; SET lock_timeout = '5s'")
    try migrate(connection)
    self.connection = connection
  }

  private func migrate(_ connection: PostgresConnection) throws(HistoryError) {
    // Hosts that start together make the tables one after the other.
    try connection.run("BEGIN; SELECT pg_advisory_xact_lock(5570001)")
    do throws(HistoryError) {
      let exists = try connection.run("SELECT to_regclass('martlet.version')")
      if exists.first?.first ?? nil == nil {
        try connection.run(Self.tables)
      }
      let found = try connection.run("SELECT max(number) FROM martlet.version")
      let number = (found.first?.first ?? nil).flatMap { Int($0) } ?? 0
      guard number <= Self.version else { throw .newerVersion(name) }
      // What came later and may be empty, so that hosts with an older program go on.
      let later = try connection.run(
        "SELECT 1 FROM information_schema.columns WHERE table_schema = 'martlet' "
          + "AND table_name = 'alert' AND column_name = 'ending'")
      if later.isEmpty { try connection.run("ALTER TABLE martlet.alert ADD COLUMN ending text") }
      try connection.run("COMMIT")
    } catch {
      _ = try? connection.run("ROLLBACK")
      throw error
    }
  }

  private static let tables = """
    CREATE SCHEMA IF NOT EXISTS martlet;
    CREATE TABLE martlet.version (number integer PRIMARY KEY);
    INSERT INTO martlet.version VALUES (\(version));
    CREATE TABLE martlet.prediction (
      key bigint PRIMARY KEY, host text NOT NULL, time bigint NOT NULL, model bigint NOT NULL,
      generation bigint NOT NULL, request_id text NOT NULL, predicted integer NOT NULL,
      probabilities bytea NOT NULL, latency bigint NOT NULL, text text NOT NULL,
      label integer, labelled_at bigint);
    CREATE INDEX prediction_time ON martlet.prediction (time);
    CREATE INDEX prediction_labelled_at ON martlet.prediction (host, labelled_at)
      WHERE labelled_at IS NOT NULL;
    CREATE TABLE martlet.minute (
      host text, start bigint, counts text NOT NULL, PRIMARY KEY (host, start));
    CREATE TABLE martlet.alert (
      host text, name text, subject text, started_at double precision,
      ended_at double precision, severity text NOT NULL, reason text NOT NULL,
      silenced boolean NOT NULL, PRIMARY KEY (host, name, subject, started_at));
    CREATE TABLE martlet.snapshot (
      host text PRIMARY KEY, generation bigint NOT NULL, time bigint NOT NULL,
      state bytea NOT NULL);
    """

  package func close() { connection = nil }

  /// A server repairs itself, or an administrator does.
  package func setAside() -> String? { nil }

  private func opened() throws(HistoryError) -> PostgresConnection {
    guard let connection else { throw .unreachable(name, reason: "it is closed") }
    return connection
  }

  // MARK: - Writing

  package func write(_ batch: HistoryBatch) throws(HistoryError) {
    let connection = try opened()
    try connection.run("BEGIN")
    do throws(HistoryError) {
      try insert(batch, connection)
      try connection.run("COMMIT")
    } catch {
      _ = try? connection.run("ROLLBACK")
      throw error
    }
  }

  private func insert(
    _ batch: HistoryBatch, _ connection: PostgresConnection
  ) throws(HistoryError) {
    // One statement may not change a row twice: the later one of a key counts.
    var newest: [UInt64: Int] = [:]
    for (index, row) in batch.predictions.enumerated() { newest[row.key] = index }
    let predictions = batch.predictions.enumerated().filter { newest[$0.element.key] == $0.offset }
    try insert(
      "INSERT INTO martlet.prediction AS old (key, host, time, model, generation, request_id, "
        + "predicted, probabilities, latency, text, label, labelled_at) VALUES ",
      predictions.map { Self.values($0.element) }, behind: Self.mergePredictions, connection)
    for row in batch.labels {
      try connection.run(
        "UPDATE martlet.prediction SET label = $1, labelled_at = $2 WHERE key = $3",
        ["\(row.label)", "\(row.time)", "\(Int64(bitPattern: row.key))"])
    }
    var minutes: [ExactString: [String?]] = [:]
    for row in batch.minutes {
      minutes[ExactString("\(row.host) \(row.start)")] = [
        row.host.storable, "\(row.start)", row.counts,
      ]
    }
    try insert(
      "INSERT INTO martlet.minute (host, start, counts) VALUES ", Array(minutes.values),
      behind: " ON CONFLICT (host, start) DO UPDATE SET counts = excluded.counts", connection)
    for row in batch.alerts { try insert(row, connection) }
    for row in batch.snapshots {
      try connection.run(
        "INSERT INTO martlet.snapshot (host, generation, time, state) VALUES ($1, $2, $3, $4) "
          + "ON CONFLICT (host) DO UPDATE SET generation = excluded.generation, "
          + "time = excluded.time, state = excluded.state "
          + "WHERE excluded.time >= martlet.snapshot.time",
        [
          row.host.storable, "\(Int64(bitPattern: row.snapshot.generation))",
          "\(row.snapshot.time)", Self.hex(row.snapshot.bytes),
        ])
    }
  }

  private func insert(
    _ row: HistoryBatch.AlertRow, _ connection: PostgresConnection
  ) throws(HistoryError) {
    try connection.run(
      "INSERT INTO martlet.alert (host, name, subject, started_at, ended_at, severity, reason, "
        + "silenced, ending) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) "
        + "ON CONFLICT (host, name, subject, started_at) DO UPDATE SET ended_at = excluded.ended_at, "
        + "severity = excluded.severity, reason = excluded.reason, silenced = excluded.silenced, "
        + "ending = excluded.ending",
      [
        row.host.storable, row.alert.name.storable, row.alert.subject.storable,
        "\(row.alert.startedAt)", row.alert.endedAt.map { "\($0)" },
        row.alert.severity.rawValue, row.alert.reason.storable, "\(row.alert.isSilenced)",
        row.alert.ending?.storable,
      ])
  }

  /// Inserts rows, many with each statement.
  private func insert(
    _ statement: String, _ rows: [[String?]], behind: String, _ connection: PostgresConnection
  ) throws(HistoryError) {
    for start in stride(from: 0, to: rows.count, by: Self.rowsAtOnce) {
      let part = rows[start..<min(start + Self.rowsAtOnce, rows.count)]
      let width = part.first?.count ?? 0
      let places = part.indices.map { index in
        let first = (index - start) * width
        return "(" + (1...width).map { "$\(first + $0)" }.joined(separator: ", ") + ")"
      }
      try connection.run(
        statement + places.joined(separator: ", ") + behind, part.flatMap { $0 })
    }
  }

  /// The newer prediction of a key stays; of one and the same, the label that is known.
  private static let mergePredictions = """
     ON CONFLICT (key) DO UPDATE SET host = excluded.host, model = excluded.model,
    generation = excluded.generation, request_id = excluded.request_id,
    predicted = excluded.predicted, probabilities = excluded.probabilities,
    latency = excluded.latency, text = excluded.text,
    label = CASE WHEN excluded.time > old.time THEN excluded.label
    ELSE coalesce(excluded.label, old.label) END,
    labelled_at = CASE WHEN excluded.time > old.time THEN excluded.labelled_at
    ELSE coalesce(excluded.labelled_at, old.labelled_at) END,
    time = excluded.time WHERE excluded.time >= old.time
    """

  private static func values(_ row: StoredPrediction) -> [String?] {
    [
      "\(Int64(bitPattern: row.key))", row.host.storable, "\(row.time)", "\(row.model)",
      "\(Int64(bitPattern: row.generation))", row.requestID.storable, "\(row.predicted)",
      hex(FloatBytes.bytes(row.probabilities)), "\(row.latency)", row.text.storable,
      row.label.map { "\($0)" }, row.labelledAt.map { "\($0)" },
    ]
  }

  private static func hex(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    var text = Array("\\x".utf8)
    text.reserveCapacity(2 + 2 * bytes.count)
    for byte in bytes {
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
  }

  private static func bytes(_ hex: String?) -> [UInt8] {
    let digits = Array((hex ?? "").utf8.dropFirst(2))
    func value(_ digit: UInt8) -> UInt8 { digit < 0x3A ? digit &- 0x30 : digit &- 0x57 }
    return stride(from: 0, to: digits.count - 1, by: 2).map {
      value(digits[$0]) << 4 | value(digits[$0 + 1])
    }
  }

  package func prune(before time: Double, bytes: Int) throws(HistoryError) {
    let connection = try opened()
    try connection.run(
      "DELETE FROM martlet.prediction WHERE time < $1", ["\(Int64(time * 1e6))"])
    try connection.run("DELETE FROM martlet.minute WHERE start < $1", ["\(Int64(time))"])
    try connection.run("DELETE FROM martlet.alert WHERE started_at < $1", ["\(time)"])
    let size = try connection.run("SELECT pg_total_relation_size('martlet.prediction')")
    guard let taken = (size.first?.first ?? nil).flatMap({ Int($0) }), taken > bytes else { return }
    // Freed space is used again and not given back, so the rows that stay are reckoned from what a row takes.
    try connection.run(
      "DELETE FROM martlet.prediction WHERE time < (SELECT time FROM martlet.prediction "
        + "ORDER BY time OFFSET (SELECT count(*) / 10 FROM martlet.prediction) LIMIT 1) "
        + "AND (SELECT count(*) * 250 FROM martlet.prediction) > $1", ["\(bytes)"])
  }

  // MARK: - Reading

  package func minutes(
    host: String, since start: Int64
  ) throws(HistoryError) -> [HistoryBatch.MinuteRow] {
    try opened().run(
      "SELECT host, start, counts FROM martlet.minute WHERE host = $1 AND start >= $2 ORDER BY start",
      [host.storable, "\(start)"]
    ).map(Self.minute)
  }

  package func alerts(host: String, limit: Int) throws(HistoryError) -> [Alert] {
    try opened().run(
      "SELECT \(Self.alertColumns) FROM martlet.alert WHERE host = $1 ORDER BY started_at DESC LIMIT $2",
      [host.storable, "\(limit)"]
    ).map { Self.alert($0).alert }
  }

  package func snapshot(host: String) throws(HistoryError) -> StateSnapshot? {
    try opened().run(
      "SELECT host, generation, time, state FROM martlet.snapshot WHERE host = $1", [host.storable]
    ).first.map { Self.snapshot($0).snapshot }
  }

  package func labelled(
    host: String, after time: Int64, limit: Int
  ) throws(HistoryError) -> [StoredPrediction] {
    try opened().run(
      "SELECT \(Self.predictionColumns) FROM martlet.prediction WHERE host = $1 AND labelled_at > $2 "
        + "ORDER BY labelled_at DESC LIMIT $3", [host.storable, "\(time)", "\(limit)"]
    ).reversed().map(Self.prediction)
  }

  package func predictions(_ keys: [UInt64]) throws(HistoryError) -> [StoredPrediction] {
    let list = keys.map { "\(Int64(bitPattern: $0))" }.joined(separator: ",")
    return try opened().run(
      "SELECT \(Self.predictionColumns) FROM martlet.prediction WHERE key = ANY($1::bigint[])",
      ["{\(list)}"]
    ).map(Self.prediction)
  }

  package func rows(
    _ cursor: HistoryCursor, limit: Int
  ) throws(HistoryError) -> (batch: HistoryBatch, next: HistoryCursor?) {
    let connection = try opened()
    var batch = HistoryBatch()
    switch cursor {
    case .predictions(let key):
      batch.predictions = try connection.run(
        "SELECT \(Self.predictionColumns) FROM martlet.prediction WHERE key > $1 OR $2 "
          + "ORDER BY key LIMIT $3",
        ["\(key ?? .min)", "\(key == nil)", "\(limit)"]
      ).map(Self.prediction)
      return (batch, .following(batch.predictions, limit: limit))
    case .minutes(let last):
      // Bytes in order, as SQLite has them, whatever the server's collation.
      batch.minutes = try connection.run(
        "SELECT host, start, counts FROM martlet.minute WHERE (host COLLATE \"C\", start) > ($1, $2) "
          + "ORDER BY host COLLATE \"C\", start LIMIT $3",
        [last?.host ?? "", "\(last?.start ?? .min)", "\(limit)"]
      ).map(Self.minute)
      return (batch, .following(batch.minutes, limit: limit))
    case .alerts:
      batch.alerts = try connection.run("SELECT \(Self.alertColumns) FROM martlet.alert")
        .map(Self.alert)
      return (batch, .snapshots)
    case .snapshots:
      batch.snapshots = try connection.run(
        "SELECT host, generation, time, state FROM martlet.snapshot"
      ).map(Self.snapshot)
      return (batch, nil)
    }
  }

  private static let predictionColumns =
    "key, host, time, model, generation, request_id, predicted, probabilities, latency, text, label, labelled_at"
  private static let alertColumns =
    "host, name, subject, started_at, ended_at, severity, reason, silenced, ending"

  private static func integer(_ text: String?) -> Int64 { text.flatMap { Int64($0) } ?? 0 }

  private static func minute(_ row: [String?]) -> HistoryBatch.MinuteRow {
    HistoryBatch.MinuteRow(host: row[0] ?? "", start: integer(row[1]), counts: row[2] ?? "")
  }

  private static func alert(_ row: [String?]) -> HistoryBatch.AlertRow {
    let alert = Alert(
      name: row[1] ?? "", subject: row[2] ?? "",
      severity: row[5].flatMap { AlertSeverity(rawValue: $0) } ?? .warning,
      startedAt: row[3].flatMap { Double($0) } ?? 0, endedAt: row[4].flatMap { Double($0) },
      reason: row[6] ?? "", ending: row[8])
    return HistoryBatch.AlertRow(host: row[0] ?? "", alert: alert.silenced(row[7] == "t"))
  }

  private static func snapshot(_ row: [String?]) -> HistoryBatch.SnapshotRow {
    HistoryBatch.SnapshotRow(
      host: row[0] ?? "",
      snapshot: StateSnapshot(
        generation: UInt64(bitPattern: integer(row[1])), time: integer(row[2]),
        bytes: bytes(row[3])))
  }

  private static func prediction(_ row: [String?]) -> StoredPrediction {
    var record = PredictionRecord()
    record.requestHash = UInt64(bitPattern: integer(row[0]))
    record.time = integer(row[2])
    record.model = UInt32(truncatingIfNeeded: integer(row[3]))
    record.requestID = row[5] ?? ""
    record.predicted = Int(integer(row[6]))
    record.probabilities = FloatBytes.floats(bytes(row[7]))
    record.latency = UInt32(truncatingIfNeeded: integer(row[8]))
    record.text = row[9] ?? ""
    var stored = StoredPrediction(record, generation: UInt64(bitPattern: integer(row[4])))
    stored.host = row[1] ?? ""
    stored.label = row[10].map { Int(integer($0)) }
    stored.labelledAt = row[11].map { integer($0) }
    return stored
  }
}
