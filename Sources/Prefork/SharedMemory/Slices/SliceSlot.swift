import Atomics
import Glibc

/// One slot of the exchange: its state, and bytes that the state gives to one process at a time (`SliceState`).
///
/// Invariants: bytes past the length are zeros, and the length is written before the bytes that it counts, so that whoever wipes
/// after a death wipes all that was written. The state is changed with acquire and release, so that who may touch the bytes
/// sees what the one before has written.
struct SliceSlot: @unchecked Sendable {
  /// Bytes of one slot: enough for some hundred short texts, or for a text of the longest model.
  static let capacity = 1 << 16
  /// Cells of one slot in front of its bytes: state, length, and room to keep others' cache lines apart.
  static let headCells = 8
  static let cellCount = headCells + capacity / 8

  private let cells: SharedCells

  init(cells: SharedCells) { self.cells = cells }

  /// The state; nil if the memory holds none, which no code here writes.
  var state: SliceState? { SliceState(word: cells[0].load(ordering: .acquiring)) }

  /// Makes a step from exactly `state`; false where another process was faster.
  func change(from state: SliceState, to next: SliceState) -> Bool {
    cells[0].compareExchange(
      expected: state.word, desired: next.word, ordering: .acquiringAndReleasing
    ).exchanged
  }

  /// Makes a step as soon as no other process interferes; nil where it is not open.
  func change(_ step: (SliceState) -> SliceState?) -> SliceState? {
    while let state, let next = step(state) {
      if change(from: state, to: next) { return next }
    }
    return nil
  }

  /// The bytes. Only for who may touch them.
  func read() -> [UInt8] {
    let count = length
    return [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      if let base = buffer.baseAddress { memcpy(base, bytes, count) }
      filled = count
    }
  }

  /// Writes at most `capacity` bytes over a wiped slot. Only for who may touch them.
  func write(_ content: [UInt8]) {
    precondition(content.count <= Self.capacity, "a slice's bytes do not fit its slot")
    cells[1].store(UInt64(content.count), ordering: .sequentiallyConsistent)
    content.withUnsafeBytes { if let base = $0.baseAddress { memcpy(bytes, base, $0.count) } }
  }

  /// Zeros over all that was written. Only for who may touch the bytes.
  func wipe() {
    memset(bytes, 0, length)
    cells[1].store(0, ordering: .sequentiallyConsistent)
  }

  /// Whether all of its bytes are zeros.
  var isWiped: Bool {
    UnsafeRawBufferPointer(start: bytes, count: Self.capacity).allSatisfy { $0 == 0 }
  }

  private var length: Int {
    min(Self.capacity, Int(truncatingIfNeeded: cells[1].load(ordering: .relaxed)))
  }

  private var bytes: UnsafeMutableRawPointer { cells.bytes(from: Self.headCells) }
}
