/// A hash that is the same in every process (Fowler, Noll and Vo's FNV-1a, 64 bits), by bytes or by words.
struct FNV1a {
  /// The hash of what was added.
  private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

  /// The hash of `bytes`.
  static func of(_ bytes: some Sequence<UInt8>) -> UInt64 {
    var hash = FNV1a()
    hash.add(bytes)
    return hash.value
  }

  /// Goes on with a word.
  mutating func add(_ word: UInt64) { value = (value ^ word) &* 0x0000_0100_0000_01B3 }

  /// Goes on with bytes.
  mutating func add(_ bytes: some Sequence<UInt8>) {
    for byte in bytes { add(UInt64(byte)) }
  }
}
