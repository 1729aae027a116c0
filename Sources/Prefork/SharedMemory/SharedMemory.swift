import Atomics
import CSystem
import Glibc

/// Memory that the arbiter maps before it forks and that all its children then see as one.
///
/// Anonymous and `MAP_SHARED`: nothing is on disk, it starts zeroed, and it lives until the last process of the pool ends.
/// Views are carved from it front to back by the arbiter, before the fork; a child inherits them at the same addresses.
/// Whatever is carved after a fork is at an address that children forked earlier do not know of.
///
/// Invariants: `base` is page-aligned and points to `byteCount` mapped bytes for the object's whole life; carved regions
/// never overlap; every access goes through an atomic at a checked index, or is by the one process that such an atomic gives the
/// bytes to (`SliceSlot`). Hence `Sendable` is sound: only `carve` changes the
/// object itself, and the arbiter, its one caller, has one thread.
public final class SharedMemory: @unchecked Sendable {
  /// The size of the mapping, rounded up to whole pages.
  public let byteCount: Int
  /// How much of it has been carved.
  public private(set) var usedByteCount = 0
  private let base: UnsafeMutableRawPointer

  /// Each region starts on its own cache line, so that two processes never share one by accident.
  static let alignment = 64

  /// Maps at least `byteCount` bytes. Pages cost nothing until they are written to.
  /// - Throws: `PreforkError.invalidSize`, `PreforkError.mapping`.
  public init(byteCount: Int) throws(PreforkError) {
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    guard byteCount > 0, byteCount <= Int.max - page else { throw .invalidSize(byteCount) }
    let rounded = (byteCount + page - 1) / page * page
    let mapping = mmap(
      nil, rounded, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    guard let mapping, mapping != MAP_FAILED else {
      throw .mapping(byteCount: rounded, code: errno)
    }
    base = mapping
    self.byteCount = rounded
  }

  deinit {
    munmap(base, byteCount)
  }

  /// Sets aside `count` 64-bit cells on cache lines of their own.
  /// - Throws: `PreforkError.invalidSize` for a count that is not positive, `PreforkError.sharedMemoryFull`.
  func carve(cells count: Int) throws(PreforkError) -> SharedCells {
    let (bytes, overflow) = count.multipliedReportingOverflow(by: MemoryLayout<UInt64>.stride)
    guard count > 0, !overflow else { throw .invalidSize(count) }
    let available = byteCount - usedByteCount
    guard bytes <= available else {
      throw .sharedMemoryFull(requested: bytes, available: available)
    }
    let start = base + usedByteCount
    let lines = (bytes + Self.alignment - 1) / Self.alignment
    usedByteCount = min(byteCount, usedByteCount + lines * Self.alignment)
    return SharedCells(memory: self, start: start, count: count)
  }

  /// The bytes that `count` 64-bit cells take, for adding up the size of a mapping beforehand.
  public static func byteCount(cells count: Int) -> Int {
    (count * MemoryLayout<UInt64>.stride + alignment - 1) / alignment * alignment
  }
}

/// A run of 64-bit atomic cells in shared memory, the base of every other view.
///
/// Each cell is a value of its own and read and written in relaxed order, but for the exchange of slices, where a cell says who may
/// touch the bytes behind it.
/// Accesses outside `0..<count` trap.
struct SharedCells: @unchecked Sendable {
  typealias Cell = UnsafeAtomic<UInt64>

  let memory: SharedMemory
  private let cells: UnsafeMutablePointer<Cell.Storage>
  let count: Int

  /// `start` has to be aligned to 8 bytes and point to `count` zeroed cells inside `memory`.
  init(memory: SharedMemory, start: UnsafeMutableRawPointer, count: Int) {
    self.memory = memory
    self.count = count
    cells = start.bindMemory(to: Cell.Storage.self, capacity: count)
  }

  private init(memory: SharedMemory, cells: UnsafeMutablePointer<Cell.Storage>, count: Int) {
    self.memory = memory
    self.cells = cells
    self.count = count
  }

  /// `length` cells from `offset` on.
  func slice(from offset: Int, count length: Int) -> SharedCells {
    precondition(offset >= 0 && length >= 0 && offset <= count - length, "slice out of range")
    return SharedCells(memory: memory, cells: cells + offset, count: length)
  }

  subscript(index: Int) -> Cell {
    precondition(index >= 0 && index < count, "shared cell index out of range")
    return Cell(at: cells + index)
  }

  /// The memory of the cells from `offset` to the end, for bytes that one process at a time may touch.
  func bytes(from offset: Int) -> UnsafeMutableRawPointer {
    precondition(offset >= 0 && offset <= count, "shared bytes out of range")
    return UnsafeMutableRawPointer(cells + offset)
  }
}
