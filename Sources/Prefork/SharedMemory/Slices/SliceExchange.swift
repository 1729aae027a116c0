import CSystem
import Glibc

/// Where workers offer slices of work to one another: shared memory that the arbiter carves, and a wake-up for each worker, which
/// it opens, before the forks.
///
/// Each worker slot owns a row of `SliceSlot`s, which only its worker fills. An idle worker takes what is offered, computes it, and
/// puts the answer in the same slot; the owner reads it there. No lock exists, so none is held: a process may end or stop at any
/// instruction. When a worker has ended the arbiter settles what it had (`workerEnded`), before another process gets its worker
/// slot. So no word ever names a process of before.
package struct SliceExchange: Sendable {
  /// Slots of one worker.
  package static let slotsPerWorker = 16
  /// Bytes that an offer and an answer have at most.
  package static let capacity = SliceSlot.capacity

  /// Worker slots.
  package let workerCount: Int
  private let slots: [[SliceSlot]]
  /// Workers with nothing to compute.
  let idle: WorkerSet
  /// Workers with more to compute than they can at once.
  let laden: WorkerSet
  /// Whether workers can be woken. Where they cannot, nothing is to be shared.
  package let canWake: Bool
  private let wakeups: [Int32]
  private let counters: SharedCounterTable

  /// Carves the exchange of `workers` worker slots.
  /// - Throws: `PreforkError.invalidSize`, `PreforkError.sharedMemoryFull`, or `PreforkError.systemCall` where the kernel has no
  ///   descriptors left.
  package init(in memory: SharedMemory, workers: Int) throws(PreforkError) {
    guard (1...SliceState.takerLimit).contains(workers) else { throw .invalidSize(workers) }
    workerCount = workers
    var slots: [[SliceSlot]] = []
    for _ in 0..<workers {
      let row = try memory.carve(cells: Self.slotsPerWorker * SliceSlot.cellCount)
      slots.append(
        (0..<Self.slotsPerWorker).map {
          SliceSlot(
            cells: row.slice(from: $0 * SliceSlot.cellCount, count: SliceSlot.cellCount))
        })
    }
    self.slots = slots
    idle = try WorkerSet(in: memory, slots: workers)
    laden = try WorkerSet(in: memory, slots: workers)
    counters = try SharedCounterTable(
      in: memory, slots: workers, countPerSlot: SliceCount.allCases.count)
    // Where descriptors are few, connections need them more.
    var limit = rlimit()
    getrlimit(.init(RLIMIT_NOFILE.rawValue), &limit)
    canWake = limit.rlim_cur / 4 >= rlim_t(workers)
    var wakeups: [Int32] = []
    for _ in 0..<(canWake ? workers : 0) {
      let descriptor = martlet_event_descriptor()
      guard descriptor >= 0 else {
        let code = errno
        for opened in wakeups { close(opened) }
        throw .systemCall("eventfd", code: code)
      }
      wakeups.append(descriptor)
    }
    self.wakeups = wakeups
  }

  /// The bytes taken for `workers` worker slots; those of slots cost nothing until they are used.
  package static func byteCount(workers: Int) -> Int {
    workers * SharedMemory.byteCount(cells: slotsPerWorker * SliceSlot.cellCount)
      + 2 * SharedMemory.byteCount(cells: WorkerSet.cellCount(slots: workers))
      + SharedCounterTable.byteCount(slots: workers, countPerSlot: SliceCount.allCases.count)
  }

  /// The slot `index` of a worker.
  func slot(_ worker: Int, _ index: Int) -> SliceSlot { slots[worker][index] }

  /// Wakes the worker in a worker slot. Never waits.
  func wake(_ worker: Int) {
    guard canWake else { return }
    var one: UInt64 = 1
    _ = write(wakeups[worker], &one, MemoryLayout<UInt64>.size)
  }

  /// What becomes readable when somebody wakes the worker.
  func wakeup(of worker: Int) -> Int32 { wakeups[worker] }

  /// The arbiter's step after a worker has ended, before another gets its worker slot: its offers are void, what it had taken
  /// goes back to the owners, who are woken, and what it wrote is wiped.
  /// - Parameter isFault: whether it crashed or hung, so that what it was computing may be why.
  package func workerEnded(_ worker: Int, isFault: Bool) {
    guard (0..<workerCount).contains(worker) else { return }
    idle.remove(worker)
    laden.remove(worker)
    for owner in 0..<workerCount {
      var mustWake = false
      for slot in slots[owner] {
        if slot.change({ $0.takerEnded(worker, isFault: isFault) }) != nil {
          mustWake = true
          count(isFault ? .fatal : .lost, of: owner)
        }
        guard let state = slot.state, state.phase == .abandoned, state.taker == worker else {
          continue
        }
        slot.wipe()
        _ = slot.change { $0.released(by: worker) }
      }
      if mustWake { wake(owner) }
    }
    for slot in slots[worker] {
      _ = slot.change { $0.ownerEnded() }
      guard slot.state?.phase == .filling else { continue }
      slot.wipe()
      _ = slot.change { $0.emptied() }
    }
  }

  /// Whether every slot is empty and all its bytes are zeros, as it is when nobody offers anything.
  package var isClean: Bool {
    slots.allSatisfy { $0.allSatisfy { $0.state?.phase == .empty && $0.isWiped } }
  }

  // MARK: - Counts

  /// What a worker counts of its slices.
  package enum SliceCount: Int, CaseIterable, Sendable {
    /// Offered to others.
    case offered
    /// Computed by another worker for this one.
    case given
    /// Computed by this worker for another.
    case taken
    /// Offered, but computed by this worker before another took it.
    case withdrawn
    /// Given to a worker that ended meanwhile, or had no answer that fits.
    case lost
    /// Given to a worker that crashed or hung over it.
    case fatal
    /// Given to a worker that has stopped, and taken back.
    case reclaimed
  }

  func count(_ what: SliceCount, of worker: Int) { counters[worker].add(at: what.rawValue) }

  /// How often that happened to all workers that had a worker slot.
  package func count(_ what: SliceCount, worker: Int) -> UInt64 {
    counters[worker].load(at: what.rawValue)
  }
}
