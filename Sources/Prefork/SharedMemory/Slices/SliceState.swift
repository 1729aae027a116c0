/// The state of one slot of the exchange: one 64-bit word, changed only by compare-and-swap.
///
///              filling ──▶ offered ──▶ taken ──▶ done ─────┐
///                 ▲          │           │ ├───▶ declined ─┤
///                 │◀─────────┘ withdrawn │ └───▶ lost ─────┤
///                 │                      ▼                 │
///     empty ──────┘        empty ◀── abandoned             ▼
///       ▲                                                empty
///       └── the owner has wiped it
///
/// A phase says who may touch the slot's bytes, and nobody else does:
/// - *filling*, *done*, *declined*, *lost*, *fatal*: the owner;
/// - *taken*, *abandoned*: the taker;
/// - *empty*, *offered*: nobody. The bytes of an empty slot are zeros.
///
/// The functions are pure, so that `SliceStateTests` can walk every order of every process's steps. Each gives the state that
/// follows, or nil where the step is not open in this state. `serial` grows with each filling, so that a word that was read before
/// a slot got other contents is never mistaken for the present one.
package struct SliceState: Equatable, Hashable, Sendable {
  /// What is with the slot.
  package enum Phase: UInt8, Sendable, CaseIterable {
    /// Free for its owner.
    case empty
    /// The owner writes or wipes it.
    case filling
    /// Any worker of the same generation may take it.
    case offered
    /// The taker reads it, computes, and writes the answer into it.
    case taken
    /// The answer is there.
    case done
    /// The taker has no answer that the slot could hold.
    case declined
    /// The taker ended meanwhile, for a reason of its own.
    case lost
    /// The taker crashed or hung meanwhile: perhaps of what it computed.
    case fatal
    /// The owner wants no answer any more, or has ended; the taker does not know yet.
    case abandoned
  }

  /// What is with the slot.
  package private(set) var phase: Phase
  /// The worker slot of the taker; meaningful in `taken` and `abandoned`.
  package private(set) var taker: Int
  /// The load of the program whose workers may take it, its lowest 16 bits.
  package private(set) var generation: UInt16
  /// How many contents the slot has had.
  package private(set) var serial: UInt32

  /// Worker slots that a word can name.
  package static let takerLimit = 4096

  /// A slot that was never used; its word is zero, as fresh memory is.
  package init() { (phase, taker, generation, serial) = (.empty, 0, 0, 0) }

  /// The state in a word; nil for one that no state has.
  package init?(word: UInt64) {
    guard let phase = Phase(rawValue: UInt8(word & 0xF)) else { return nil }
    self.phase = phase
    taker = Int(word >> 4 & 0xFFF)
    generation = UInt16(truncatingIfNeeded: word >> 16)
    serial = UInt32(truncatingIfNeeded: word >> 32)
  }

  /// The word.
  package var word: UInt64 {
    UInt64(phase.rawValue) | UInt64(taker & 0xFFF) << 4 | UInt64(generation) << 16
      | UInt64(serial) << 32
  }

  private func with(_ phase: Phase, taker: Int = 0) -> SliceState {
    var next = self
    (next.phase, next.taker) = (phase, taker)
    return next
  }

  // MARK: - Steps of the owner

  /// An empty slot gets new contents.
  package func filled(for generation: UInt16) -> SliceState? {
    guard phase == .empty else { return nil }
    var next = with(.filling)
    next.generation = generation
    next.serial &+= 1
    return next
  }

  /// What was filled may be taken.
  package func offered() -> SliceState? { phase == .filling ? with(.offered) : nil }

  /// What nobody has taken is the owner's again.
  package func withdrawn() -> SliceState? { phase == .offered ? with(.filling) : nil }

  /// The owner has read what it wanted and wiped the rest.
  package func emptied() -> SliceState? {
    switch phase {
    case .filling, .done, .declined, .lost, .fatal: with(.empty)
    case .empty, .offered, .taken, .abandoned: nil
    }
  }

  /// The owner no longer waits for the taker, who stays the only one to touch the bytes.
  package func reclaimed() -> SliceState? {
    phase == .taken ? with(.abandoned, taker: taker) : nil
  }

  // MARK: - Steps of the taker

  /// A worker of the same generation takes what is offered.
  package func taken(by worker: Int, of generation: UInt16) -> SliceState? {
    phase == .offered && self.generation == generation ? with(.taken, taker: worker) : nil
  }

  /// The taker has written the answer.
  package func finished(by worker: Int) -> SliceState? {
    phase == .taken && taker == worker ? with(.done) : nil
  }

  /// The taker has none.
  package func declined(by worker: Int) -> SliceState? {
    phase == .taken && taker == worker ? with(.declined) : nil
  }

  /// The taker has wiped what nobody waits for.
  package func released(by worker: Int) -> SliceState? {
    phase == .abandoned && taker == worker ? with(.empty) : nil
  }

  // MARK: - Steps of the arbiter, once a worker has ended

  /// The owner has ended: its offers are void. What then is `filling` is the arbiter's to wipe and empty.
  package func ownerEnded() -> SliceState? {
    switch phase {
    case .empty, .filling, .abandoned: nil
    case .offered, .done, .declined, .lost, .fatal: with(.filling)
    case .taken: with(.abandoned, taker: taker)
    }
  }

  /// The taker has ended. `isFault` says that it crashed or hung.
  package func takerEnded(_ worker: Int, isFault: Bool) -> SliceState? {
    phase == .taken && taker == worker ? with(isFault ? .fatal : .lost) : nil
  }
}
