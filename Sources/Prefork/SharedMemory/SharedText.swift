/// A short text in shared memory. One process writes at a time; who reads meanwhile may see parts of both texts.
struct SharedText: Sendable {
  /// Bytes that fit; what is longer is cut.
  static let capacity = 504
  static let cellCount = 1 + capacity / 8
  /// The length in bytes, then eight bytes a cell.
  private let cells: SharedCounters

  init(in memory: SharedMemory) throws(PreforkError) {
    cells = try SharedCounters(in: memory, count: Self.cellCount)
  }

  var text: String {
    get {
      let length = min(Int(truncatingIfNeeded: cells.load(at: 0)), Self.capacity)
      let bytes = (0..<max(0, length)).map { index in
        UInt8(truncatingIfNeeded: cells.load(at: 1 + index / 8) >> (index % 8 * 8))
      }
      return String(decoding: bytes, as: UTF8.self)
    }
    nonmutating set {
      let bytes = Array(newValue.utf8.prefix(Self.capacity))
      cells.store(0, at: 0)
      for start in stride(from: 0, to: bytes.count, by: 8) {
        let word = bytes[start..<min(start + 8, bytes.count)].reversed()
          .reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        cells.store(word, at: 1 + start / 8)
      }
      cells.store(UInt64(bytes.count), at: 0)
    }
  }
}
