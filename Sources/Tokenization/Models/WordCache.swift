/// The tokens of words seen before, in bounded memory: when it is full, it starts anew.
struct WordCache: Sendable {
  private struct Slot: Sendable {
    var hash: UInt64 = 0
    var key: UInt32 = 0
    var ids: UInt32 = 0
    var length: UInt16 = 0
    var count: UInt16 = 0
  }

  /// Longer words are not kept.
  static let longestWord = 64
  private static let mostSlots = 1 << 16
  private static let mostBytes = 1 << 20

  private var slots = [Slot](repeating: Slot(), count: 1 << 8)
  private var shift: UInt64 = 56
  private var used = 0
  private var keys: [UInt8] = []
  private var ids: [Int32] = []

  /// Appends the tokens of `text[word]` if they are known.
  @inline(__always)
  func append(
    _ text: Span<UInt8>, _ word: Range<Int>, _ hash: UInt64, to output: inout [Int32]
  ) -> Bool {
    var place = Int(truncatingIfNeeded: hash >> shift)
    while slots[place].length != 0 {
      let slot = slots[place]
      if slot.hash == hash && Int(slot.length) == word.count {
        let key = Int(slot.key)
        var offset = 0
        while offset < word.count && keys[key + offset] == text[word.lowerBound + offset] {
          offset += 1
        }
        if offset == word.count {
          let first = Int(slot.ids)
          for index in first..<first + Int(slot.count) { output.append(ids[index]) }
          return true
        }
      }
      place = (place + 1) & (slots.count - 1)
    }
    return false
  }

  /// Keeps what was appended to `output` from `start` on as the tokens of `text[word]`.
  mutating func insert(
    _ text: Span<UInt8>, _ word: Range<Int>, _ hash: UInt64, _ output: [Int32], from start: Int
  ) {
    let count = output.count - start
    if used * 2 >= slots.count || keys.count > Self.mostBytes || ids.count > Self.mostBytes {
      grow()
    }
    var place = Int(truncatingIfNeeded: hash >> shift)
    while slots[place].length != 0 { place = (place + 1) & (slots.count - 1) }
    slots[place] = Slot(
      hash: hash, key: UInt32(keys.count), ids: UInt32(ids.count), length: UInt16(word.count),
      count: UInt16(count))
    used += 1
    keys.append(text, word)
    for index in start..<output.count { ids.append(output[index]) }
  }

  private mutating func grow() {
    if slots.count >= Self.mostSlots || keys.count > Self.mostBytes || ids.count > Self.mostBytes {
      for place in slots.indices { slots[place].length = 0 }
      keys.removeAll(keepingCapacity: true)
      ids.removeAll(keepingCapacity: true)
      used = 0
      return
    }
    let old = slots
    slots = [Slot](repeating: Slot(), count: old.count * 4)
    shift -= 2
    for slot in old where slot.length != 0 {
      var place = Int(truncatingIfNeeded: slot.hash >> shift)
      while slots[place].length != 0 { place = (place + 1) & (slots.count - 1) }
      slots[place] = slot
    }
  }
}
