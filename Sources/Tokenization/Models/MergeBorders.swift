/// Between which characters some merge can join, of all merges. Where none can, a word falls into parts whose tokens do not
/// depend on each other: a text without spaces becomes short words, which are remembered, and need no large heap.
///
/// A merge across the border of characters A and B has a left side that ends with A, or with the last bytes of it alone,
/// and a right side that begins with B, or with its first bytes alone.
struct MergeBorders: Sendable {
  /// Pairs of ASCII characters, a bit for each.
  private var ascii = [UInt64](repeating: 0, count: 256)
  /// Other pairs of characters, in an open-addressed table; 0 where it is free.
  private var pairs = [UInt64](repeating: 0, count: 1 << 10)
  private var used = 0
  private var shift: UInt64 = 54
  /// Pairs of the bytes beside a border where a side is no whole character, a bit for each.
  private var bytes = [UInt64](repeating: 0, count: 1024)

  /// Adds a merge of tokens whose last and first bytes these are, four of each that has so many.
  mutating func insert(_ left: [UInt8], _ right: [UInt8]) {
    guard let last = left.last, let first = right.first else { return }
    let start = left.span.scalarStart(before: left.count)
    let (before, length) = left.span.scalar(at: start)
    let (after, behind) = right.span.scalar(at: 0)
    let isWhole =
      left[start] & 0xC0 != 0x80 && start + length == left.count && first & 0xC0 != 0x80
      && (first < 0x80 || behind > 1)
    guard isWhole else {
      let bit = Int(last) << 8 | Int(first)
      bytes[bit >> 6] |= 1 << UInt64(bit & 63)
      return
    }
    if before < 0x80 && after < 0x80 {
      let bit = Int(before) << 7 | Int(after)
      ascii[bit >> 6] |= 1 << UInt64(bit & 63)
      return
    }
    insert(Self.key(before, after))
  }

  /// Where the part of `text[..<end]` ends that begins at `start`.
  @inline(__always)
  func partEnd(_ text: Span<UInt8>, from start: Int, to end: Int) -> Int {
    var (before, length) = text.scalar(at: start)
    var index = start + length
    while index < end {
      let after: UInt32
      (after, length) = text.scalar(at: index)
      if !joins(before, after, text[index - 1], text[index]) { return index }
      before = after
      index += length
    }
    return end
  }

  @inline(__always)
  private func joins(_ before: UInt32, _ after: UInt32, _ last: UInt8, _ first: UInt8) -> Bool {
    if before < 0x80 && after < 0x80 {
      let bit = Int(before) << 7 | Int(after)
      return ascii[bit >> 6] >> UInt64(bit & 63) & 1 == 1
    }
    let bit = Int(last) << 8 | Int(first)
    if bytes[bit >> 6] >> UInt64(bit & 63) & 1 == 1 { return true }
    let key = Self.key(before, after)
    return pairs[slot(key)] == key
  }

  private static func key(_ before: UInt32, _ after: UInt32) -> UInt64 {
    (UInt64(before) << 32 | UInt64(after)) &+ 1
  }

  @inline(__always)
  private func slot(_ key: UInt64) -> Int {
    let mixed = (key ^ key >> 31) &* 0x9E37_79B9_7F4A_7C15
    var slot = Int(truncatingIfNeeded: mixed >> shift)
    while pairs[slot] != 0 && pairs[slot] != key { slot = (slot + 1) & (pairs.count - 1) }
    return slot
  }

  private mutating func insert(_ key: UInt64) {
    if used * 2 >= pairs.count {
      let old = pairs
      pairs = [UInt64](repeating: 0, count: old.count * 2)
      shift -= 1
      for key in old where key != 0 { pairs[slot(key)] = key }
    }
    let slot = slot(key)
    if pairs[slot] == 0 { used += 1 }
    pairs[slot] = key
  }
}
