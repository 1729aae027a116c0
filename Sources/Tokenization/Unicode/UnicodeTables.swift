/// Unicode as Hugging Face's `tokenizers` sees it: the crates behind it are of several versions of the
/// standard, so every class here was measured, by Tests/Reference/unicode_tables.py.
///
/// The tables are texts in the source, decoded once when the first text beyond ASCII comes. A number
/// is written with 5 bits a character, little end first, and 32 added where more follow. Runs are
/// pairs (length, value) over all code points; mappings are (difference to the code point before,
/// count, scalars).
struct UnicodeTables: Sendable {
  static let shared = UnicodeTables()

  /// `UnicodeClass` of each code point.
  let classes = CodePointTable(runs: classRuns)
  /// Canonical combining class.
  let order = CodePointTable(runs: orderRuns)
  /// `GraphemeBreak` of each code point.
  let breaks = CodePointTable(runs: breakRuns)
  /// Full canonical decompositions, Hangul left out.
  let canonical = ScalarMappings(canonicalMappings)
  /// Full compatibility decompositions where they are others than the canonical.
  let compatibility = ScalarMappings(compatibilityMappings)
  /// Lower case.
  let lowercase = ScalarMappings(lowercaseMappings)
  private let composed = CompositionTable(compositions)

  /// What `first` and `second` compose to, Hangul included.
  func composition(_ first: UInt32, _ second: UInt32) -> UInt32? {
    if first &- Hangul.leads < Hangul.leadCount && second &- Hangul.vowels < Hangul.vowelCount {
      let index = (first - Hangul.leads) * Hangul.vowelCount + second - Hangul.vowels
      return Hangul.syllables + index * Hangul.tailCount
    }
    let syllable = first &- Hangul.syllables
    if syllable < Hangul.syllableCount && syllable % Hangul.tailCount == 0
      && second &- Hangul.tails &- 1 < Hangul.tailCount - 1
    {
      return first + second - Hangul.tails
    }
    return composed[first, second]
  }
}

/// The arithmetic of Hangul syllables (The Unicode Standard, section 3.12).
enum Hangul {
  static let syllables: UInt32 = 0xAC00
  static let leads: UInt32 = 0x1100
  static let vowels: UInt32 = 0x1161
  static let tails: UInt32 = 0x11A7
  static let leadCount: UInt32 = 19
  static let vowelCount: UInt32 = 21
  static let tailCount: UInt32 = 28
  static let syllableCount: UInt32 = 11172
}

/// What `tokenizers` takes a code point for; the bits are those of unicode_tables.py.
struct UnicodeClass: OptionSet, Sendable {
  let rawValue: UInt16

  /// Dropped where BERT's normaliser cleans text.
  static var dropped: UnicodeClass { UnicodeClass(rawValue: 1) }
  /// White space of normalisers and pre-tokenisers.
  static var space: UnicodeClass { UnicodeClass(rawValue: 2) }
  /// Punctuation of pre-tokenisers.
  static var punctuation: UnicodeClass { UnicodeClass(rawValue: 4) }
  /// A mark that BERT's normaliser takes off.
  static var nonspacing: UnicodeClass { UnicodeClass(rawValue: 8) }
  /// A mark that `StripAccents` takes off.
  static var combining: UnicodeClass { UnicodeClass(rawValue: 16) }
  /// `\p{L}` of a regular expression.
  static var letter: UnicodeClass { UnicodeClass(rawValue: 32) }
  /// `\p{N}` of a regular expression.
  static var number: UnicodeClass { UnicodeClass(rawValue: 64) }
  /// A part of a word of the `Whitespace` pre-tokeniser.
  static var word: UnicodeClass { UnicodeClass(rawValue: 128) }
  /// A number of the `Digits` pre-tokeniser.
  static var numeric: UnicodeClass { UnicodeClass(rawValue: 256) }
  /// `\s` of a regular expression.
  static var regexSpace: UnicodeClass { UnicodeClass(rawValue: 512) }
  /// `\w` of a regular expression.
  static var regexWord: UnicodeClass { UnicodeClass(rawValue: 1024) }

  /// The general category of a regular expression, by its place in `categories`.
  var category: Int { Int(rawValue >> 11) }

  /// All that a regular expression tells apart, as a number below `kinds`.
  @inline(__always)
  var kind: Int { Int(rawValue >> 9) }
  /// How many kinds there can be.
  static let kinds = 128
  /// What is of this kind, and nothing besides.
  init(kind: Int) { rawValue = UInt16(truncatingIfNeeded: kind << 9) }
  private init(category: Int) { rawValue = UInt16(truncatingIfNeeded: category << 11) }
  init(rawValue: UInt16) { self.rawValue = rawValue }

  /// The class of `scalar`.
  @inline(__always)
  static func of(_ scalar: UInt32) -> UnicodeClass {
    scalar < 0x80
      ? UnicodeClass(rawValue: ascii[Int(scalar)])
      : UnicodeClass(rawValue: UnicodeTables.shared.classes[scalar])
  }

  /// The class of `scalar`, for loops: `ascii` is `UnicodeClass.ascii`, whose address is then found once.
  @inline(__always)
  static func of(_ scalar: UInt32, _ ascii: [UInt16]) -> UnicodeClass {
    scalar < 0x80 ? UnicodeClass(rawValue: ascii[Int(scalar)]) : of(scalar)
  }

  /// ASCII alone, so that plain text needs no table decoded.
  static let ascii: [UInt16] = (0..<128).map { (value: UInt16) in
    let byte = UInt8(value)
    var bits = UnicodeClass(category: asciiCategory(byte))
    switch byte {
    case 0x09, 0x0A, 0x0D, 0x20: bits.formUnion([.space, .regexSpace])
    case 0x0B, 0x0C: bits.formUnion([.space, .regexSpace, .dropped])
    case 0..<0x20, 0x7F: bits.formUnion(.dropped)
    case UInt8(ascii: "0")...UInt8(ascii: "9"):
      bits.formUnion([.number, .numeric, .word, .regexWord])
    case UInt8(ascii: "_"): bits.formUnion([.punctuation, .word, .regexWord])
    default:
      bits.formUnion(isLetterOrDigit(byte) ? [.letter, .word, .regexWord] : .punctuation)
    }
    return bits.rawValue
  }

  private static func asciiCategory(_ byte: UInt8) -> Int {
    let name =
      switch Unicode.Scalar(byte) {
      case " ": "Zs"
      case "0"..."9": "Nd"
      case "A"..."Z": "Lu"
      case "a"..."z": "Ll"
      case "_": "Pc"
      case "-": "Pd"
      case "(", "[", "{": "Ps"
      case ")", "]", "}": "Pe"
      case "+", "<", "=", ">", "|", "~": "Sm"
      case "$": "Sc"
      case "^", "`": "Sk"
      case "!"..."~": "Po"
      default: "Cc"
      }
    return categories.firstIndex(of: name) ?? 0
  }

  /// Whether a byte is an ASCII letter or digit.
  static func isLetterOrDigit(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
    default: false
    }
  }
}

/// A value for each code point, in pages of 256 that are shared where they are uniform.
struct CodePointTable: Sendable {
  private var pages: [UInt16]
  private var values: [UInt16] = []

  init(runs: String) {
    pages = [UInt16](repeating: 0, count: 0x1100)
    var reader = NumberReader(runs)
    var uniform: [UInt16: UInt16] = [:]
    var page = [UInt16](repeating: 0, count: 256)
    var point = 0
    while let length = reader.next(), let value = reader.next() {
      let value = UInt16(truncatingIfNeeded: value)
      let end = min(0x110000, point + Int(length))
      while point < end {
        let start = point & 0xFF
        let stop = min(256, start + end - point)
        if start == 0 && stop == 256 {
          let known = uniform[value]
          if known == nil { uniform[value] = UInt16(values.count >> 8) }
          pages[point >> 8] = known ?? UInt16(values.count >> 8)
          if known == nil { values.append(contentsOf: repeatElement(value, count: 256)) }
        } else {
          for index in start..<stop { page[index] = value }
          if stop == 256 {
            pages[point >> 8] = UInt16(values.count >> 8)
            values.append(contentsOf: page)
          }
        }
        point += stop - start
      }
    }
  }

  @inline(__always)
  subscript(scalar: UInt32) -> UInt16 {
    values[Int(pages[Int(scalar >> 8)]) << 8 | Int(scalar & 0xFF)]
  }
}

/// Scalars that some code points stand for.
struct ScalarMappings: Sendable {
  /// Index of the entry, 1 for the first; 0 for none.
  private var pages = [UInt16](repeating: 0, count: 0x1100)
  private var entries = [UInt16](repeating: 0, count: 256)
  private var starts: [UInt16] = [0, 0]
  private(set) var scalars: [UInt32] = []

  init(_ text: String) {
    var reader = NumberReader(text)
    var point = 0
    while let difference = reader.next(), let count = reader.next() {
      point += Int(difference)
      for _ in 0..<count { scalars.append(reader.next() ?? 0) }
      if pages[point >> 8] == 0 {
        pages[point >> 8] = UInt16(entries.count >> 8)
        entries.append(contentsOf: repeatElement(0, count: 256))
      }
      entries[Int(pages[point >> 8]) << 8 | point & 0xFF] = UInt16(starts.count - 1)
      starts.append(UInt16(scalars.count))
    }
  }

  /// Where in `scalars` what `scalar` becomes stands; nil where it stays.
  @inline(__always)
  func range(_ scalar: UInt32) -> Range<Int>? {
    let entry = Int(entries[Int(pages[Int(scalar >> 8)]) << 8 | Int(scalar & 0xFF)])
    return entry == 0 ? nil : Int(starts[entry])..<Int(starts[entry + 1])
  }
}

/// Pairs of scalars that compose, in an open-addressed table.
private struct CompositionTable: Sendable {
  private var keys = [UInt64](repeating: 0, count: 4096)
  private var values = [UInt32](repeating: 0, count: 4096)

  init(_ text: String) {
    var reader = NumberReader(text)
    var point: UInt32 = 0
    while let difference = reader.next(), reader.next() != nil, let first = reader.next(),
      let second = reader.next()
    {
      point += difference
      let key = UInt64(first) << 32 | UInt64(second)
      let slot = slot(key)
      keys[slot] = key
      values[slot] = point
    }
  }

  subscript(first: UInt32, second: UInt32) -> UInt32? {
    let key = UInt64(first) << 32 | UInt64(second)
    let slot = slot(key)
    return keys[slot] == key && key != 0 ? values[slot] : nil
  }

  private func slot(_ key: UInt64) -> Int {
    var slot = Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) >> 52)
    while keys[slot] != 0 && keys[slot] != key { slot = (slot + 1) & 4095 }
    return slot
  }
}

/// Reads the numbers of a table's text.
private struct NumberReader {
  private var bytes: String.UTF8View.Iterator

  init(_ text: String) { bytes = text.utf8.makeIterator() }

  mutating func next() -> UInt32? {
    var (value, shift): (UInt32, UInt32) = (0, 0)
    while let byte = bytes.next() {
      let digit: UInt8 =
        switch byte {
        case 0x41...0x5A: byte - 0x41
        case 0x61...0x7A: byte - 0x61 + 26
        case 0x30...0x39: byte - 0x30 + 52
        case UInt8(ascii: "-"): 62
        default: 63
        }
      value |= UInt32(digit & 31) << shift
      if digit < 32 { return value }
      shift += 5
    }
    return nil
  }
}
