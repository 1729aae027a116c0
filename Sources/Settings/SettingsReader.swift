/// Reads the part of TOML 1.0 that settings need: `key = value`, where a value is a string on one line,
/// a number, `true`, `false`, or an array of them, with comments, over bytes and with true line numbers.
///
/// Tables, dates and strings over several lines are refused as what they are. docs/decisions/settings-reader.md
/// says why this is no library.
struct SettingsReader {
  /// A value as it is written.
  enum Value: Equatable {
    /// A string without its quotes, or a number in decimal digits.
    case scalar(String)
    case boolean(Bool)
    case array([Value])
    /// The key goes on behind a dot, so that it is a table.
    case table
  }

  /// One `key = value`.
  struct Assignment: Equatable {
    let key: String
    let value: Value
    /// Where the key stands, from 1.
    let line: Int
  }

  /// What is wrong, and in which line.
  struct Problem: Error, Equatable {
    let line: Int
    let reason: String
  }

  private let bytes: [UInt8]
  private var place = 0
  private var line = 1
  private static let deepest = 16

  private init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// All assignments of a text, in its order.
  static func read(_ bytes: [UInt8]) throws(Problem) -> [Assignment] {
    var reader = SettingsReader(bytes)
    var assignments: [Assignment] = []
    while true {
      try reader.skipBlankLines()
      guard reader.byte != nil else { return assignments }
      assignments.append(try reader.assignment())
      try reader.endLine()
    }
  }

  // MARK: - Bytes

  private var byte: UInt8? { place < bytes.count ? bytes[place] : nil }

  private func bad(_ reason: String) -> Problem { Problem(line: line, reason: reason) }

  /// What stands here, for a message.
  private var found: String {
    guard let byte else { return "the end of the file" }
    if bytes[place...].starts(with: [13]) && !bytes[place...].starts(with: [13, 10]) {
      return "a carriage return without a line feed"
    }
    if byte == 10 || byte == 13 { return "the end of the line" }
    let word = bytes[place...].prefix { $0 > 32 && $0 != UInt8(ascii: "#") }.prefix(40)
    return word.isEmpty ? "a control character" : "'\(String(decoding: word, as: UTF8.self))'"
  }

  private mutating func take(_ wanted: UInt8) -> Bool {
    guard byte == wanted else { return false }
    place += 1
    return true
  }

  private mutating func skipSpaces() {
    while byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") { place += 1 }
  }

  /// Takes LF or CRLF.
  private mutating func takeLineEnd() -> Bool {
    let size = byte == 13 && place + 1 < bytes.count ? 2 : 1
    guard place + size <= bytes.count, bytes[place + size - 1] == 10 else { return false }
    place += size
    line += 1
    return true
  }

  /// Goes to the end of the line, of which nothing but a comment may be left.
  private mutating func skipComment() throws(Problem) {
    skipSpaces()
    guard take(UInt8(ascii: "#")) else { return }
    let start = place
    while let next = byte, next != 10, next != 13 {
      if next < 32 && next != 9 || next == 127 { throw bad("a comment holds a control character") }
      place += 1
    }
    _ = try text(bytes[start..<place], "the comment")
  }

  private mutating func skipBlankLines() throws(Problem) {
    repeat { try skipComment() } while takeLineEnd()
  }

  private mutating func endLine() throws(Problem) {
    try skipComment()
    guard byte == nil || takeLineEnd() else {
      throw bad("\(found) stands behind the value")
    }
  }

  private func text(_ bytes: some Sequence<UInt8>, _ what: String) throws(Problem) -> String {
    guard let text = String(validating: Array(bytes), as: UTF8.self) else {
      throw bad("\(what) is not UTF-8")
    }
    return text
  }

  // MARK: - Keys

  private mutating func assignment() throws(Problem) -> Assignment {
    if byte == UInt8(ascii: "[") {
      throw bad("there are no tables here, every setting stands by itself")
    }
    let start = line
    let key = try key()
    var isTable = false
    skipSpaces()
    while take(UInt8(ascii: ".")) {
      isTable = true
      skipSpaces()
      _ = try self.key()
      skipSpaces()
    }
    guard take(UInt8(ascii: "=")) else { throw bad("an = is missing behind '\(key)'") }
    skipSpaces()
    let value = try value(depth: 0)
    return Assignment(key: key, value: isTable ? .table : value, line: start)
  }

  private mutating func key() throws(Problem) -> String {
    if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") { return try string() }
    let word = bytes[place...].prefix {
      switch $0 {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
        true
      default: false
      }
    }
    guard !word.isEmpty else { throw bad("\(found) stands where a key belongs") }
    place += word.count
    return String(decoding: word, as: UTF8.self)
  }

  // MARK: - Values

  private mutating func value(depth: Int) throws(Problem) -> Value {
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "'"): return .scalar(try string())
    case UInt8(ascii: "["): return .array(try array(depth: depth + 1))
    case UInt8(ascii: "{"): throw bad("there are no tables here, every setting stands by itself")
    default: return try bareWord()
    }
  }

  private mutating func array(depth: Int) throws(Problem) -> [Value] {
    guard depth <= Self.deepest else { throw bad("arrays are too deep in one another") }
    let start = line
    place += 1
    var values: [Value] = []
    while true {
      try skipBlankLines()
      if take(UInt8(ascii: "]")) { return values }
      guard byte != nil else { throw bad("the array that line \(start) opens is never closed") }
      values.append(try value(depth: depth))
      try skipBlankLines()
      guard take(UInt8(ascii: ",")) || byte == UInt8(ascii: "]") || byte == nil else {
        throw bad("\(found) stands in an array where a comma or ] belongs")
      }
    }
  }

  private mutating func bareWord() throws(Problem) -> Value {
    let ends = Array(" \t\r\n#,]".utf8)
    let word = try text(bytes[place...].prefix { !ends.contains($0) }, "the value")
    guard !word.isEmpty else { throw bad("\(found) stands where a value belongs") }
    if word == "true" || word == "false" {
      place += word.utf8.count
      return .boolean(word == "true")
    }
    guard let number = Self.number(word) else {
      throw bad("\(found) is neither a number nor any other value of a setting")
    }
    place += word.utf8.count
    return .scalar(number)
  }

  /// A number of TOML in decimal digits; nil for anything else.
  static func number(_ word: String) -> String? {
    let signless = word.utf8.drop { $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "+") }
    guard word.utf8.count - signless.count <= 1 else { return nil }
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)]
    where word.utf8.starts(with: prefix.utf8) {
      return digits(signless.dropFirst(2)).flatMap { Int($0, radix: radix) }.map { "\($0)" }
    }
    // Sign, digits without a leading zero, then a fraction, an exponent, both or neither.
    let exponentAt = signless.firstIndex { $0 | 0x20 == UInt8(ascii: "e") }
    let pointAt = signless[..<(exponentAt ?? signless.endIndex)].firstIndex(of: UInt8(ascii: "."))
    let whole = signless[..<(pointAt ?? exponentAt ?? signless.endIndex)]
    guard let first = digits(whole), first.utf8.count == 1 || first.utf8.first != UInt8(ascii: "0")
    else { return nil }
    let sign = word.utf8.first == UInt8(ascii: "-") ? "-" : ""
    guard pointAt != nil || exponentAt != nil else { return Int(sign + first).map { "\($0)" } }
    var text = sign + first
    if let pointAt {
      let part = signless[..<(exponentAt ?? signless.endIndex)][signless.index(after: pointAt)...]
      guard let fraction = digits(part) else { return nil }
      text += "." + fraction
    }
    if let exponentAt {
      var part = signless[signless.index(after: exponentAt)...]
      text += "e"
      if part.first == UInt8(ascii: "-") || part.first == UInt8(ascii: "+") {
        text += String(decoding: part.prefix(1), as: UTF8.self)
        part = part.dropFirst()
      }
      guard let exponent = digits(part) else { return nil }
      text += exponent
    }
    return Double(text).flatMap { $0.isFinite ? "\($0)" : nil }
  }

  /// Digits without the underscores between them; nil where there is none, or something else.
  private static func digits(_ bytes: some Sequence<UInt8>) -> String? {
    var digits: [UInt8] = []
    var last = UInt8(ascii: "_")
    for byte in bytes {
      if byte == UInt8(ascii: "_") {
        if last == byte { return nil }
      } else {
        guard Character(UnicodeScalar(byte)).isHexDigit else { return nil }
        digits.append(byte)
      }
      last = byte
    }
    guard last != UInt8(ascii: "_") else { return nil }
    return String(decoding: digits, as: UTF8.self)
  }

  // MARK: - Strings

  private mutating func string() throws(Problem) -> String {
    guard let quote = byte else { throw bad("a string is missing") }
    if bytes[place...].starts(with: [quote, quote, quote]) {
      throw bad("a setting's string stands in one line, between single quotes of its kind")
    }
    place += 1
    var content: [UInt8] = []
    while let next = byte, next != quote {
      if next < 32 && next != 9 || next == 127 {
        throw bad(next == 10 || next == 13 ? Self.open : "a string holds a control character")
      }
      place += 1
      if next == UInt8(ascii: "\\") && quote == UInt8(ascii: "\"") {
        content += try escape().utf8
      } else {
        content.append(next)
      }
    }
    guard take(quote) else { throw bad(Self.open) }
    return try text(content, "a string")
  }

  private static let open = "a string is not closed by the quote that opens it"

  /// What stands behind a backslash.
  private mutating func escape() throws(Problem) -> String {
    guard let letter = byte else { throw bad(Self.open) }
    place += 1
    switch letter {
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "f"): return "\u{C}"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "\""): return "\""
    case UInt8(ascii: "\\"): return "\\"
    case UInt8(ascii: "u"), UInt8(ascii: "U"):
      let size = letter == UInt8(ascii: "u") ? 4 : 8
      let digits = bytes[place...].prefix(size)
      guard digits.count == size, let text = Self.digits(digits), text.utf8.count == size,
        let value = UInt32(text, radix: 16), value != 0, let scalar = Unicode.Scalar(value)
      else { throw bad("\\u and \\U take the 4 or 8 hexadecimal digits of a character") }
      place += size
      return String(scalar)
    default:
      throw bad("a string knows \\b \\t \\n \\f \\r \\\" \\\\ \\u and \\U behind a backslash")
    }
  }
}
