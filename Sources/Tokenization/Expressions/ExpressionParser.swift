/// Reads regular expressions in Oniguruma's syntax, as far as tokenizers use it: sets, groups, alternatives,
/// repetition, `(?i:…)` over ASCII, and a look at the next scalar. All else is refused by name.
///
/// Source: Oniguruma's `doc/RE` and, where that is silent, what `tokenizers` does.
struct ExpressionParser {
  /// Why an expression is refused.
  struct Refusal: Error, Equatable {
    /// What in the expression is not supported.
    var what: String
  }

  /// What an error says is supported.
  static let supported =
    "characters, [sets], \\s \\S \\d \\D \\w \\W, \\p{…} of a general category, groups, |, * + ? {n,m} with ? "
    + "(lazy) or + (possessive, of one set) behind, (?i:…) of ASCII letters, (?=…) and (?!…) of one set, $, \\A, \\z"

  private let scalars: [Unicode.Scalar]
  private var index = 0
  private var depth = 0
  /// The ASCII letter before, where case is ignored.
  private var lastLetter: UInt8?

  private static let mostScalars = 4096
  private static let mostDepth = 32

  private init(_ text: String) { scalars = Array(text.unicodeScalars) }

  /// Parses `text`, which must match one scalar at least.
  static func parse(_ text: String) throws(Refusal) -> Expression {
    var parser = ExpressionParser(text)
    guard parser.scalars.count <= mostScalars else {
      throw Refusal(what: "more than \(mostScalars) characters")
    }
    let result = try parser.alternatives(ignoresCase: false)
    guard parser.index == parser.scalars.count else { throw Refusal(what: "\")\" without \"(\"") }
    guard !result.canBeEmpty else { throw Refusal(what: "a match of nothing") }
    return result
  }

  private var peek: Unicode.Scalar? { index < scalars.count ? scalars[index] : nil }

  private mutating func take(_ text: String) -> Bool {
    let wanted = Array(text.unicodeScalars)
    guard scalars[index...].starts(with: wanted) else { return false }
    index += wanted.count
    return true
  }

  private mutating func next(_ missing: String) throws(Refusal) -> Unicode.Scalar {
    guard let scalar = peek else { throw Refusal(what: missing) }
    index += 1
    return scalar
  }

  private mutating func alternatives(ignoresCase: Bool) throws(Refusal) -> Expression {
    depth += 1
    guard depth <= Self.mostDepth else { throw Refusal(what: "groups \(depth) deep") }
    var found: [Expression] = []
    repeat {
      lastLetter = nil
      var parts: [Expression] = []
      while let scalar = peek, scalar != "|", scalar != ")" {
        parts.append(try repeated(ignoresCase))
      }
      found.append(parts.count == 1 ? parts[0] : .sequence(parts))
    } while take("|")
    depth -= 1
    return found.count == 1 ? found[0] : .alternatives(found)
  }

  // MARK: Repetition

  private mutating func repeated(_ ignoresCase: Bool) throws(Refusal) -> Expression {
    let atom = try self.atom(ignoresCase)
    guard let (least, most, isCounted) = try quantifier() else { return atom }
    lastLetter = nil
    switch atom {
    case .next, .start: throw Refusal(what: "repetition of a look at what is next")
    default: break
    }
    if atom.canBeEmpty && most != 1 { throw Refusal(what: "repetition of what can be empty") }
    var result = Expression.repeated(atom, least: least, most: most, isLazy: false)
    if take("?") {
      if isCounted && least == most { throw Refusal(what: "\"}?\" behind one count") }
      result = .repeated(atom, least: least, most: most, isLazy: true)
    } else if take("+") {
      result = try possessive(result, of: atom, isCounted: isCounted)
    }
    if try quantifier() != nil { throw Refusal(what: "repetition of a repetition") }
    return result
  }

  /// A possessive run of one set is a run that the set does not follow. A count with + behind is a repetition
  /// of it, in Oniguruma.
  private func possessive(
    _ run: Expression, of atom: Expression, isCounted: Bool
  ) throws(Refusal) -> Expression {
    if isCounted {
      if run.canBeEmpty { throw Refusal(what: "repetition of what can be empty") }
      return .repeated(run, least: 1, most: nil, isLazy: false)
    }
    guard case .set(let set) = atom, case .repeated(_, _, let most, _) = run else {
      throw Refusal(what: "possessive repetition of more than one set")
    }
    let end = Expression.next(set, isNegated: true)
    return most == nil ? .sequence([run, end]) : .alternatives([atom, end])
  }

  private mutating func quantifier() throws(Refusal) -> (least: Int, most: Int?, Bool)? {
    if take("*") { return (0, nil, false) }
    if take("+") { return (1, nil, false) }
    if take("?") { return (0, 1, false) }
    guard take("{") else { return nil }
    let least = number()
    var most = least
    if take(",") { most = number() }
    let hasComma = scalars[index - 1] == "," || most != least
    guard least != nil || most != nil, take("}") else {
      throw Refusal(what: "\"{\" that begins no count")
    }
    if let least, let most, least > most { throw Refusal(what: "{\(least),\(most)}") }
    return (least ?? 0, hasComma ? most : most ?? least, true)
  }

  private mutating func number() -> Int? {
    let start = index
    while let scalar = peek, ("0"..."9").contains(scalar), index - start < 5 { index += 1 }
    return Int(String(String.UnicodeScalarView(scalars[start..<index])))
  }

  // MARK: Atoms

  private mutating func atom(_ ignoresCase: Bool) throws(Refusal) -> Expression {
    let scalar = try next("an end too soon")
    switch scalar {
    case "(": return try group(ignoresCase)
    case "[":
      lastLetter = nil
      return .set(try brackets(ignoresCase))
    case ".": return .set(.not(.scalar(0x0A)))
    case "$": return .next(.not(.scalar(0x0A)), isNegated: true)
    case "^": throw Refusal(what: "\"^\"")
    case "*", "+", "?", "{": throw Refusal(what: "\"\(scalar)\" with nothing before it")
    case "\\" where take("A"): return .start
    case "\\" where take("z"): return .next(.not(.ranges([])), isNegated: true)
    case "\\":
      switch try escape(isInBrackets: false) {
      case .scalar(let value): return .set(try literal(value, ignoresCase))
      case .set(let set):
        lastLetter = nil
        if ignoresCase { throw Refusal(what: "a class where case is ignored") }
        return .set(set)
      }
    default: return .set(try literal(scalar.value, ignoresCase))
    }
  }

  private mutating func group(_ ignoresCase: Bool) throws(Refusal) -> Expression {
    var ignoresCase = ignoresCase
    var isNegated: Bool?
    if take("?") {
      if take("i:") {
        ignoresCase = true
      } else if take("=") {
        isNegated = false
      } else if take("!") {
        isNegated = true
      } else if !take(":") {
        let kind = String(String.UnicodeScalarView(scalars[index...].prefix(2)))
        throw Refusal(what: "a group that begins with \"(?\(kind)\"")
      }
    }
    let content = try alternatives(ignoresCase: ignoresCase)
    lastLetter = nil
    guard take(")") else { throw Refusal(what: "\"(\" without \")\"") }
    guard let isNegated else { return content }
    guard case .set(let set) = content else {
      throw Refusal(what: "a look at more than the next character")
    }
    return .next(set, isNegated: isNegated)
  }

  /// Pairs of letters that are one character in another case, such as ß.
  private static let foldingPairs = ["ss", "st", "ff", "fi", "fl"].map { Array($0.utf8) }

  private mutating func literal(_ value: UInt32, _ ignoresCase: Bool) throws(Refusal) -> ScalarSet {
    guard ignoresCase else { return .scalar(value) }
    guard value < 0x80 else {
      throw Refusal(what: "a character beyond ASCII where case is ignored")
    }
    let letter = UInt8(value) | 0x20
    if let lastLetter, Self.foldingPairs.contains([lastLetter, letter]) {
      let pair = String(decoding: [lastLetter, letter], as: UTF8.self)
      throw Refusal(what: "\"\(pair)\" where case is ignored")
    }
    lastLetter = letter
    return Self.folded(value...value)
  }

  /// A range of ASCII with its letters in both cases, and the two characters beyond that are k and s in another.
  private static func folded(_ range: ClosedRange<UInt32>) -> ScalarSet {
    var ranges = [range]
    for value in range where (0x41...0x5A).contains(value & ~0x20) {
      ranges.append(value ^ 0x20...value ^ 0x20)
      if value | 0x20 == 0x6B { ranges.append(0x212A...0x212A) }
      if value | 0x20 == 0x73 { ranges.append(0x17F...0x17F) }
    }
    return .ranges(ranges)
  }

  // MARK: Sets

  private mutating func brackets(_ ignoresCase: Bool) throws(Refusal) -> ScalarSet {
    depth += 1
    guard depth <= Self.mostDepth else { throw Refusal(what: "brackets \(depth) deep") }
    let isNegated = take("^")
    if isNegated && ignoresCase { throw Refusal(what: "\"[^\" where case is ignored") }
    if peek == "]" { throw Refusal(what: "\"]\" that opens a set") }
    var ranges: [ClosedRange<UInt32>] = []
    var sets: [ScalarSet] = []
    while !take("]") {
      if take("&&") { throw Refusal(what: "\"&&\"") }
      if take("[:") { throw Refusal(what: "\"[:\"") }
      if take("[") {
        sets.append(try brackets(ignoresCase))
        continue
      }
      let low: UInt32
      switch try member() {
      case .scalar(let value): low = value
      case .set(let set):
        if ignoresCase { throw Refusal(what: "a class where case is ignored") }
        sets.append(set)
        if peek == "-", index + 1 < scalars.count, scalars[index + 1] != "]" {
          throw Refusal(what: "a range that begins with a class")
        }
        continue
      }
      var high = low
      if peek == "-", index + 1 < scalars.count, scalars[index + 1] != "]" {
        index += 1
        guard peek != "[", case .scalar(let value) = try member(), value >= low, peek != "-" else {
          throw Refusal(what: "a range that is none")
        }
        high = value
      }
      guard ignoresCase else {
        ranges.append(low...high)
        continue
      }
      guard high < 0x80 else {
        throw Refusal(what: "a character beyond ASCII where case is ignored")
      }
      sets.append(Self.folded(low...high))
    }
    depth -= 1
    if !ranges.isEmpty { sets.append(.ranges(ranges)) }
    let set = sets.count == 1 ? sets[0] : ScalarSet.union(sets)
    return isNegated ? .not(set) : set
  }

  private mutating func member() throws(Refusal) -> Escape {
    let scalar = try next("\"[\" without \"]\"")
    return scalar == "\\" ? try escape(isInBrackets: true) : .scalar(scalar.value)
  }

  private enum Escape {
    case scalar(UInt32)
    case set(ScalarSet)
  }

  /// What stands behind a backslash.
  private mutating func escape(isInBrackets: Bool) throws(Refusal) -> Escape {
    let kind = try next("a backslash at the end")
    switch kind {
    case "n": return .scalar(0x0A)
    case "r": return .scalar(0x0D)
    case "t": return .scalar(0x09)
    case "f": return .scalar(0x0C)
    case "v": return .scalar(0x0B)
    case "s": return .set(.space)
    case "S": return .set(.not(.space))
    case "d": return .set(.categories(UnicodeClass.categories(named: "Nd") ?? 0))
    case "D": return .set(.not(.categories(UnicodeClass.categories(named: "Nd") ?? 0)))
    case "w": return .set(.word(isInBrackets: isInBrackets))
    case "W": return .set(.not(.word(isInBrackets: isInBrackets)))
    case "p", "P": return .set(try property(isNegated: kind == "P"))
    case "x", "u": return .scalar(try code(kind))
    default:
      // A letter or digit behind a backslash means something else.
      guard !kind.isASCII || !kind.properties.isAlphabetic && kind.properties.numericType == nil
      else { throw Refusal(what: "\"\\\(kind)\"") }
      return .scalar(kind.value)
    }
  }

  private mutating func property(isNegated: Bool) throws(Refusal) -> ScalarSet {
    guard take("{") else { throw Refusal(what: "\"\\p\" without \"{\"") }
    let inverts = take("^") != isNegated
    let start = index
    while let scalar = peek, scalar != "}" { index += 1 }
    let name = String(String.UnicodeScalarView(scalars[start..<index]))
    guard take("}"), let mask = UnicodeClass.categories(named: name) else {
      throw Refusal(what: "\"\\p{\(name)}\"")
    }
    return inverts ? .not(.categories(mask)) : .categories(mask)
  }

  /// `\xHH`, `\x{H…}` or `\uHHHH`.
  private mutating func code(_ kind: Unicode.Scalar) throws(Refusal) -> UInt32 {
    let isBraced = kind == "x" && take("{")
    let most = isBraced ? 6 : kind == "x" ? 2 : 4
    let start = index
    while let scalar = peek, scalar.properties.isASCIIHexDigit, index - start < most { index += 1 }
    let digits = String(String.UnicodeScalarView(scalars[start..<index]))
    // Without braces a short number, or in UTF-8 a byte, means something else.
    guard let value = UInt32(digits, radix: 16), Unicode.Scalar(value) != nil,
      isBraced ? take("}") : digits.utf8.count == most && (kind == "u" || value < 0x80)
    else { throw Refusal(what: "\"\\\(kind)\(digits)\"") }
    return value
  }
}
