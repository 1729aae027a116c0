import CSystem
import Glibc

/// One worker's side of the exchange: as an owner it offers slices, as a taker it computes those of others.
///
/// Nothing here waits. Each call may come from any thread of the worker; one offer, and one slice that was taken, is handled by one
/// thread at a time.
package struct SliceDesk: Sendable {
  private let exchange: SliceExchange
  private let scoreboard: Scoreboard
  /// The worker slot.
  private let worker: Int
  private let generation: UInt64

  /// The side of the worker that has `slot`.
  package init(_ exchange: SliceExchange, slot: WorkerSlot, scoreboard: Scoreboard) {
    self.exchange = exchange
    self.scoreboard = scoreboard
    worker = slot.index
    generation = slot.generation
  }

  /// An offer, for who made it.
  package struct Offer: Sendable, Equatable {
    fileprivate let index: Int
    fileprivate let serial: UInt32
  }

  /// What has become of an offer.
  package enum Progress: Sendable, Equatable {
    /// Nobody has taken it.
    case open
    /// A worker has it.
    case taken(by: Int)
    /// The answer, which the exchange has forgotten.
    case answered([UInt8])
    /// There is no answer, because the worker that should have made it has ended: its owner is to compute it.
    case unanswered
    /// The worker has no answer that a slot holds.
    case declined
    /// A worker crashed or hung over it.
    case fatal
  }

  /// What this worker has taken of another.
  package struct Taken: Sendable {
    fileprivate let owner: Int
    fileprivate let slot: SliceSlot
    /// What was offered.
    package let content: [UInt8]
  }

  // MARK: - As an owner

  /// Offers a slice to the workers of the same generation.
  /// - Returns: nil where it is larger than a slot, or no slot is free.
  package func offer(_ content: [UInt8]) -> Offer? {
    guard content.count <= SliceExchange.capacity else { return nil }
    for index in 0..<SliceExchange.slotsPerWorker {
      let slot = exchange.slot(worker, index)
      guard let filled = slot.change({ $0.filled(for: UInt16(truncatingIfNeeded: generation)) })
      else { continue }
      slot.write(content)
      guard slot.change({ $0.offered() }) != nil else { return nil }
      exchange.count(.offered, of: worker)
      return Offer(index: index, serial: filled.serial)
    }
    return nil
  }

  /// What has become of an offer. An answer is given once: the slot is free afterwards, as it is where there will be none.
  package func progress(of offer: Offer) -> Progress {
    let slot = exchange.slot(worker, offer.index)
    guard let state = slot.state, state.serial == offer.serial else { return .unanswered }
    switch state.phase {
    case .offered: return .open
    case .taken: return .taken(by: state.taker)
    case .done:
      let answer = slot.read()
      empty(slot)
      exchange.count(.given, of: worker)
      return .answered(answer)
    case .declined:
      empty(slot)
      return .declined
    case .lost:
      empty(slot)
      return .unanswered
    case .fatal:
      empty(slot)
      return .fatal
    case .empty, .filling, .abandoned: return .unanswered
    }
  }

  /// Takes an offer back that nobody has taken; false where somebody has.
  package func withdraw(_ offer: Offer) -> Bool {
    let slot = exchange.slot(worker, offer.index)
    let step = slot.change { $0.serial == offer.serial ? $0.withdrawn() : nil }
    guard step != nil else { return false }
    empty(slot)
    exchange.count(.withdrawn, of: worker)
    return true
  }

  /// Waits no longer for who has taken an offer; false where the answer has come, or nobody has taken it.
  package func reclaim(_ offer: Offer) -> Bool {
    let slot = exchange.slot(worker, offer.index)
    guard slot.change({ $0.serial == offer.serial ? $0.reclaimed() : nil }) != nil else {
      return false
    }
    exchange.count(.reclaimed, of: worker)
    return true
  }

  private func empty(_ slot: SliceSlot) {
    slot.wipe()
    _ = slot.change { $0.emptied() }
  }

  // MARK: - As a taker

  /// Takes one slice that another worker of the same generation offers; nil where none does.
  package func take() -> Taken? {
    let generation = UInt16(truncatingIfNeeded: generation)
    for owner in exchange.laden.members(after: worker) where owner != worker {
      for index in 0..<SliceExchange.slotsPerWorker {
        let slot = exchange.slot(owner, index)
        guard slot.change({ $0.taken(by: worker, of: generation) }) != nil else { continue }
        let content = slot.read()
        // The owner has the texts; here they need not outlive their reading.
        slot.wipe()
        return Taken(owner: owner, slot: slot, content: content)
      }
    }
    return nil
  }

  /// Gives the owner its answer, or says that there is none that a slot holds.
  package func finish(_ taken: Taken, answer: [UInt8]?) {
    let slot = taken.slot
    if let answer, answer.count <= SliceExchange.capacity {
      slot.write(answer)
      if slot.change({ $0.finished(by: worker) }) != nil {
        exchange.count(.taken, of: worker)
        return exchange.wake(taken.owner)
      }
    } else if slot.change({ $0.declined(by: worker) }) != nil {
      return exchange.wake(taken.owner)
    }
    // Nobody waits for it.
    slot.wipe()
    _ = slot.change { $0.released(by: worker) }
  }

  // MARK: - Who is idle, who is laden

  /// Whether this worker has nothing to compute.
  package func setIdle(_ isIdle: Bool) {
    if isIdle { exchange.idle.insert(worker) } else { exchange.idle.remove(worker) }
  }

  /// Whether this worker has more to compute than it can at once.
  package func setLaden(_ isLaden: Bool) {
    if isLaden { exchange.laden.insert(worker) } else { exchange.laden.remove(worker) }
  }

  /// Other workers of the same generation with nothing to compute.
  package var idleWorkers: [Int] { peers(in: exchange.idle) }

  /// Other workers of the same generation with more to compute than they can at once.
  package var ladenWorkers: [Int] { peers(in: exchange.laden) }

  private func peers(in set: WorkerSet) -> [Int] {
    if set.isEmpty { return [] }
    return set.members(after: worker).filter {
      $0 != worker && scoreboard[$0].generation == generation
    }
  }

  /// Whether a worker has given no sign of life for a second, of which it gives four: it has stopped.
  package func isSilent(_ worker: Int) -> Bool {
    let (beat, now) = (scoreboard[worker].heartbeat, martlet_monotonic_nanoseconds())
    return now > beat && now - beat > 1_000_000_000
  }

  /// Whether another worker offers what this one may take.
  package var seesOffer: Bool {
    ladenWorkers.contains { owner in
      (0..<SliceExchange.slotsPerWorker).contains {
        exchange.slot(owner, $0).state?.taken(
          by: worker, of: UInt16(truncatingIfNeeded: generation)) != nil
      }
    }
  }

  /// Takes an idle worker for something that is about to be offered; false where another was faster.
  package func claim(_ idle: Int) -> Bool { exchange.idle.remove(idle) }

  /// Leaves a worker idle that was claimed.
  package func release(_ idle: Int) { exchange.idle.insert(idle) }

  /// Wakes a worker that was claimed.
  package func wake(_ idle: Int) { exchange.wake(idle) }

  /// Wakes this worker.
  package func remind() { exchange.wake(worker) }

  /// Tells a laden worker that this one is idle.
  package func ask(_ laden: Int) { exchange.wake(laden) }

  /// Becomes readable when another worker wakes this one.
  package var wakeup: Int32 { exchange.wakeup(of: worker) }

  /// Makes `wakeup` unreadable until somebody wakes this worker again.
  package func clearWakeup() {
    var count: UInt64 = 0
    _ = read(wakeup, &count, MemoryLayout<UInt64>.size)
  }
}
