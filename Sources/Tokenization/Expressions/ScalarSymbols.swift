/// What the sets of one expression tell apart: scalars that are in the same sets are one symbol.
struct ScalarSymbols: Sendable {
  /// How many symbols there are.
  private(set) var count = 0
  /// The sets that each symbol is in, a bit for each.
  private(set) var signatures: [UInt64] = []
  private var ascii: [UInt8] = []
  /// Where beyond ASCII the ranges of the sets begin, or end and something else begins.
  private var borders: [UInt32] = []
  /// The symbol by the part between borders and by `UnicodeClass.kind`.
  private var others: [UInt8] = []

  /// More than this is refused.
  static let mostSets = 64
  private static let mostSymbols = 200
  private static let mostBorders = 128

  /// nil where the sets tell too much apart.
  init?(_ sets: [ScalarSet]) {
    guard sets.count <= Self.mostSets else { return nil }
    var found: Set<UInt32> = []
    for set in sets {
      set.forEachRange { range in
        found.insert(max(0x80, range.lowerBound))
        found.insert(max(0x80, range.upperBound + 1))
      }
    }
    borders = found.subtracting([0x80]).sorted()
    guard borders.count <= Self.mostBorders else { return nil }
    var known: [UInt64: UInt8] = [:]
    func symbol(_ scalar: UInt32, _ kind: UnicodeClass) -> UInt8? {
      var signature: UInt64 = 0
      for (index, set) in sets.enumerated() where set.contains(scalar, kind) {
        signature |= 1 << UInt64(index)
      }
      if let symbol = known[signature] { return symbol }
      guard signatures.count < Self.mostSymbols else { return nil }
      let symbol = UInt8(signatures.count)
      known[signature] = symbol
      signatures.append(signature)
      return symbol
    }
    for scalar in UInt32(0)..<0x80 {
      guard let symbol = symbol(scalar, UnicodeClass.of(scalar)) else { return nil }
      ascii.append(symbol)
    }
    for start in [0x80] + borders {
      for kind in 0..<UnicodeClass.kinds {
        guard let symbol = symbol(start, UnicodeClass(kind: kind)) else { return nil }
        others.append(symbol)
      }
    }
    count = signatures.count
  }

  /// The symbol of the scalar at `index` of `text`, and its length in bytes.
  @inline(__always)
  func next(_ text: Span<UInt8>, _ index: Int) -> (symbol: Int, length: Int) {
    let byte = text[index]
    if byte < 0x80 { return (Int(ascii[Int(byte)]), 1) }
    let (scalar, length) = text.scalar(at: index)
    var part = borders.count
    while part > 0 && scalar < borders[part - 1] { part -= 1 }
    return (Int(others[part * UnicodeClass.kinds + UnicodeClass.of(scalar).kind]), length)
  }

  /// The symbol of an ASCII character.
  subscript(byte: UInt8) -> Int { Int(ascii[Int(byte & 0x7F)]) }
}
