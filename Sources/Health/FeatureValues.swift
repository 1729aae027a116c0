/// The features of one text.
public struct FeatureValues: Sendable, Equatable {
  /// One value for each `Feature`, in its order; for `script` the index of the script.
  public private(set) var values: [Double]

  /// Measures a text.
  /// - Parameters:
  ///   - text: the text as it came.
  ///   - tokenCount: its tokens, special ones included, before or after truncation alike in reference and production.
  ///   - unknownTokenCount: how many of them stand for something that the vocabulary lacks.
  public init(text: String, tokenCount: Int, unknownTokenCount: Int) {
    var scan = TextScan()
    for scalar in text.unicodeScalars { scan.add(scalar) }
    let characters = Double(max(scan.characters, 1))
    values = [
      Double(scan.characters),
      Double(tokenCount),
      scan.words > 0 ? Double(tokenCount) / Double(scan.words) : 0,
      tokenCount > 0 ? Double(unknownTokenCount) / Double(tokenCount) : 0,
      Double(scan.digits) / characters,
      Double(scan.uppercase) / characters,
      Double(scan.nonPrintable) / characters,
      Double(scan.script.rawValue),
    ]
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
  private var letters = 0
  private var isInWord = false
  private var scripts = [Int](repeating: 0, count: Script.allCases.count)

  mutating func add(_ scalar: Unicode.Scalar) {
    characters += 1
    if scalar.isASCII {
      addASCII(UInt8(truncatingIfNeeded: scalar.value))
      return
    }
    let properties = scalar.properties
    if properties.isWhitespace {
      isInWord = false
      return
    }
    beginWord()
    switch properties.generalCategory {
    case .control, .privateUse, .unassigned, .surrogate: nonPrintable += 1
    case .decimalNumber: digits += 1
    case .uppercaseLetter:
      uppercase += 1
      addLetter(Script.of(scalar.value))
    case .lowercaseLetter, .otherLetter, .modifierLetter, .titlecaseLetter:
      addLetter(Script.of(scalar.value))
    default:
      // U+FFFD is what a wrong encoding leaves behind.
      if scalar.value == 0xFFFD { nonPrintable += 1 }
    }
  }

  private mutating func addASCII(_ byte: UInt8) {
    switch byte {
    case 0x09, 0x0A, 0x0D, 0x20: isInWord = false
    case 0x30...0x39:
      digits += 1
      beginWord()
    case 0x41...0x5A:
      uppercase += 1
      addLetter(.latin)
      beginWord()
    case 0x61...0x7A:
      addLetter(.latin)
      beginWord()
    case 0..<0x20, 0x7F: nonPrintable += 1
    default: beginWord()
    }
  }

  private mutating func beginWord() {
    if !isInWord { words += 1 }
    isInWord = true
  }

  private mutating func addLetter(_ script: Script) {
    letters += 1
    scripts[script.rawValue] += 1
  }

  /// The script of at least four letters in five; Han counts with kana as Japanese writes both.
  var script: Script {
    guard letters > 0 else { return .none }
    var counts = scripts
    if counts[Script.kana.rawValue] > 0 {
      counts[Script.kana.rawValue] += counts[Script.han.rawValue]
    }
    for script in Script.allCases.reversed() where counts[script.rawValue] * 5 >= letters * 4 {
      if script == .han, counts[Script.kana.rawValue] * 5 >= letters * 4 { continue }
      return script
    }
    return .mixed
  }
}
