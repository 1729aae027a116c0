/// What BERT's normalisation and splitting do with a scalar.
enum ScalarClass {
  case dropped
  case space
  case punctuation
  case ideograph
  case word

  /// By the rules of BERT's `BasicTokenizer`, with Unicode's categories.
  static func of(_ scalar: Unicode.Scalar) -> ScalarClass {
    let value = scalar.value
    if value < 0x80 { return ascii[Int(value)] }
    if isIdeograph(value) { return .ideograph }
    if (0xAC00...0xD7A3).contains(value) { return .word }
    if value == 0xFFFD { return .dropped }
    if scalar.properties.isWhitespace { return .space }
    switch scalar.properties.generalCategory {
    // Unassigned scalars stay: which they are depends on the version of Unicode, and the reference
    // keeps them.
    case .control, .format, .privateUse, .surrogate: return .dropped
    case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation,
      .initialPunctuation, .finalPunctuation, .otherPunctuation:
      return .punctuation
    default: return .word
    }
  }

  static let ascii: [ScalarClass] = (0..<128).map { value in
    switch UInt8(value) {
    case 0x09, 0x0A, 0x0D, 0x20: .space
    case 0..<0x20, 0x7F: .dropped
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "A")...UInt8(ascii: "Z"):
      .word
    default: .punctuation
    }
  }

  /// The blocks that BERT sets between spaces.
  static func isIdeograph(_ value: UInt32) -> Bool {
    switch value {
    case 0x4E00...0x9FFF, 0x3400...0x4DBF, 0x20000...0x2A6DF, 0x2A700...0x2B73F,
      0x2B740...0x2B81F, 0x2B920...0x2CEAF, 0xF900...0xFAFF, 0x2F800...0x2FA1F:
      true
    default: false
    }
  }
}
