/// Numbers by 64-bit key in one flat array: open addressing with linear probing, and removal that closes gaps (Knuth, The Art
/// of Computer Programming 3, 6.4, algorithm R). Doubles until it has room for its limit, and is never more than two thirds full.
///
/// Keys are made of what clients send, so places come from a multiplier that only this process knows (Dietzfelbinger 1997):
/// nobody can choose many keys for one place. What is found does not depend on it.
struct KeyTable: Sendable {
  private struct Slot: Sendable {
    var key: UInt64 = 0
    var value = KeyTable.free
  }

  private static let free: Int32 = -1
  private let multiplier: UInt64
  private var shift: UInt64
  private var slots: [Slot]
  /// Keys in the table.
  private(set) var count = 0
  private let limit: Int

  /// A table for `limit` keys at most.
  init(limit: Int) {
    self.limit = limit
    multiplier = UInt64.random(in: .min ... .max) | 1
    shift = 60
    slots = [Slot](repeating: Slot(), count: 16)
  }

  @inline(__always)
  private func home(_ key: UInt64) -> Int { Int(truncatingIfNeeded: (key &* multiplier) >> shift) }

  /// The place of a key, or the free one where it belongs.
  @inline(__always)
  private func place(_ key: UInt64) -> Int {
    var place = home(key)
    while slots[place].value != Self.free, slots[place].key != key {
      place = (place + 1) & (slots.count - 1)
    }
    return place
  }

  /// The number of a key; nil where it has none.
  subscript(key: UInt64) -> Int32? {
    let value = slots[place(key)].value
    return value == Self.free ? nil : value
  }

  /// Sets the number of a key, at least 0.
  mutating func set(_ value: Int32, for key: UInt64) {
    precondition(value >= 0, "negative numbers mark free places")
    let place = place(key)
    guard slots[place].value == Self.free else {
      slots[place].value = value
      return
    }
    insert(Slot(key: key, value: value), at: place)
  }

  private mutating func insert(_ slot: Slot, at place: Int) {
    precondition(count < limit, "the table is full")
    count += 1
    slots[place] = slot
    guard count * 3 > slots.count * 2 else { return }
    let old = slots
    shift -= 1
    slots = [Slot](repeating: Slot(), count: old.count * 2)
    for slot in old where slot.value != Self.free { slots[self.place(slot.key)] = slot }
  }

  /// Adds one to the number of a key, 0 where it has none.
  mutating func increment(_ key: UInt64) {
    let place = place(key)
    guard slots[place].value == Self.free else {
      slots[place].value += 1
      return
    }
    insert(Slot(key: key, value: 1), at: place)
  }

  /// Takes one from the number of a key; at 0 the key goes.
  mutating func decrement(_ key: UInt64) {
    let place = place(key)
    guard slots[place].value > 1 else { return remove(at: place) }
    slots[place].value -= 1
  }

  /// Removes a key, if it is there.
  mutating func remove(_ key: UInt64) { remove(at: place(key)) }

  private mutating func remove(at place: Int) {
    guard slots[place].value != Self.free else { return }
    let mask = slots.count - 1
    count -= 1
    var (gap, next) = (place, (place + 1) & mask)
    while slots[next].value != Self.free {
      // What lies behind the gap may fill it unless its home is between them.
      if (next - home(slots[next].key)) & mask >= (next - gap) & mask {
        slots[gap] = slots[next]
        gap = next
      }
      next = (next + 1) & mask
    }
    slots[gap] = Slot()
  }
}
