import Atomics

/// A row of `Double` values in shared memory, for sums and gauges that are not whole numbers.
public struct SharedReals: Sendable {
  private let cells: SharedCells

  /// Carves `count` values, all zero.
  /// - Throws: `PreforkError.sharedMemoryFull`, `PreforkError.invalidSize`.
  public init(in memory: SharedMemory, count: Int) throws(PreforkError) {
    cells = try memory.carve(cells: count)
  }

  /// How many values there are.
  public var count: Int { cells.count }

  /// The value at `index`.
  public func load(at index: Int) -> Double {
    Double(bitPattern: cells[index].load(ordering: .relaxed))
  }

  /// Sets the value at `index`.
  public func store(_ value: Double, at index: Int) {
    cells[index].store(value.bitPattern, ordering: .relaxed)
  }

  /// Adds to the value at `index`; lock-free, and exact up to the rounding of each addition.
  public func add(_ amount: Double, at index: Int) {
    let cell = cells[index]
    var current = cell.load(ordering: .relaxed)
    while true {
      let sum = (Double(bitPattern: current) + amount).bitPattern
      let (exchanged, original) = cell.weakCompareExchange(
        expected: current, desired: sum, ordering: .relaxed)
      if exchanged { return }
      current = original
    }
  }
}
