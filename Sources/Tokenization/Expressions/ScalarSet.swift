/// A set of scalars as a regular expression names it.
indirect enum ScalarSet: Sendable, Hashable {
  /// What stands between these bounds.
  case ranges([ClosedRange<UInt32>])
  /// What has one of these general categories, a bit for each.
  case categories(UInt32)
  /// White space.
  case space
  /// Parts of words; outside of brackets Oniguruma has the numbers of Latin-1 among them.
  case word(isInBrackets: Bool)
  /// What any of these has.
  case union([ScalarSet])
  /// Everything else.
  case not(ScalarSet)

  /// Whether `scalar`, of class `kind`, is in the set.
  func contains(_ scalar: UInt32, _ kind: UnicodeClass) -> Bool {
    switch self {
    case .ranges(let ranges): ranges.contains { $0.contains(scalar) }
    case .categories(let mask): mask >> kind.category & 1 == 1
    case .space: kind.contains(.regexSpace)
    case .word(let isInBrackets):
      kind.contains(.regexWord) && !(isInBrackets && kind.category == UnicodeClass.otherNumber)
    case .union(let sets): sets.contains { $0.contains(scalar, kind) }
    case .not(let set): !set.contains(scalar, kind)
    }
  }

  /// Calls `body` with the bounds of all ranges.
  func forEachRange(_ body: (ClosedRange<UInt32>) -> Void) {
    switch self {
    case .ranges(let ranges): ranges.forEach(body)
    case .union(let sets): for set in sets { set.forEachRange(body) }
    case .not(let set): set.forEachRange(body)
    case .categories, .space, .word: break
    }
  }

  /// One scalar.
  static func scalar(_ value: UInt32) -> ScalarSet { .ranges([value...value]) }
}

extension UnicodeClass {
  /// Names of the general categories, in the order of `category`; unicode_tables.py has the same.
  static let categories = [
    "Cn", "Cc", "Cf", "Co", "Cs", "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No",
    "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm", "Sc", "Sk", "So", "Zs", "Zl", "Zp",
  ]
  /// Numbers that are neither digits nor letters.
  static let otherNumber = categories.firstIndex(of: "No")

  /// The categories that a name such as `L` or `Lu` stands for, a bit for each; nil for another name.
  static func categories(named name: String) -> UInt32? {
    let name = name.lowercased()
    let mask = categories.indices.reduce(into: UInt32(0)) { mask, index in
      let category = categories[index].lowercased()
      if category == name || name.utf8.count == 1 && category.hasPrefix(name) {
        mask |= 1 << UInt32(index)
      }
    }
    return mask == 0 ? nil : mask
  }
}
