/// Tokens by id and ids by token, in flat arrays: one arena of bytes and one open-addressed table.
struct Vocabulary: Sendable {
  /// The bytes of all tokens.
  private(set) var bytes: [UInt8] = []
  private var starts: [UInt32] = []
  private var lengths: [UInt32] = []
  /// The high half of each slot's hash, which rules out most other tokens, and its token's id plus one; 0 where
  /// it is free.
  private var slots = [UInt64](repeating: 0, count: 64)
  private var shift: UInt64 = 58
  private var used = 0
  /// Bytes of the longest token.
  private(set) var longest = 0

  /// What to do with a token that is there already under another id.
  enum Repetition {
    case refused, replaced
  }

  /// No tokens; `tokens` and `bytes` are what is expected.
  init(tokens: Int = 0, bytes: Int = 0) {
    self.bytes.reserveCapacity(bytes)
    starts.reserveCapacity(tokens)
    lengths.reserveCapacity(tokens)
    while slots.count * 5 < tokens * 8 { grow() }
  }

  /// The highest id plus one.
  var count: Int { starts.count }
  /// How many ids have a token.
  private(set) var tokenCount = 0

  /// Makes `token` the one of `id`. Returns false where it has another id, or the id another token.
  mutating func insert(
    _ token: ArraySlice<UInt8>, id: Int, repeated: Repetition = .refused
  ) -> Bool {
    let content = token.span
    if used * 4 >= slots.count * 3 { grow() }
    var hash = PrefixHash()
    for index in content.indices { hash.combine(content[index]) }
    let slot = slot(hash, content, 0..<content.count)
    let known = Self.id(slots[slot])
    if known >= 0 {
      if known == Int32(id) { return true }
      guard repeated == .replaced else { return false }
    } else {
      used += 1
    }
    while starts.count <= id {
      starts.append(Self.absent)
      lengths.append(0)
    }
    guard starts[id] == Self.absent else { return false }
    slots[slot] = Self.entry(hash, id)
    tokenCount += 1
    starts[id] = UInt32(bytes.count)
    lengths[id] = UInt32(token.count)
    longest = max(longest, token.count)
    bytes.append(contentsOf: token)
    return true
  }

  /// Where in `bytes` the token of `id` stands; nil where there is none.
  func range(_ id: Int) -> Range<Int>? {
    guard starts.indices.contains(id), starts[id] != Self.absent else { return nil }
    return Int(starts[id])..<Int(starts[id]) + Int(lengths[id])
  }

  /// Bytes of the token of `id`.
  @inline(__always)
  func length(_ id: Int32) -> Int { Int(lengths[Int(id)]) }

  /// The token of `id` as text; bytes that are no UTF-8 read as U+FFFD.
  func text(_ id: Int) -> String? {
    range(id).map { String(decoding: bytes[$0], as: UTF8.self) }
  }

  /// The id of a token, or -1.
  func id(_ token: Span<UInt8>) -> Int32 {
    var hash = PrefixHash()
    for index in token.indices { hash.combine(token[index]) }
    return Self.id(slots[slot(hash, token, 0..<token.count)])
  }

  /// The id of a token, or -1.
  func id(_ token: String) -> Int32 { id(Array(token.utf8).span) }

  /// The id of the token that is `prefix` and then `text[range]`, whose hash is known; -1 for none.
  @inline(__always)
  func id(
    _ hash: PrefixHash, prefix: [UInt8], _ text: Span<UInt8>, _ range: Range<Int>
  ) -> Int32 {
    var slot = Int(truncatingIfNeeded: hash.value >> shift)
    let tag = UInt32(truncatingIfNeeded: hash.value >> 32)
    while slots[slot] != 0 {
      let id = Self.id(slots[slot])
      if UInt32(truncatingIfNeeded: slots[slot] >> 32) == tag,
        matches(id, prefix: prefix, text, range)
      {
        return id
      }
      slot = (slot + 1) & (slots.count - 1)
    }
    return -1
  }

  @inline(__always)
  private static func id(_ slot: UInt64) -> Int32 {
    Int32(truncatingIfNeeded: slot & 0xFFFF_FFFF) - 1
  }

  @inline(__always)
  private static func entry(_ hash: PrefixHash, _ id: Int) -> UInt64 {
    hash.value & 0xFFFF_FFFF_0000_0000 | UInt64(id + 1)
  }

  @inline(__always)
  private func matches(
    _ id: Int32, prefix: [UInt8], _ text: Span<UInt8>, _ range: Range<Int>
  ) -> Bool {
    let start = Int(starts[Int(id)])
    guard Int(lengths[Int(id)]) == prefix.count + range.count else { return false }
    for offset in prefix.indices where bytes[start + offset] != prefix[offset] { return false }
    let body = start + prefix.count
    for offset in 0..<range.count
    where bytes[body + offset] != text[range.lowerBound + offset] { return false }
    return true
  }

  private func slot(_ hash: PrefixHash, _ token: Span<UInt8>, _ range: Range<Int>) -> Int {
    var slot = Int(truncatingIfNeeded: hash.value >> shift)
    let tag = UInt32(truncatingIfNeeded: hash.value >> 32)
    while slots[slot] != 0 {
      if UInt32(truncatingIfNeeded: slots[slot] >> 32) == tag,
        matches(Self.id(slots[slot]), prefix: [], token, range)
      {
        break
      }
      slot = (slot + 1) & (slots.count - 1)
    }
    return slot
  }

  private mutating func grow() {
    let old = slots
    slots = [UInt64](repeating: 0, count: old.count * 2)
    shift -= 1
    for entry in old where entry != 0 {
      var hash = PrefixHash()
      let start = Int(starts[Int(Self.id(entry))])
      for index in start..<start + Int(lengths[Int(Self.id(entry))]) { hash.combine(bytes[index]) }
      var slot = Int(truncatingIfNeeded: hash.value >> shift)
      while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
      slots[slot] = entry
    }
  }

  private static let absent = UInt32.max
}

/// A multiplicative hash that grows by a byte at a time, so that all prefixes of a word cost one pass.
struct PrefixHash: Sendable {
  private(set) var value: UInt64

  /// The hash of nothing; that of a part of a word is another.
  init(isPart: Bool = false) {
    value = isPart ? 0xC2B2_AE3D_27D4_EB4F : 0x9E37_79B9_7F4A_7C15
  }

  @inline(__always)
  mutating func combine(_ byte: UInt8) {
    value = (value &+ UInt64(byte) &+ 1) &* 0xD6E8_FEB8_6659_FD93
  }
}
