/// The features of one text.
public struct FeatureValues: Sendable, Equatable {
  /// One value for each `Feature`, in its order; for `script` and `language` the index.
  public let values: [Double]
  /// What tells the text when it comes again.
  public let fingerprint: TextFingerprint

  /// Measures a text.
  /// - Parameters:
  ///   - text: the text as it came.
  ///   - tokenCount: its tokens, special ones included, before or after truncation alike in reference and production.
  ///   - unknownTokenCount: how many of them stand for something that the vocabulary lacks.
  ///   - trigrams: what the reference's texts are written with; without it nothing is unseen.
  public init(
    text: String, tokenCount: Int, unknownTokenCount: Int, trigrams: TrigramSet? = nil
  ) {
    var scan = TextScan()
    for scalar in text.unicodeScalars { scan.add(scalar) }
    scan.endWord()
    let characters = Double(max(scan.characters, 1))
    let script = scan.script
    values = [
      Double(scan.characters),
      Double(tokenCount),
      scan.words > 0 ? Double(tokenCount) / Double(scan.words) : 0,
      tokenCount > 0 ? Double(unknownTokenCount) / Double(tokenCount) : 0,
      Double(scan.digits) / characters,
      Double(scan.uppercase) / characters,
      Double(scan.nonPrintable) / characters,
      Double(script.rawValue),
      Double(scan.language(script).rawValue),
      trigrams?.unseenShare(of: text) ?? 0,
    ]
    fingerprint = scan.fingerprint
  }

  /// The value of one feature.
  public subscript(feature: Feature) -> Double { values[feature.rawValue] }
}

/// Counts over the scalars of a text.
private struct TextScan {
  var characters = 0
  var words = 0
  var digits = 0
  var uppercase = 0
  var nonPrintable = 0
  var fingerprint = TextFingerprint()
  // ASCII's letters apart: nearly all letters of most texts, and a vector's element is slow to count in.
  private var asciiLetters = 0
  private var otherLetters = 0
  private var isInWord = false
  private var word = WordHash()
  private var previous: UInt32 = 0
  // Vectors, because an array would be memory for each text. There are 12 scripts and 19 languages.
  private var scripts = SIMD16<Int32>.zero
  private var languages = SIMD32<Int32>.zero

  mutating func add(_ scalar: Unicode.Scalar) {
    characters += 1
    if scalar.isASCII {
      addASCII(UInt8(truncatingIfNeeded: scalar.value))
    } else {
      addOther(scalar)
    }
    previous = scalar.value
  }

  private mutating func addOther(_ scalar: Unicode.Scalar) {
    let properties = scalar.properties
    if properties.isWhitespace {
      endWord()
      return
    }
    if isDamage(scalar.value) { nonPrintable += 1 }
    switch properties.generalCategory {
    case .control, .privateUse, .unassigned, .surrogate: nonPrintable += 1
    case .decimalNumber:
      digits += 1
      addToWord(scalar.value)
    case .uppercaseLetter:
      uppercase += 1
      addLetter(Script.of(scalar.value), scalar.value)
    case .lowercaseLetter, .otherLetter, .modifierLetter, .titlecaseLetter:
      addLetter(Script.of(scalar.value), scalar.value)
    default:
      // U+FFFD is what a wrong encoding leaves behind.
      if scalar.value == 0xFFFD { nonPrintable += 1 }
      addToWord(scalar.value)
    }
  }

  /// UTF-8 that was read as Latin-1 or Windows-1252: a lead byte's letter, then a continuation byte's sign.
  private func isDamage(_ scalar: UInt32) -> Bool {
    guard (0xC2...0xF4).contains(previous) else { return false }
    switch scalar {
    case 0x80...0xBF, 0x152, 0x153, 0x160, 0x161, 0x178, 0x17D, 0x17E, 0x192, 0x2C6, 0x2DC,
      0x2013...0x203A, 0x20AC, 0x2122:
      return true
    default: return false
    }
  }

  private mutating func addASCII(_ byte: UInt8) {
    switch byte {
    case 0x09, 0x0A, 0x0D, 0x20: endWord()
    case 0x30...0x39:
      digits += 1
      addToWord(UInt32(byte))
    case 0x41...0x5A:
      uppercase += 1
      asciiLetters += 1
      addToWord(UInt32(byte))
    case 0x61...0x7A:
      asciiLetters += 1
      addToWord(UInt32(byte))
    case 0..<0x20, 0x7F: nonPrintable += 1
    default: beginWord()
    }
  }

  private mutating func beginWord() {
    if !isInWord { words += 1 }
    isInWord = true
  }

  private mutating func addToWord(_ scalar: UInt32) {
    beginWord()
    word.add(scalar)
  }

  private mutating func addLetter(_ script: Script, _ scalar: UInt32) {
    otherLetters += 1
    scripts[script.rawValue] += 1
    addToWord(scalar)
  }

  mutating func endWord() {
    guard isInWord else { return }
    isInWord = false
    fingerprint.add(word: word.value)
    var bits = Language.commonWords[word.value]
    while bits != 0 {
      languages[bits.trailingZeroBitCount] += 1
      bits &= bits - 1
    }
    word = WordHash()
  }

  /// The script of at least four letters in five; Han counts with kana as Japanese writes both.
  var script: Script {
    let letters = asciiLetters + otherLetters
    guard letters > 0 else { return .none }
    if otherLetters == 0 { return .latin }
    var counts = scripts
    counts[Script.latin.rawValue] += Int32(clamping: asciiLetters)
    if counts[Script.kana.rawValue] > 0 {
      counts[Script.kana.rawValue] += counts[Script.han.rawValue]
    }
    // In 64 bits, because a text may have hundreds of millions of letters.
    func isMost(_ script: Script) -> Bool { Int(counts[script.rawValue]) * 5 >= letters * 4 }
    for script in Script.allCases.reversed() where isMost(script) {
      if script == .han, isMost(.kana) { continue }
      return script
    }
    return .mixed
  }

  /// The language with the most common words, the first of equals; unknown where there are none.
  func language(_ script: Script) -> Language {
    if let language = Language.of(script) { return language }
    var best = 0
    for index in Language.allCases.indices where languages[index] > languages[best] { best = index }
    return languages[best] > 0 ? Language(rawValue: best) ?? .unknown : .unknown
  }
}
