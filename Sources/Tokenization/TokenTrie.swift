/// Finds the longest token at a place of a text. An edge is (node, byte) → node in one open-addressed
/// table, so a step costs one probe.
struct TokenTrie: Sendable {
  private var keys: [UInt64] = []
  private var targets: [UInt32] = []
  private var tokens: [Int32] = [-1]
  private var edges = 0

  init() { resize(to: 1 << 12) }

  /// Makes `token` end at `bytes`.
  mutating func insert(_ bytes: some Sequence<UInt8>, token: Int32) {
    var node: UInt32 = 0
    for byte in bytes { node = step(node, byte) ?? grow(node, byte) }
    tokens[Int(node)] = token
  }

  /// The token of the longest prefix of `bytes[start...]` and where it ends; nil where none fits.
  func longest(_ bytes: [UInt8], from start: Int) -> (token: Int32, end: Int)? {
    var (node, index): (UInt32, Int) = (0, start)
    var found: (token: Int32, end: Int)?
    while index < bytes.count, let next = step(node, bytes[index]) {
      node = next
      index += 1
      if tokens[Int(node)] >= 0 { found = (tokens[Int(node)], index) }
    }
    return found
  }

  private func slot(_ key: UInt64) -> Int {
    let mask = keys.count - 1
    var slot = Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) >> 32) & mask
    while keys[slot] != 0 && keys[slot] != key { slot = (slot + 1) & mask }
    return slot
  }

  private func step(_ node: UInt32, _ byte: UInt8) -> UInt32? {
    let slot = slot(UInt64(node) << 8 | UInt64(byte) | 1 << 63)
    return keys[slot] == 0 ? nil : targets[slot]
  }

  private mutating func grow(_ node: UInt32, _ byte: UInt8) -> UInt32 {
    if edges * 2 >= keys.count { resize(to: keys.count * 2) }
    let key = UInt64(node) << 8 | UInt64(byte) | 1 << 63
    let slot = slot(key)
    let fresh = UInt32(tokens.count)
    tokens.append(-1)
    keys[slot] = key
    targets[slot] = fresh
    edges += 1
    return fresh
  }

  private mutating func resize(to size: Int) {
    let old = zip(keys, targets).filter { $0.0 != 0 }
    keys = [UInt64](repeating: 0, count: size)
    targets = [UInt32](repeating: 0, count: size)
    for (key, target) in old {
      let slot = slot(key)
      keys[slot] = key
      targets[slot] = target
    }
  }
}
