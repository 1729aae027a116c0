import Atomics

/// A row of counters in shared memory, each a `UInt64` that any process of the pool may add to and read.
///
/// One worker owns a row and adds; readers sum rows. No locks, no contention, and a row keeps what a worker counted after its
/// death.
public struct SharedCounters: Sendable {
  let cells: SharedCells

  /// Carves `count` counters, all zero.
  /// - Throws: `PreforkError.sharedMemoryFull`, `PreforkError.invalidSize`.
  public init(in memory: SharedMemory, count: Int) throws(PreforkError) {
    cells = try memory.carve(cells: count)
  }

  init(cells: SharedCells) {
    self.cells = cells
  }

  /// How many counters there are.
  public var count: Int { cells.count }

  /// Adds to the counter at `index`; wraps around past `UInt64.max`.
  @inline(__always)
  public func add(_ amount: UInt64 = 1, at index: Int) {
    cells[index].wrappingIncrement(by: amount, ordering: .relaxed)
  }

  /// Takes from the counter at `index`, for gauges such as open connections.
  @inline(__always)
  public func subtract(_ amount: UInt64 = 1, at index: Int) {
    cells[index].wrappingDecrement(by: amount, ordering: .relaxed)
  }

  /// The counter at `index`.
  public func load(at index: Int) -> UInt64 {
    cells[index].load(ordering: .relaxed)
  }

  /// Sets the counter at `index`.
  public func store(_ value: UInt64, at index: Int) {
    cells[index].store(value, ordering: .relaxed)
  }

  /// Sets the counter at `index` to `desired` if it still is `expected`; false if another process was faster.
  public func compareExchange(expected: UInt64, desired: UInt64, at index: Int) -> Bool {
    cells[index].compareExchange(expected: expected, desired: desired, ordering: .relaxed).exchanged
  }

  /// Raises the counter at `index` to `value` if it is lower.
  public func raise(to value: UInt64, at index: Int) {
    let cell = cells[index]
    var current = cell.load(ordering: .relaxed)
    while current < value {
      let (exchanged, original) = cell.weakCompareExchange(
        expected: current, desired: value, ordering: .relaxed)
      if exchanged { return }
      current = original
    }
  }

  /// All the counters, each read at its own moment.
  public func snapshot() -> [UInt64] {
    (0..<count).map(load(at:))
  }
}

/// One row of counters for each worker slot: each worker writes its own row, readers sum them.
public struct SharedCounterTable: Sendable {
  private let cells: SharedCells
  private let stride: Int
  /// The number of rows: worker slots.
  public let slotCount: Int
  /// The number of counters in a row.
  public let countPerSlot: Int

  /// Carves `slots` rows of `countPerSlot` counters, all zero; rows do not share cache lines.
  /// - Throws: `PreforkError.sharedMemoryFull`, `PreforkError.invalidSize`.
  public init(in memory: SharedMemory, slots: Int, countPerSlot: Int) throws(PreforkError) {
    guard slots > 0 else { throw .invalidSize(slots) }
    guard countPerSlot > 0 else { throw .invalidSize(countPerSlot) }
    let perLine = SharedMemory.alignment / MemoryLayout<UInt64>.stride
    stride = (countPerSlot + perLine - 1) / perLine * perLine
    slotCount = slots
    self.countPerSlot = countPerSlot
    cells = try memory.carve(cells: slots * stride)
  }

  /// The bytes that such a table takes.
  public static func byteCount(slots: Int, countPerSlot: Int) -> Int {
    slots * SharedMemory.byteCount(cells: countPerSlot)
  }

  /// The row of one worker.
  public subscript(slot: Int) -> SharedCounters {
    SharedCounters(cells: cells.slice(from: slot * stride, count: countPerSlot))
  }

  /// The counter at `index` summed over all slots, those of dead workers included.
  public func sum(at index: Int) -> UInt64 {
    (0..<slotCount).reduce(0) { $0 &+ self[$1].load(at: index) }
  }

  /// Every counter summed over all slots.
  public func sums() -> [UInt64] {
    (0..<countPerSlot).map(sum(at:))
  }
}
