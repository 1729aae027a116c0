/// How a file's characters are written as bytes.
package enum TextEncoding: String, Sendable, CaseIterable {
  /// What everything else is turned into.
  case utf8 = "utf-8"
  /// 16 bits a unit, the lower byte first.
  case utf16LittleEndian = "utf-16le"
  /// 16 bits a unit, the upper byte first.
  case utf16BigEndian = "utf-16be"
  /// Western European Windows, and ISO 8859-1 (Latin-1), of which it is a superset for text.
  case windows1252 = "windows-1252"

  /// The encoding that a name stands for, in upper or lower case.
  package init?(name: String) {
    switch name.lowercased() {
    case "utf8": self = .utf8
    case "utf-16", "utf16", "utf16le": self = .utf16LittleEndian
    case "utf16be": self = .utf16BigEndian
    case "latin-1", "latin1", "iso-8859-1", "iso8859-1", "cp1252", "windows1252":
      self = .windows1252
    case let name:
      guard let encoding = TextEncoding(rawValue: name) else { return nil }
      self = encoding
    }
  }

  /// The encoding whose byte order mark `bytes` begin with.
  static func marked(_ bytes: [UInt8]) -> TextEncoding? {
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { return .utf8 }
    if bytes.starts(with: [0xFF, 0xFE]) { return .utf16LittleEndian }
    if bytes.starts(with: [0xFE, 0xFF]) { return .utf16BigEndian }
    return nil
  }
}

/// Turns pieces of a text in one encoding into UTF-8. What is none in its encoding becomes a byte that is none in UTF-8 either,
/// so that its line is refused.
struct Transcoder {
  private let encoding: TextEncoding
  private var rest: [UInt8] = []
  private var high: UInt16?

  init(_ encoding: TextEncoding) { self.encoding = encoding }

  private static let invalid: UInt8 = 0xFF

  /// What windows-1252 has at 0x80 to 0x9F; 0 where it has nothing.
  private static let windows: [UInt16] = [
    0x20AC, 0, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160, 0x2039,
    0x0152, 0, 0x017D, 0, 0, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014, 0x02DC,
    0x2122, 0x0161, 0x203A, 0x0153, 0, 0x017E, 0x0178,
  ]

  /// The next piece; an empty one is the end, and gives what is left.
  mutating func utf8(_ piece: [UInt8]) -> [UInt8] {
    var output: [UInt8] = []
    output.reserveCapacity(piece.count * 2)
    switch encoding {
    case .utf8: return piece
    case .windows1252:
      for byte in piece {
        switch byte {
        case ..<0x80: output.append(byte)
        case 0x80...0x9F: Self.append(Self.windows[Int(byte) - 0x80], to: &output)
        default: Self.append(UInt16(byte), to: &output)
        }
      }
    case .utf16LittleEndian, .utf16BigEndian:
      let bytes = rest + piece
      let even = bytes.count & ~1
      for index in stride(from: 0, to: even, by: 2) {
        let (first, second) = (UInt16(bytes[index]), UInt16(bytes[index + 1]))
        take(encoding == .utf16BigEndian ? first << 8 | second : second << 8 | first, &output)
      }
      rest = Array(bytes[even...])
      if piece.isEmpty && (high != nil || !rest.isEmpty) {
        (high, rest) = (nil, [])
        output.append(Self.invalid)
      }
    }
    return output
  }

  private mutating func take(_ unit: UInt16, _ output: inout [UInt8]) {
    if let first = high {
      high = nil
      if UTF16.isTrailSurrogate(unit) {
        let value = 0x10000 + (UInt32(first) - 0xD800) << 10 + UInt32(unit) - 0xDC00
        if let scalar = Unicode.Scalar(value) { output += Array(String(scalar).utf8) }
        return
      }
      output.append(Self.invalid)
    }
    if UTF16.isLeadSurrogate(unit) { high = unit } else { Self.append(unit, to: &output) }
  }

  /// Zero and lone surrogates are no characters.
  private static func append(_ unit: UInt16, to output: inout [UInt8]) {
    switch unit {
    case 0, 0xD800...0xDFFF: output.append(invalid)
    case ..<0x80: output.append(UInt8(unit))
    case ..<0x800: output += [0xC0 | UInt8(unit >> 6), 0x80 | UInt8(unit & 0x3F)]
    default:
      output += [
        0xE0 | UInt8(unit >> 12), 0x80 | UInt8(unit >> 6 & 0x3F), 0x80 | UInt8(unit & 0x3F),
      ]
    }
  }
}
