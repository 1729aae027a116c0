import Foundation
import Health
import History
import JSON
import Logging
import Synchronization
import TestDaemon
import Testing

/// A folder that goes with the test.
final class Folder {
  let path = NSTemporaryDirectory() + "martlet-history-\(UUID().uuidString)"

  init() throws {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  var store: String { path + "/health.sqlite" }
}

/// Keeps what is logged.
final class LogLines: LogHandler, @unchecked Sendable {
  let lines = Mutex<[String]>([])
  var metadata = Logger.Metadata()
  var logLevel = Logger.Level.trace
  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    lines.withLock { $0.append("\(event.level): \(event.message)") }
  }

  var logger: Logger { Logger(label: "test") { _ in self } }
  var all: [String] { lines.withLock { $0 } }
}

/// Rows to write.
enum Rows {
  static func record(_ index: Int, at time: Int64 = 1_700_000_000) -> PredictionRecord {
    var record = PredictionRecord()
    record.requestHash = RequestHash.of("\(index)")
    record.requestID = "r-\(index)"
    record.time = time * 1_000_000 + Int64(index)
    record.predicted = index % 2
    record.probabilities = [0.25, 0.75]
    record.latency = 1234
    record.text = "text \(index)"
    return record
  }

  static func minute(_ start: Int64) -> Minute {
    var minute = Minute(start: start, classCount: 2)
    (minute.texts, minute.classes, minute.labelled) = (7, [3, 4], 2)
    return minute
  }

  static let alert = Alert(
    name: "InputDrift", subject: "length", severity: .critical, startedAt: 1_700_000_060,
    endedAt: nil, reason: "it moved")

  static func options(_ adjust: (inout HistoryStore.Options) -> Void = { _ in })
    -> HistoryStore.Options
  {
    var options = HistoryStore.Options()
    options.host = "a"
    options.days = 36_500
    adjust(&options)
    return options
  }

  static func sqlite(
    _ path: String, log: LogLines = LogLines(), patience: Double = 0.05,
    _ adjust: (inout HistoryStore.Options) -> Void = { _ in }
  ) -> HistoryStore {
    HistoryStore(
      SQLiteDatabase(path: path, patience: patience), options: options(adjust), interval: 0.02,
      log: log.logger)
  }

  /// Waits for what comes by itself, a minute at most.
  static func eventually(_ isTrue: () throws -> Bool) rethrows -> Bool {
    try BuiltMartlet.wait(isTrue)
  }
}

@Suite("History in SQLite")
struct HistoryStoreTests {
  private func fill(_ store: HistoryStore, generation: UInt64 = .max - 4) {
    store.append((0..<10).map { Rows.record($0) }, generations: [0: generation])
    store.append(labels: [
      StoredLabel(key: RequestHash.of("3"), label: 0, time: 1_700_000_100_000_000),
      StoredLabel(key: RequestHash.of("4"), label: 0, time: 1_700_000_020_000_000),
    ])
    store.append(
      minutes: [Rows.minute(1_700_000_040), Rows.minute(1_700_000_100)], alerts: [Rows.alert],
      snapshot: StateSnapshot(
        generation: generation, time: 1_700_000_050_000_000, bytes: [1, 2, 3, 0, 255]))
  }

  @Test("what was written comes back after a restart: minutes, alerts, snapshot, labels since then")
  func comesBack() throws {
    let folder = try Folder()
    let first = Rows.sqlite(folder.store)
    fill(first)
    first.close()
    let store = Rows.sqlite(folder.store)
    defer { store.close() }
    let earlier = try #require(
      store.earlier(since: 1_700_000_041, classCount: 2, generation: .max - 4))
    #expect(earlier.minutes == [Rows.minute(1_700_000_100)])
    #expect(earlier.alerts == [Rows.alert])
    #expect(earlier.snapshot?.bytes == [1, 2, 3, 0, 255])
    #expect(earlier.labelled.map(\.requestID) == ["r-3"])
    let key = RequestHash.of("3")
    let found = try #require(store.predictions([key, 1])?[key])
    #expect(found.label == 0 && found.predicted == 1 && found.probabilities == [0.25, 0.75])
    #expect(found.generation == .max - 4 && found.host == "a" && found.latency == 1234)
    #expect(found.text.isEmpty)
    let other = try #require(store.earlier(since: 0, classCount: 2, generation: 1))
    #expect(other.snapshot == nil && other.minutes.count == 2)
  }

  @Test("files as a kill leaves them have every batch that was written")
  func killed() throws {
    let folder = try Folder()
    let store = Rows.sqlite(folder.store)
    fill(store)
    store.wait()
    // Without closing: the write-ahead log has not been taken into the file.
    for suffix in ["", "-wal"] {
      try FileManager.default.copyItem(
        atPath: folder.store + suffix, toPath: folder.path + "/copy" + suffix)
    }
    store.close()
    let copy = Rows.sqlite(folder.path + "/copy")
    defer { copy.close() }
    #expect(copy.predictions((0..<10).map { RequestHash.of("\($0)") })?.count == 10)
  }

  @Test("texts are kept only when asked for; more predictions a second than asked for are not kept")
  func bounds() throws {
    let folder = try Folder()
    let store = Rows.sqlite(folder.store) {
      $0.keepsText = true
      $0.predictionsPerSecond = 4
    }
    defer { store.close() }
    fill(store)
    let found = try #require(store.predictions((0..<10).map { RequestHash.of("\($0)") }))
    #expect(found.count == 4 && found[RequestHash.of("0")]?.text == "text 0")
  }

  @Test("a file that is no database is set aside with one line, and a new one is begun")
  func garbage() throws {
    let folder = try Folder()
    try Data(repeating: 0x41, count: 9000).write(to: URL(fileURLWithPath: folder.store))
    let log = LogLines()
    let store = Rows.sqlite(folder.store, log: log)
    fill(store)
    #expect(store.predictions([RequestHash.of("3")])?.count == 1)
    store.close()
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    let aside = names.filter { $0.contains(".damaged-") }
    #expect(aside.count == 1)
    let bytes = try Data(contentsOf: URL(fileURLWithPath: "\(folder.path)/\(aside.first ?? "")"))
    #expect(bytes.count == 9000)
    #expect(log.all.count == 1 && log.all[0].contains("set aside"))
  }

  @Test("a file damaged inside is found when it is read, set aside, and what waits is not lost")
  func damaged() throws {
    let folder = try Folder()
    let first = Rows.sqlite(folder.store)
    first.append((0..<5000).map { Rows.record($0) }, generations: [:])
    first.close()
    var bytes = try Data(contentsOf: URL(fileURLWithPath: folder.store))
    for index in 8192..<bytes.count { bytes[index] = 0x55 }
    try bytes.write(to: URL(fileURLWithPath: folder.store))
    let log = LogLines()
    let store = Rows.sqlite(folder.store, log: log)
    store.append((5000..<5010).map { Rows.record($0) }, generations: [:])
    #expect(store.predictions([RequestHash.of("5003")])?.count == 1)
    store.close()
    #expect(log.all.count == 1 && log.all[0].contains("set aside"), "\(log.all)")
  }

  @Test("a file of a newer program, or of another one, is left alone, with one line")
  func newer() throws {
    let folder = try Folder()
    let first = Rows.sqlite(folder.store)
    fill(first)
    first.close()
    try Process.sqlite(folder.store, "INSERT INTO grdb_migrations VALUES ('99')")
    let log = LogLines()
    let store = Rows.sqlite(folder.store, log: log)
    fill(store)
    #expect(store.predictions([1]) == nil)
    store.append((20..<30).map { Rows.record($0) }, generations: [:])
    store.wait()
    store.close()
    #expect(log.all.count == 1 && log.all[0].contains("newer martlet"), "\(log.all)")
    #expect(try Process.sqlite(folder.store, "SELECT count(*) FROM prediction") == "10")

    let foreign = folder.path + "/foreign.sqlite"
    try Process.sqlite(foreign, "CREATE TABLE mine (x)")
    let second = Rows.sqlite(foreign, log: log)
    fill(second)
    #expect(second.predictions([1]) == nil)
    second.close()
    #expect(log.all.count == 2 && log.all[1].contains("another program's"), "\(log.all)")
    #expect(try Process.sqlite(foreign, "SELECT count(*) FROM sqlite_master") == "1")
  }

  @Test(
    "while another process holds the file rows wait, past a bound the oldest are dropped; then all is written"
  )
  func locked() throws {
    let folder = try Folder()
    let log = LogLines()
    let store = Rows.sqlite(folder.store, log: log)
    defer { store.close() }
    fill(store)
    store.wait()
    let holder = try Process.holding(folder.store)
    store.append((10..<20).map { Rows.record($0) }, generations: [:])
    store.wait()
    #expect(store.state.contains("another process holds it"))
    #expect(store.predictions([RequestHash.of("3")]) == nil)
    let many = HistoryStore.bufferLimit
    store.append(
      (20..<(20 + many)).map { Rows.record($0, at: 1_700_000_000 + Int64($0) / 1000) },
      generations: [:])
    holder.release()
    let key = RequestHash.of("100")
    #expect(Rows.eventually { store.predictions([key])?[key] != nil })
    #expect(log.all.count == 2, "\(log.all)")
    #expect(log.all.first?.contains("another process holds it") ?? false)
    #expect(log.all.last?.contains("history is kept again; 10 rows were dropped") ?? false)
  }

  @Test(
    "a full disk costs history alone, and history goes on when there is room",
    .enabled(
      if: getuid() == 0 && FileManager.default.isExecutableFile(atPath: "/usr/bin/mount"),
      "mounts a small file system, as root"))
  func full() throws {
    let folder = try Folder()
    guard
      try Process.status("/usr/bin/mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", folder.path])
        == 0
    else { return }
    defer { _ = try? Process.status("/usr/bin/umount", ["-l", folder.path]) }
    let log = LogLines()
    let store = Rows.sqlite(folder.store, log: log)
    fill(store)
    store.wait()
    let filler = folder.path + "/filler"
    #expect(FileManager.default.createFile(atPath: filler, contents: nil))
    let handle = try #require(FileHandle(forWritingAtPath: filler))
    while (try? handle.write(contentsOf: Data(count: 4096))) != nil {}
    store.append((10..<2000).map { Rows.record($0) }, generations: [:])
    store.wait()
    #expect(log.all.count == 1 && log.all[0].contains("disk is full"), "\(log.all)")
    try FileManager.default.removeItem(atPath: filler)
    try handle.close()
    let key = RequestHash.of("1500")
    #expect(Rows.eventually { store.predictions([key])?[key] != nil })
    #expect(log.all.count == 2, "\(log.all)")
    store.close()
  }

  @Test(
    "rows past their days go, and the oldest predictions where the file is larger than asked for")
  func pruning() throws {
    let folder = try Folder()
    let database = SQLiteDatabase(path: folder.store)
    try database.open()
    defer { database.close() }
    var batch = HistoryBatch()
    batch.predictions = (0..<20_000).map {
      StoredPrediction(Rows.record($0, at: 1_700_000_000 + Int64($0)), generation: 0)
    }
    batch.minutes = [
      HistoryBatch.MinuteRow(host: "a", start: 60, counts: "{}"),
      HistoryBatch.MinuteRow(host: "a", start: 1_700_000_000, counts: "{}"),
    ]
    try database.write(batch)
    try database.prune(before: 1_700_000_000 - 5, bytes: 1 << 20)
    #expect(try database.minutes(host: "a", since: 0).map(\.start) == [1_700_000_000])
    let ends = try database.predictions([RequestHash.of("0"), RequestHash.of("19999")])
    #expect(ends.map(\.requestID) == ["r-19999"])
    try database.prune(before: 1_700_019_990, bytes: 1 << 20)
    #expect(try database.predictions((0..<20_000).map { RequestHash.of("\($0)") }).count == 10)
  }

  @Test(
    "a second label takes the first one's place; a newer prediction of the same id takes its labels away"
  )
  func replacing() throws {
    let folder = try Folder()
    let store = Rows.sqlite(folder.store)
    defer { store.close() }
    let key = RequestHash.of("1")
    store.append([Rows.record(1)], generations: [:])
    store.append(labels: [StoredLabel(key: key, label: 1, time: 5)])
    store.append(labels: [StoredLabel(key: key, label: 0, time: 6)])
    #expect(store.predictions([key])?[key]?.label == 0)
    store.append([Rows.record(1, at: 1_800_000_000)], generations: [:])
    #expect(store.predictions([key])?[key]?.label == nil)
  }

  @Test("NUL in any text that somebody can send is kept as U+FFFD, and what is behind it as well")
  func nul() throws {
    let folder = try Folder()
    let store = Rows.sqlite(folder.store) {
      $0.keepsText = true
      $0.host = "h\0st"
    }
    var record = Rows.record(1)
    (record.text, record.requestID) = ("a\0b\0\u{301}", "r\0-1")
    store.append([record], generations: [:])
    let alert = Alert(
      name: "N\0", subject: "s\0t", severity: .warning, startedAt: 5, endedAt: 6, reason: "r\0s",
      ending: "e\0d")
    store.append(
      minutes: [Rows.minute(60)], alerts: [alert],
      snapshot: StateSnapshot(generation: 1, time: 1, bytes: [0, 1, 0]))
    let found = try #require(store.predictions([record.requestHash])?[record.requestHash])
    #expect(Array(found.text.utf8) == Array("a\u{FFFD}b\u{FFFD}\u{301}".utf8))
    #expect(found.requestID == "r\u{FFFD}-1" && found.host == "h\u{FFFD}st")
    let earlier = try #require(store.earlier(since: 0, classCount: 2, generation: 1))
    #expect(earlier.minutes.count == 1 && earlier.snapshot?.bytes == [0, 1, 0])
    let kept = try #require(earlier.alerts.first)
    #expect(kept.name == "N\u{FFFD}" && kept.subject == "s\u{FFFD}t")
    #expect(kept.reason == "r\u{FFFD}s" && kept.ending == "e\u{FFFD}d")
    store.close()
  }

  @Test(
    "the store, what SQLite keeps beside it, copies and what is set aside are its owner's alone")
  func modes() throws {
    let folder = try Folder()
    func modes() throws -> [String: Int] {
      let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
      return try Dictionary(
        uniqueKeysWithValues: names.map { name in
          let attributes = try FileManager.default.attributesOfItem(
            atPath: "\(folder.path)/\(name)")
          return (name, (attributes[.posixPermissions] as? Int ?? 0) & 0o777)
        })
    }
    let store = Rows.sqlite(folder.store)
    fill(store)
    store.wait()
    let open = try modes()
    #expect(open.count == 3 && open.values.allSatisfy { $0 == 0o600 }, "\(open)")
    _ = try HistoryMigration.copy(from: folder.store, to: folder.path + "/copy.sqlite")
    store.close()
    #expect(try modes()["copy.sqlite"] == 0o600)
    // One that an older program made for everybody; what its group may is left.
    #expect(chmod(folder.store, 0o644) == 0)
    let again = Rows.sqlite(folder.store)
    fill(again)
    again.close()
    #expect(try modes()["health.sqlite"] == 0o640)
    try Data(repeating: 0x41, count: 9000).write(to: URL(fileURLWithPath: folder.store))
    let damaged = Rows.sqlite(folder.store)
    fill(damaged)
    damaged.close()
    let aside = try modes()
    #expect(aside.values.allSatisfy { $0 & 0o007 == 0 }, "\(aside)")
  }

  @Test(
    "a backup of a store in use is whole, private, takes the place of an older one, and can be restored"
  )
  func backup() throws {
    let folder = try Folder()
    let store = Rows.sqlite(folder.store)
    fill(store)
    store.wait()
    let path = folder.path + "/backup.sqlite"
    try Data("an older one".utf8).write(to: URL(fileURLWithPath: path))
    let counts = try HistoryMigration.backup(of: folder.store, to: path)
    store.close()
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    #expect(names.filter { $0.hasPrefix("backup") } == ["backup.sqlite"])
    let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    #expect(mode == 0o600)
    #expect(try HistoryMigration.copy(from: path, to: folder.path + "/restored.sqlite") == counts)
    for target in [
      folder.store, folder.path + "/./health.sqlite", "postgres://x/y", "\(folder.store)/x",
    ] {
      #expect(throws: HistoryError.self) {
        try HistoryMigration.backup(of: folder.store, to: target)
      }
    }
    #expect(throws: HistoryError.self) {
      try HistoryMigration.backup(of: folder.path + "/missing", to: path)
    }
    #expect(try HistoryMigration.copy(from: path, to: folder.path + "/again.sqlite") == counts)
  }

  @Test("a setting that names no store is refused with what would")
  func settings() throws {
    #expect(try HistoryStore.named("none") == nil)
    for text in ["", "mysql://a/b"] {
      #expect(throws: HistoryError.self) { try HistoryStore.named(text) }
    }
  }
}

extension Process {
  static func status(_ path: String, _ arguments: [String]) throws -> Int32 {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    try process.run()
    process.waitUntilExit()
    return process.terminationStatus
  }

  /// What another program does with the file, by Python's `sqlite3`.
  @discardableResult
  static func sqlite(_ path: String, _ statement: String) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
    process.arguments = [
      "-c",
      "import sqlite3,sys; d=sqlite3.connect(sys.argv[1]); r=d.execute(sys.argv[2]).fetchone(); d.commit(); print(r[0] if r else '')",
      path, statement,
    ]
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return text.trimmingCharacters(in: .whitespacesAndNewlines)
  }

  /// A process that holds the file's lock until it is released.
  static func holding(_ path: String) throws -> Holder {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
    process.arguments = [
      "-c",
      "import sqlite3,sys; d=sqlite3.connect(sys.argv[1], isolation_level=None); d.execute('BEGIN IMMEDIATE'); print('held', flush=True); sys.stdin.read(); d.execute('ROLLBACK'); d.close()",
      path,
    ]
    let (input, output) = (Pipe(), Pipe())
    process.standardInput = input
    process.standardOutput = output
    try process.run()
    _ = output.fileHandleForReading.availableData
    return Holder(process: process, input: input)
  }

  struct Holder {
    let process: Process
    let input: Pipe

    func release() {
      try? input.fileHandleForWriting.close()
      process.waitUntilExit()
    }
  }
}
