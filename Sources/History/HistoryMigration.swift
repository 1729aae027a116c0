import Foundation

/// Copies history from one store to another.
public enum HistoryMigration {
  /// What has been copied.
  public struct Counts: Sendable, Equatable {
    /// Predictions with their labels.
    public var predictions = 0
    /// Minutes.
    public var minutes = 0
    /// Alerts.
    public var alerts = 0
    /// Snapshots, one a host.
    public var snapshots = 0

    /// Nothing.
    public init() {}
  }

  /// Copies every row of every host. Where both stores have a row, the newer one stays; so a copy may be stopped and begun
  /// again, and made while both are in use.
  /// - Parameters:
  ///   - source: a store as `--store` names it.
  ///   - target: another; it is made if it is not there.
  ///   - progress: told after each page of rows.
  /// - Throws: `HistoryError`.
  public static func copy(
    from source: String, to target: String, pageSize: Int = 5000,
    progress: (Counts) -> Void = { _ in }
  ) throws(HistoryError) -> Counts {
    if source == target { throw .badSetting("\(source) twice") }
    let (from, to) = (
      try HistoryStore.existingDatabase(named: source), try HistoryStore.database(named: target)
    )
    try from.open()
    defer { from.close() }
    try to.open()
    defer { to.close() }
    var counts = Counts()
    var cursor: HistoryCursor? = .predictions(after: nil)
    while let current = cursor {
      let (batch, next) = try from.rows(current, limit: pageSize)
      if !batch.isEmpty { try to.write(batch) }
      counts.predictions += batch.predictions.count
      counts.minutes += batch.minutes.count
      counts.alerts += batch.alerts.count
      counts.snapshots += batch.snapshots.count
      progress(counts)
      cursor = next
    }
    return counts
  }

  /// Copies every row of a store into an SQLite file, which appears whole or not at all and takes the place of one that is there.
  /// The store may be in use: what comes meanwhile may be in the copy or not.
  /// - Throws: `HistoryError`.
  public static func backup(
    of source: String, to path: String, progress: (Counts) -> Void = { _ in }
  ) throws(HistoryError) -> Counts {
    if path.contains("://") { throw .badBackup(path, reason: "a backup is a file") }
    let partial = path + ".partial"
    func remove() {
      for suffix in ["", "-wal", "-shm", "-journal"] {
        try? FileManager.default.removeItem(atPath: partial + suffix)
      }
    }
    let place = URL(fileURLWithPath: path).resolvingSymlinksInPath()
    if place == URL(fileURLWithPath: source).resolvingSymlinksInPath() {
      throw .badBackup(path, reason: "it is the store itself")
    }
    remove()
    do throws(HistoryError) {
      let counts = try copy(from: source, to: partial, progress: progress)
      guard rename(partial, path) == 0 else {
        throw .badBackup(path, reason: String(cString: strerror(errno)))
      }
      return counts
    } catch {
      remove()
      throw error
    }
  }
}
