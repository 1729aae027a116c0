import Atomics

/// A set of worker slots in shared memory, one bit each: any process may add and take away.
struct WorkerSet: Sendable {
  private let cells: SharedCells

  /// Carves an empty set of worker slots below `slots`.
  init(in memory: SharedMemory, slots: Int) throws(PreforkError) {
    cells = try memory.carve(cells: Self.cellCount(slots: slots))
  }

  static func cellCount(slots: Int) -> Int { (slots + 63) / 64 }

  var isEmpty: Bool {
    (0..<cells.count).allSatisfy { cells[$0].load(ordering: .sequentiallyConsistent) == 0 }
  }

  func contains(_ worker: Int) -> Bool {
    cells[worker / 64].load(ordering: .sequentiallyConsistent) & bit(worker) != 0
  }

  /// Adds a worker. Sequentially consistent, as all here: a worker that first joins one set and then looks at another sees whoever
  /// did the same the other way round.
  func insert(_ worker: Int) {
    if contains(worker) { return }
    _ = cells[worker / 64].loadThenBitwiseOr(with: bit(worker), ordering: .sequentiallyConsistent)
  }

  /// Takes a worker away; false where it was not there, so that of two who take the same one only one succeeds.
  @discardableResult func remove(_ worker: Int) -> Bool {
    // Looking first leaves the cache line with the other cores.
    if !contains(worker) { return false }
    let before = cells[worker / 64].loadThenBitwiseAnd(
      with: ~bit(worker), ordering: .sequentiallyConsistent)
    return before & bit(worker) != 0
  }

  /// The members from `start` on, then those before it.
  func members(after start: Int) -> [Int] {
    var (later, earlier): ([Int], [Int]) = ([], [])
    for index in 0..<cells.count {
      var word = cells[index].load(ordering: .sequentiallyConsistent)
      while word != 0 {
        let worker = index * 64 + word.trailingZeroBitCount
        if worker > start { later.append(worker) } else { earlier.append(worker) }
        word &= word - 1
      }
    }
    return later + earlier
  }

  private func bit(_ worker: Int) -> UInt64 { 1 << UInt64(worker % 64) }
}
