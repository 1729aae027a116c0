import CSystem
import Foundation
import Prefork

/// What a storm's workers count, in shared memory.
enum StormCount: Int, CaseIterable {
  /// Slices that another worker answered, rightly.
  case answered
  /// Slices that the owner computed itself: withdrawn, reclaimed, declined, or their taker ended.
  case computed
  /// Slices whose taker crashed over them.
  case fatal
  /// Contents and answers that are not what was written.
  case wrong
}

/// One worker of a storm: offers slices whose answers it knows, and computes those of others.
final class StormWorker: @unchecked Sendable {
  private let desk: SliceDesk
  private let slot: WorkerSlot
  private let counts: SharedCounters
  /// Of the owner's side.
  private var random: SystemRandomNumberGenerator
  private var offers: [(offer: SliceDesk.Offer, content: [UInt8])] = []

  init(_ desk: SliceDesk, slot: WorkerSlot, counts: SharedCounters) {
    (self.desk, self.slot, self.counts) = (desk, slot, counts)
    random = SystemRandomNumberGenerator()
  }

  private func count(_ what: StormCount) { counts.add(at: what.rawValue) }

  // MARK: - Slices

  /// The first byte says what the taker does: 0 declines, 255 crashes. The last is a checksum.
  private func content() -> [UInt8] {
    let length =
      Int.random(in: 0..<64, using: &random) == 0 ? SliceExchange.capacity : .random(in: 2...900)
    var bytes = (0..<min(length, 1000)).map { _ in UInt8.random(in: 1...254, using: &random) }
    bytes += [UInt8](repeating: bytes[0], count: length - bytes.count)
    switch Int.random(in: 0..<1000, using: &random) {
    case ..<50: bytes[0] = 0
    case ..<55: bytes[0] = 255
    default: break
    }
    bytes[length - 1] = Self.checksum(bytes.dropLast())
    return bytes
  }

  private static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt8 {
    bytes.reduce(7) { ($0 &* 31) &+ $1 }
  }

  private static func answer(_ content: [UInt8]) -> [UInt8] { content.reversed().map { $0 ^ 0xA5 } }

  // MARK: - As an owner

  /// Offers slices, and sees what has become of those before. False once nothing is outstanding and none is to be offered.
  func ownerStep(offering: Bool) -> Bool {
    slot.beat()
    while offering && offers.count < 20 {
      let content = content()
      guard let offer = desk.offer(content) else { break }
      offers.append((offer, content))
    }
    desk.setLaden(!offers.isEmpty)
    for idle in desk.idleWorkers where desk.claim(idle) { desk.wake(idle) }
    offers.removeAll { isOver($0.offer, $0.content) }
    return offering || !offers.isEmpty
  }

  private func isOver(_ offer: SliceDesk.Offer, _ content: [UInt8]) -> Bool {
    switch desk.progress(of: offer) {
    case .open:
      guard Int.random(in: 0..<20, using: &random) == 0, desk.withdraw(offer) else { return false }
      count(.computed)
    case .taken(let taker):
      let isImpatient = desk.isSilent(taker) || Int.random(in: 0..<200, using: &random) == 0
      guard isImpatient, desk.reclaim(offer) else { return false }
      count(.computed)
    case .answered(let answer): count(answer == Self.answer(content) ? .answered : .wrong)
    case .unanswered, .declined: count(.computed)
    case .fatal:
      count(.fatal)
      if content[0] != 255 { count(.wrong) }
    }
    return true
  }

  // MARK: - As a taker

  /// Takes and answers one slice; false where there is none.
  /// - Parameter crash: how this worker crashes.
  func takerStep(crash: () -> Void) -> Bool {
    guard let taken = desk.take() else { return false }
    let content = taken.content
    if content.count < 2 || Self.checksum(content.dropLast()) != content.last { count(.wrong) }
    usleep(UInt32.random(in: 0...300))
    switch content.first {
    case 0: desk.finish(taken, answer: nil)
    case 255: crash()
    default: desk.finish(taken, answer: Self.answer(content))
    }
    return true
  }

  /// Waits until somebody wakes this worker, but not for long.
  func rest() {
    desk.setIdle(true)
    defer { desk.setIdle(false) }
    var waiting = pollfd(fd: desk.wakeup, events: Int16(POLLIN), revents: 0)
    if desk.ladenWorkers.isEmpty && poll(&waiting, 1, 20) > 0 { desk.clearWakeup() }
  }
}
