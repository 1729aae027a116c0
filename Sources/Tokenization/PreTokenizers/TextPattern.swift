/// What `Replace` and `Split` look for: a literal text, or one of the simple regular expressions that
/// tokenizers use.
enum TextPattern: Sendable, Equatable {
  /// One thing of a regular expression.
  enum Unit: Sendable, Equatable {
    case literal([UInt8])
    case scalar(UnicodeClass)
    case notScalar(UnicodeClass)
  }

  /// The unit once.
  case once(Unit)
  /// As many units as there are, and this many at least.
  case repeated(Unit, atLeast: Int)

  /// Reads a regular expression of one unit (a plain character, an escaped one, `\s`, `\d`, `\w`, `\p{L}`,
  /// `\p{N}` and their opposites) with `+` or `{n,}` behind it or nothing; nil for any other.
  init?(expression: String) {
    var rest = Array(expression.unicodeScalars)[...]
    guard let first = rest.popFirst() else { return nil }
    let unit: Unit
    if first == "\\" {
      guard let escaped = Self.escape(&rest) else { return nil }
      unit = escaped
    } else if ".^$*+?()[]{}|".unicodeScalars.contains(first) {
      return nil
    } else {
      unit = .literal(Array(String(first).utf8))
    }
    let quantifier = String(String.UnicodeScalarView(rest))
    if quantifier.isEmpty {
      self = .once(unit)
    } else if quantifier == "+" {
      self = .repeated(unit, atLeast: 1)
    } else if quantifier.hasPrefix("{"), quantifier.hasSuffix(",}"),
      let count = Int(quantifier.dropFirst().dropLast(2)), (1...1000).contains(count)
    {
      self = .repeated(unit, atLeast: count)
    } else {
      return nil
    }
  }

  private static func escape(_ rest: inout ArraySlice<Unicode.Scalar>) -> Unit? {
    guard let kind = rest.popFirst() else { return nil }
    switch kind {
    case "s": return .scalar(.regexSpace)
    case "S": return .notScalar(.regexSpace)
    case "w": return .scalar(.word)
    case "W": return .notScalar(.word)
    case "p", "P":
      let name = String(String.UnicodeScalarView(rest.prefix(3)))
      rest = rest.dropFirst(3)
      guard let found = ["{L}": UnicodeClass.letter, "{N}": .number][name] else { return nil }
      return kind == "p" ? .scalar(found) : .notScalar(found)
    default:
      // A letter or digit behind a backslash means something else.
      guard kind.isASCII, !kind.properties.isAlphabetic, kind.properties.numericType == nil
      else { return nil }
      return .literal([UInt8(kind.value)])
    }
  }

  /// Bytes of the shortest match, at least.
  var shortestMatch: Int {
    switch self {
    case .once(.literal(let bytes)): max(1, bytes.count)
    case .once: 1
    case .repeated(_, let least): least
    }
  }

  /// The first match in `text[start..<end]`.
  func next(_ text: Span<UInt8>, from start: Int, end: Int) -> Range<Int>? {
    var index = start
    switch self {
    case .once(let unit):
      while index < end {
        if let length = Self.match(unit, text, index, end) { return index..<index + length }
        index += 1
      }
    case .repeated(let unit, let least):
      while index < end {
        var (stop, count) = (index, 0)
        while stop < end, let length = Self.match(unit, text, stop, end) {
          stop += length
          count += 1
        }
        if count >= least { return index..<stop }
        // A shorter run holds no match; a literal of several bytes may begin inside of it.
        index = count > 1 ? stop : index + 1
      }
    }
    return nil
  }

  @inline(__always)
  private static func match(
    _ unit: Unit, _ text: Span<UInt8>, _ index: Int, _ end: Int
  ) -> Int? {
    switch unit {
    case .literal(let bytes):
      guard !bytes.isEmpty, index + bytes.count <= end else { return nil }
      for offset in bytes.indices where text[index + offset] != bytes[offset] { return nil }
      return bytes.count
    case .scalar(let kind), .notScalar(let kind):
      if text[index] & 0xC0 == 0x80 { return nil }
      let (scalar, length) = text.scalar(at: index)
      let isIn = !UnicodeClass.of(scalar).isDisjoint(with: kind)
      if case .notScalar = unit { return isIn ? nil : length }
      return isIn ? length : nil
    }
  }
}
