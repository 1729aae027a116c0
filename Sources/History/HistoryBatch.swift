import Health

/// Rows on their way into a store. All of them are written in one transaction, and writing them twice changes nothing.
package struct HistoryBatch: Sendable {
  /// A minute of a host, as `Minute.json` has it.
  package struct MinuteRow: Sendable, Equatable {
    package var host: String
    package var start: Int64
    package var counts: String

    package init(host: String, start: Int64, counts: String) {
      (self.host, self.start, self.counts) = (host, start, counts)
    }
  }

  /// An alert of a host.
  package struct AlertRow: Sendable, Equatable {
    package var host: String
    package var alert: Alert
  }

  /// The latest snapshot of a host.
  package struct SnapshotRow: Sendable, Equatable {
    package var host: String
    package var snapshot: StateSnapshot
  }

  package init() {}

  package var predictions: [StoredPrediction] = []
  package var labels: [StoredLabel] = []
  package var minutes: [MinuteRow] = []
  package var alerts: [AlertRow] = []
  package var snapshots: [SnapshotRow] = []

  /// The latest time of a row that is dated by the host's own clock, in seconds since 1970; 0 where there is none.
  var newest: Double {
    let times =
      [predictions.map(\.time).max(), snapshots.map(\.snapshot.time).max()].compactMap(\.self)
    return max(Double(times.max() ?? 0) / 1e6, Double(minutes.map(\.start).max() ?? 0))
  }

  package var isEmpty: Bool { count == 0 }
  package var count: Int {
    predictions.count + labels.count + minutes.count + alerts.count + snapshots.count
  }
}

/// Where a copy of all rows has got to: rows come in the order of their keys.
package enum HistoryCursor: Sendable, Equatable {
  case predictions(after: Int64?)
  case minutes(after: HistoryBatch.MinuteRow?)
  case alerts
  case snapshots
}

/// A database with the tables of history. One thread at a time.
package protocol HistoryDatabase: AnyObject {
  /// What messages call it.
  var name: String { get }
  /// Opens it, and makes or brings up to date its tables.
  func open() throws(HistoryError)
  /// Writes a batch whole or not at all.
  func write(_ batch: HistoryBatch) throws(HistoryError)
  /// Minutes of a host since a time, the oldest first.
  func minutes(host: String, since start: Int64) throws(HistoryError) -> [HistoryBatch.MinuteRow]
  /// The latest alerts of a host.
  func alerts(host: String, limit: Int) throws(HistoryError) -> [Alert]
  /// The snapshot of a host.
  func snapshot(host: String) throws(HistoryError) -> StateSnapshot?
  /// The latest predictions of a host whose labels came after a time in microseconds, in the order of their labels.
  func labelled(
    host: String, after time: Int64, limit: Int
  ) throws(HistoryError) -> [StoredPrediction]
  /// Predictions of any host.
  func predictions(_ keys: [UInt64]) throws(HistoryError) -> [StoredPrediction]
  /// Rows from a cursor on, and the cursor behind them; nil at the end.
  func rows(
    _ cursor: HistoryCursor, limit: Int
  ) throws(HistoryError) -> (batch: HistoryBatch, next: HistoryCursor?)
  /// Removes what is older than a time in seconds since 1970, and the oldest predictions where more than `bytes` are taken.
  func prune(before time: Double, bytes: Int) throws(HistoryError)
  /// Puts a damaged database out of the way.
  /// - Returns: where it is now; nil where that cannot be done, so that no new one can be begun.
  func setAside() -> String?
  /// Closes it; `open` may follow.
  func close()
}

extension HistoryCursor {
  /// What follows a page of predictions.
  static func following(_ page: [StoredPrediction], limit: Int) -> HistoryCursor {
    guard page.count == limit, let last = page.last else { return .minutes(after: nil) }
    return .predictions(after: Int64(bitPattern: last.key))
  }

  /// What follows a page of minutes.
  static func following(_ page: [HistoryBatch.MinuteRow], limit: Int) -> HistoryCursor {
    guard page.count == limit, let last = page.last else { return .alerts }
    return .minutes(after: last)
  }
}
