import Prefork

/// What each version of each model has done, in shared memory: requests, failures, latency, and a shadow's agreement.
///
/// A version has a row for each worker slot. Which row is the arbiter's to say, before it forks: a name and version that it has
/// seen keep theirs over reloads, so that counters only grow.
public struct VersionCounters: Sendable {
  /// Versions that are counted apart in a pool's life; later ones share the last row.
  public static let capacity = 48

  private enum Field: Int, CaseIterable {
    case requests, texts, failures, compared, agreed, dropped, notFinite
  }

  private let table: SharedCounterTable
  private let latency: SharedHistogramTable

  /// Carves the counters of `slots` workers.
  /// - Throws: `PreforkError`.
  public init(in memory: SharedMemory, slots: Int) throws(PreforkError) {
    table = try SharedCounterTable(
      in: memory, slots: slots * Self.capacity, countPerSlot: Field.allCases.count)
    latency = try SharedHistogramTable(in: memory, slots: slots * Self.capacity)
  }

  /// The bytes taken for `slots` workers; only those of versions in use are ever touched.
  public static func byteCount(slots: Int) -> Int {
    SharedCounterTable.byteCount(
      slots: slots * capacity, countPerSlot: Field.allCases.count)
      + SharedHistogramTable.byteCount(slots: slots * capacity)
  }

  /// Counts what a worker's versions do.
  public struct Recorder: Sendable {
    fileprivate let counters: VersionCounters
    fileprivate let slot: Int

    /// Counts one outcome.
    public func record(_ version: ServedVersion, _ outcome: VersionOutcome) {
      let index = counters.row(slot, version.counterIndex)
      let row = counters.table[index]
      func add(_ field: Field, _ amount: Int = 1) {
        row.add(UInt64(max(0, amount)), at: field.rawValue)
      }
      switch outcome {
      case .answered(let texts, let nanoseconds):
        add(.requests)
        add(.texts, texts)
        counters.latency[index].record(nanoseconds: UInt64(max(0, nanoseconds)))
      case .failed:
        add(.requests)
        add(.failures)
      case .compared(let agrees, let nanoseconds):
        add(.texts)
        add(.compared)
        if agrees { add(.agreed) }
        counters.latency[index].record(nanoseconds: UInt64(max(0, nanoseconds)))
      case .dropped(let texts): add(.dropped, texts)
      case .notFinite(let texts): add(.notFinite, texts)
      }
    }
  }

  /// The recorder of the worker in `slot`.
  public func recorder(slot: Int) -> Recorder { Recorder(counters: self, slot: slot) }

  /// What one version has done, over all workers.
  public struct Totals: Sendable, Equatable {
    /// Requests answered or failed.
    public var requests: UInt64 = 0
    /// Texts predicted for.
    public var texts: UInt64 = 0
    /// Requests for which the model failed or whose time passed.
    public var failures: UInt64 = 0
    /// Texts of which a shadow's answer was compared with the primary's.
    public var compared: UInt64 = 0
    /// Of them, those answered alike.
    public var agreed: UInt64 = 0
    /// Texts that a shadow was not asked about, for want of time.
    public var dropped: UInt64 = 0
    /// Texts for which what the model computed is not a finite number.
    public var notFinite: UInt64 = 0
    /// Times from first byte to answer; for a shadow, of one text's forward pass.
    public var latency = HistogramSnapshot()
  }

  /// Texts of the version in row `index` for which what it computed is not a finite number.
  func notFinite(_ index: Int) -> UInt64 {
    (0..<table.slotCount / Self.capacity).reduce(0) {
      $0 + table[row($1, index)].load(at: Field.notFinite.rawValue)
    }
  }

  /// The totals of the version in row `index`.
  public func totals(_ index: Int) -> Totals {
    var totals = Totals()
    totals.notFinite = notFinite(index)
    for slot in 0..<table.slotCount / Self.capacity {
      let row = table[row(slot, index)]
      func value(_ field: Field) -> UInt64 { row.load(at: field.rawValue) }
      totals.requests += value(.requests)
      totals.texts += value(.texts)
      totals.failures += value(.failures)
      totals.compared += value(.compared)
      totals.agreed += value(.agreed)
      totals.dropped += value(.dropped)
      // A row that was never written to is not read either: its pages need not exist.
      if value(.texts) > 0 { totals.latency.add(latency[self.row(slot, index)].snapshot()) }
    }
    return totals
  }

  private func row(_ slot: Int, _ index: Int) -> Int {
    slot * Self.capacity + min(max(0, index), Self.capacity - 1)
  }
}

/// Which row of `VersionCounters` a version has. The arbiter's own; its children inherit what it was at their birth.
public struct VersionRegistry: Sendable {
  /// A version that is counted.
  public struct Entry: Sendable, Hashable {
    /// The model's name.
    public let model: String
    /// The version's name.
    public let version: String
    /// The role's name.
    public let role: String
  }

  /// The entries in the order of their rows.
  public private(set) var entries: [Entry] = []

  /// Nothing is counted yet.
  public init() {}

  /// The row of a version: the one it had, or a new one; the last for all that come too late.
  public mutating func index(model: String, version: String, role: String) -> Int {
    let entry = Entry(model: model, version: version, role: role)
    if let index = entries.firstIndex(of: entry) { return index }
    if entries.count < VersionCounters.capacity - 1 {
      entries.append(entry)
      return entries.count - 1
    }
    if entries.count < VersionCounters.capacity {
      entries.append(Entry(model: "other", version: "other", role: "other"))
    }
    return VersionCounters.capacity - 1
  }
}
