/// The pool's state in shared memory: one slot for each worker that can exist, and a few figures of the arbiter's own.
public struct Scoreboard: Sendable {
  private enum Field: Int, CaseIterable {
    case arbiter, startedAt, workersWanted, generation, crashes, timeouts, reloads, failedReloads
    case crashLooping, companion, leaving
  }

  private let table: SharedCounterTable
  private let pool: SharedCounters
  private let refusalText: SharedText

  /// Carves a scoreboard for at most `slots` workers at a time.
  /// - Throws: `PreforkError.sharedMemoryFull`, `PreforkError.invalidSize`.
  public init(in memory: SharedMemory, slots: Int) throws(PreforkError) {
    table = try SharedCounterTable(
      in: memory, slots: slots, countPerSlot: WorkerSlot.cellCount)
    pool = try SharedCounters(in: memory, count: Field.allCases.count)
    refusalText = try SharedText(in: memory)
  }

  /// The bytes that a scoreboard takes.
  public static func byteCount(slots: Int) -> Int {
    SharedCounterTable.byteCount(slots: slots, countPerSlot: WorkerSlot.cellCount)
      + SharedMemory.byteCount(cells: Field.allCases.count)
      + SharedMemory.byteCount(cells: SharedText.cellCount)
  }

  /// How many workers can exist at a time.
  public var slotCount: Int { table.slotCount }

  /// The slot at `index`.
  public subscript(index: Int) -> WorkerSlot {
    WorkerSlot(counters: table[index], index: index)
  }

  /// Every slot, taken or not.
  public var slots: [WorkerSlot] { (0..<slotCount).map { self[$0] } }

  /// The slots that a process has.
  public var liveSlots: [WorkerSlot] { slots.filter { $0.state != .empty } }

  /// How many workers are serving.
  public var readyCount: Int { slots.count { $0.state == .ready } }

  /// The arbiter's process identifier.
  public var arbiter: Int32 {
    get { Int32(truncatingIfNeeded: self[.arbiter]) }
    nonmutating set { self[.arbiter] = UInt64(UInt32(bitPattern: newValue)) }
  }

  /// The health process's identifier, 0 when there is none.
  public var companion: Int32 {
    get { Int32(truncatingIfNeeded: self[.companion]) }
    nonmutating set { self[.companion] = UInt64(UInt32(bitPattern: newValue)) }
  }

  /// When the arbiter started, in monotonic nanoseconds.
  public var startedAt: UInt64 {
    get { self[.startedAt] }
    nonmutating set { self[.startedAt] = newValue }
  }

  /// How many workers the arbiter keeps.
  public var workersWanted: Int {
    get { Int(truncatingIfNeeded: self[.workersWanted]) }
    nonmutating set { self[.workersWanted] = UInt64(newValue) }
  }

  /// The load of the program that new workers run; grows by one with each reload.
  public var generation: UInt64 {
    get { self[.generation] }
    nonmutating set { self[.generation] = newValue }
  }

  /// Workers that died without being asked to.
  public var crashes: UInt64 {
    get { self[.crashes] }
    nonmutating set { self[.crashes] = newValue }
  }

  /// Workers that were killed because they hung.
  public var timeouts: UInt64 {
    get { self[.timeouts] }
    nonmutating set { self[.timeouts] = newValue }
  }

  /// Reloads that went through.
  public var reloads: UInt64 {
    get { self[.reloads] }
    nonmutating set { self[.reloads] = newValue }
  }

  /// Reloads that were refused, so that the old program went on.
  public var failedReloads: UInt64 {
    get { self[.failedReloads] }
    nonmutating set { self[.failedReloads] = newValue }
  }

  /// Why the latest reload was refused; empty where it went through, or where there was none.
  public var refusal: String {
    get { refusalText.text }
    nonmutating set { refusalText.text = newValue }
  }

  /// True while new workers keep dying before they serve and the arbiter holds back.
  public var isCrashLooping: Bool {
    get { self[.crashLooping] != 0 }
    nonmutating set { self[.crashLooping] = newValue ? 1 : 0 }
  }

  /// True once the pool has been told to end and waits for balancers to notice: it serves, but is not ready.
  public var isLeaving: Bool {
    get { self[.leaving] != 0 }
    nonmutating set { self[.leaving] = newValue ? 1 : 0 }
  }

  private subscript(field: Field) -> UInt64 {
    get { pool.load(at: field.rawValue) }
    nonmutating set { pool.store(newValue, at: field.rawValue) }
  }
}
