import Foundation
import Health
import History
import Testing

/// A PostgreSQL server of the test's own, on a Unix socket in a temporary folder.
final class PostgresServer {
  static let binaries: String? = {
    let root = "/usr/lib/postgresql"
    let versions = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
    return versions.sorted().reversed().map { "\(root)/\($0)/bin" }.first {
      FileManager.default.isExecutableFile(atPath: $0 + "/initdb")
    }
  }()
  /// The server refuses to run as root.
  private static let prefix =
    getuid() == 0 ? ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] : []
  static var isThere: Bool {
    binaries != nil
      && (getuid() != 0 || FileManager.default.isExecutableFile(atPath: "/usr/bin/setpriv"))
  }

  let folder = "/tmp/martlet-pg-\(UUID().uuidString.prefix(8))"
  private var process: Process?

  init() throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    if getuid() == 0 { chown(folder, 65534, 65534) }
    let made = try run(
      "initdb", ["-D", folder + "/data", "-U", "martlet", "--auth=trust", "-N", "-E", "UTF8"])
    made.waitUntilExit()
    try #require(made.terminationStatus == 0)
    try start()
  }

  deinit {
    stop()
    try? FileManager.default.removeItem(atPath: folder)
  }

  /// - Parameter password: as a user might write one; the server trusts everybody.
  func url(database: String = "postgres", password: String = "") -> String {
    "postgres://martlet\(password.isEmpty ? "" : ":\(password)")@/\(database)?host=\(folder)"
  }

  private func run(_ program: String, _ arguments: [String]) throws -> Process {
    let process = Process()
    let words = Self.prefix + ["\(Self.binaries ?? "")/\(program)"] + arguments
    process.executableURL = URL(fileURLWithPath: words[0])
    process.arguments = Array(words.dropFirst())
    process.environment = ["LC_ALL": "C", "HOME": folder, "PATH": "/usr/bin:/bin"]
    process.currentDirectoryURL = URL(fileURLWithPath: folder)
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    return process
  }

  func start() throws {
    process = try run(
      "postgres",
      ["-D", folder + "/data", "-k", folder, "-c", "listen_addresses=", "-c", "fsync=off"])
    let isUp = try Rows.eventually {
      let check = try run("pg_isready", ["-h", folder, "-U", "martlet"])
      check.waitUntilExit()
      return check.terminationStatus == 0
    }
    try #require(isUp)
  }

  /// Ends it at once, connections and all.
  func stop() {
    process?.interrupt()
    process?.waitUntilExit()
    process = nil
  }

  func database(_ name: String) throws -> String {
    let process = try run(
      "psql", ["-h", folder, "-U", "martlet", "-c", "CREATE DATABASE \(name)", "postgres"])
    process.waitUntilExit()
    try #require(process.terminationStatus == 0)
    return url(database: name)
  }

  func execute(_ statement: String, database: String) throws {
    let process = try run("psql", ["-h", folder, "-U", "martlet", "-c", statement, database])
    process.waitUntilExit()
    try #require(process.terminationStatus == 0)
  }
}

@Suite(
  "History in PostgreSQL", .serialized,
  .enabled(if: PostgresServer.isThere, "needs PostgreSQL's initdb and postgres"))
struct PostgresTests {
  private let server: PostgresServer

  init() throws { server = try PostgresServer() }

  private func store(
    _ url: String, host: String = "a", log: LogLines = LogLines()
  ) -> HistoryStore {
    HistoryStore(
      PostgresDatabase(url: url), options: Rows.options { $0.host = host }, interval: 0.02,
      log: log.logger)
  }

  private func fill(_ store: HistoryStore) {
    store.append((0..<700).map { Rows.record($0) }, generations: [0: .max - 4])
    store.append(labels: [
      StoredLabel(key: RequestHash.of("3"), label: 0, time: 1_700_000_100_000_000),
      StoredLabel(key: RequestHash.of("4"), label: 0, time: 1_700_000_020_000_000),
    ])
    store.append(
      minutes: [Rows.minute(1_700_000_040), Rows.minute(1_700_000_100)], alerts: [Rows.alert],
      snapshot: StateSnapshot(
        generation: .max - 4, time: 1_700_000_050_000_000, bytes: [1, 2, 3, 0, 255]))
  }

  @Test(
    "hosts share predictions and their labels; minutes, alerts and snapshots are each one's own")
  func shared() throws {
    let (first, second) = (store(server.url()), store(server.url(), host: "b"))
    defer {
      first.close()
      second.close()
    }
    fill(first)
    first.wait()
    let earlier = try #require(
      first.earlier(since: 1_700_000_041, classCount: 2, generation: .max - 4))
    #expect(earlier.minutes == [Rows.minute(1_700_000_100)] && earlier.alerts == [Rows.alert])
    #expect(earlier.snapshot?.bytes == [1, 2, 3, 0, 255])
    #expect(earlier.labelled.map(\.requestID) == ["r-3"])

    let key = RequestHash.of("650")
    let found = try #require(second.predictions([key, 1, RequestHash.of("3")]))
    #expect(found.count == 2 && found[key]?.host == "a" && found[key]?.label == nil)
    #expect(found[key]?.probabilities == [0.25, 0.75] && found[key]?.generation == .max - 4)
    second.append(labels: [StoredLabel(key: key, label: 1, time: 9)])
    second.wait()
    #expect(first.predictions([key])?[key]?.label == 1)
    let others = try #require(second.earlier(since: 0, classCount: 2, generation: .max - 4))
    #expect(others.minutes.isEmpty && others.alerts.isEmpty && others.snapshot == nil)
  }

  @Test(
    "while the server is away rows wait, with one line and no password in it; then they are written"
  )
  func reconnecting() throws {
    let log = LogLines()
    let store = store(server.url(password: "secret"), log: log)
    defer { store.close() }
    fill(store)
    store.wait()
    #expect(log.all == [])
    server.stop()
    store.append((1000..<1010).map { Rows.record($0) }, generations: [:])
    store.wait()
    store.wait()
    #expect(store.predictions([RequestHash.of("3")]) == nil)
    #expect(store.state.contains("10 rows wait"), "\(store.state)")
    try server.start()
    let key = RequestHash.of("1005")
    #expect(Rows.eventually { store.predictions([key])?[key] != nil })
    #expect(log.all.count == 2, "\(log.all)")
    #expect(!log.all.joined().contains("secret") && !store.state.contains("secret"))
  }

  @Test("tables of a newer program are left alone")
  func newer() throws {
    let url = try server.database("newer")
    let first = store(url)
    fill(first)
    first.close()
    try server.execute("INSERT INTO martlet.version VALUES (99)", database: "newer")
    let log = LogLines()
    let second = store(url, log: log)
    second.append([Rows.record(5000)], generations: [:])
    #expect(second.predictions([1]) == nil)
    #expect(log.all.count == 1 && log.all[0].contains("newer martlet"), "\(log.all)")
  }

  @Test("a database that is not there is one line that names it")
  func missing() throws {
    let log = LogLines()
    let store = store(server.url(database: "nowhere"), log: log)
    store.append([Rows.record(1)], generations: [:])
    store.wait()
    #expect(log.all.count == 1 && log.all[0].contains("nowhere"), "\(log.all)")
    store.close()
  }

  @Test("a copy from SQLite to PostgreSQL and back has every row; made again it changes nothing")
  func migration() throws {
    let folder = try Folder()
    let first = Rows.sqlite(folder.store)
    fill(first)
    first.close()
    let url = try server.database("copy")
    var expected = HistoryMigration.Counts()
    (expected.predictions, expected.minutes, expected.alerts, expected.snapshots) = (700, 2, 1, 1)
    #expect(try HistoryMigration.copy(from: folder.store, to: url, pageSize: 100) == expected)
    // What is known in the copy alone stays.
    let second = store(url)
    second.append(labels: [StoredLabel(key: RequestHash.of("7"), label: 1, time: 8)])
    second.close()
    #expect(try HistoryMigration.copy(from: folder.store, to: url) == expected)
    let back = folder.path + "/back.sqlite"
    #expect(try HistoryMigration.copy(from: url, to: back, pageSize: 100) == expected)

    let (a, b) = (SQLiteDatabase(path: folder.store), SQLiteDatabase(path: back))
    try a.open()
    try b.open()
    defer {
      a.close()
      b.close()
    }
    var left = try a.rows(.predictions(after: nil), limit: 10_000).batch.predictions
    let right = try b.rows(.predictions(after: nil), limit: 10_000).batch.predictions
    let index = try #require(left.firstIndex { $0.requestID == "r-7" })
    (left[index].label, left[index].labelledAt) = (1, 8)
    #expect(left == right)
    for cursor in [HistoryCursor.minutes(after: nil), .alerts, .snapshots] {
      let (one, other) = (
        try a.rows(cursor, limit: 100).batch, try b.rows(cursor, limit: 100).batch
      )
      #expect(one.minutes == other.minutes && one.alerts == other.alerts)
      #expect(one.snapshots == other.snapshots && !one.isEmpty)
    }
    #expect(throws: HistoryError.self) {
      try HistoryMigration.copy(from: folder.path + "/missing.sqlite", to: url)
    }
  }
}
