/// Walks over JSON text without building values. The lists of a tokenizer hold a quarter of a million entries;
/// as values they would take ten times their size and most of the time of loading.
struct JSONCursor {
  private let text: [UInt8]
  private let end: Int
  /// The next byte.
  private(set) var offset: Int

  /// What is wrong, and at which byte.
  struct Failure: Error {
    var problem: String
    var offset: Int
  }

  /// A cursor over `range` of `text`.
  init(_ text: [UInt8], _ range: Range<Int>) {
    self.text = text
    offset = range.lowerBound
    end = range.upperBound
  }

  @inline(__always)
  private mutating func skipSpace() {
    while offset < end {
      switch text[offset] {
      case 0x20, 0x0A, 0x0D, 0x09: offset += 1
      default: return
      }
    }
  }

  /// The next byte that is no white space; 0 at the end.
  @inline(__always)
  mutating func peek() -> UInt8 {
    skipSpace()
    return offset < end ? text[offset] : 0
  }

  /// Steps over `byte` if it comes next.
  @inline(__always)
  mutating func take(_ byte: UInt8) -> Bool {
    guard peek() == byte else { return false }
    offset += 1
    return true
  }

  /// Steps over `byte`, which must come next.
  @inline(__always)
  mutating func expect(_ byte: UInt8) throws(Failure) {
    guard take(byte) else {
      throw Failure(
        problem: "\"\(Character(Unicode.Scalar(byte)))\" is missing", offset: offset)
    }
  }

  /// Reads a string; its bytes where none is escaped, so that nothing is copied, and otherwise what they stand
  /// for, in `scratch`.
  mutating func token(_ scratch: inout [UInt8]) throws(Failure) -> ArraySlice<UInt8> {
    guard peek() == UInt8(ascii: "\"") else {
      throw Failure(problem: "a string is missing", offset: offset)
    }
    var index = offset + 1
    while index < end, case let byte = text[index], byte != UInt8(ascii: "\\"), byte >= 0x20 {
      if byte == UInt8(ascii: "\"") {
        let plain = text[offset + 1..<index]
        offset = index + 1
        return plain
      }
      index += 1
    }
    scratch.removeAll(keepingCapacity: true)
    try string(into: &scratch)
    return scratch[...]
  }

  /// Reads a string and appends its bytes, escapes resolved, to `bytes`. The text must be UTF-8.
  mutating func string(into bytes: inout [UInt8]) throws(Failure) {
    try expect(UInt8(ascii: "\""))
    while offset < end {
      let byte = text[offset]
      offset += 1
      switch byte {
      case UInt8(ascii: "\""): return
      case UInt8(ascii: "\\"): try escape(into: &bytes)
      case 0..<0x20: throw Failure(problem: "a control character in a string", offset: offset)
      default: bytes.append(byte)
      }
    }
    throw Failure(problem: "a string without end", offset: offset)
  }

  private mutating func escape(into bytes: inout [UInt8]) throws(Failure) {
    guard offset < end else {
      throw Failure(problem: "a string without end", offset: offset)
    }
    let byte = text[offset]
    offset += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): bytes.append(byte)
    case UInt8(ascii: "b"): bytes.append(0x08)
    case UInt8(ascii: "f"): bytes.append(0x0C)
    case UInt8(ascii: "n"): bytes.append(0x0A)
    case UInt8(ascii: "r"): bytes.append(0x0D)
    case UInt8(ascii: "t"): bytes.append(0x09)
    case UInt8(ascii: "u"):
      var code = try hexadecimal()
      if code & 0xFC00 == 0xD800, offset + 1 < end, text[offset] == UInt8(ascii: "\\"),
        text[offset + 1] == UInt8(ascii: "u")
      {
        offset += 2
        let low = try hexadecimal()
        guard low & 0xFC00 == 0xDC00 else {
          throw Failure(problem: "half a surrogate pair", offset: offset)
        }
        code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
      }
      guard code & 0xFFFF_F800 != 0xD800 else {
        throw Failure(problem: "half a surrogate pair", offset: offset)
      }
      bytes.append(scalar: code)
    default: throw Failure(problem: "an escape that JSON has not", offset: offset)
    }
  }

  private mutating func hexadecimal() throws(Failure) -> UInt32 {
    var code: UInt32 = 0
    for _ in 0..<4 {
      guard offset < end, let digit = Character(Unicode.Scalar(text[offset])).hexDigitValue,
        text[offset] < 0x80
      else { throw Failure(problem: "an escape that JSON has not", offset: offset) }
      code = code << 4 | UInt32(digit)
      offset += 1
    }
    return code
  }

  /// Reads an integer from 0 on.
  mutating func index() throws(Failure) -> Int {
    skipSpace()
    let start = offset
    var value = 0
    while offset < end, case let digit = text[offset] &- 0x30, digit < 10,
      offset - start < 10
    {
      value = value * 10 + Int(digit)
      offset += 1
    }
    let isPlain = offset == end || !Self.isNumber(text[offset])
    guard offset > start, isPlain, offset - start == 1 || text[start] != 0x30 else {
      throw Failure(problem: "an id that is no whole number", offset: start)
    }
    return value
  }

  /// Reads a number as `tokenizers` does (`serde_json` without exact rounding): up to 19 digits as an integer,
  /// the rest of a fraction skipped, then one multiplication or division by a power of ten. One score in
  /// eight differs in its last bit from the nearest double, and paths with equal sums are told apart by it.
  mutating func number() throws(Failure) -> Double {
    skipSpace()
    let start = offset
    let isNegative = offset < end && text[offset] == UInt8(ascii: "-")
    if isNegative { offset += 1 }
    var (significand, exponent, digits): (UInt64, Int, Int) = (0, 0, 0)
    var isFraction = false
    while offset < end {
      if case let digit = text[offset] &- 0x30, digit < 10 {
        let (ten, overflows) = significand.multipliedReportingOverflow(by: 10)
        let (sum, carries) = ten.addingReportingOverflow(UInt64(digit))
        if !overflows && !carries {
          significand = sum
          if isFraction { exponent -= 1 }
        } else if !isFraction {
          exponent += 1
        }
        digits += 1
      } else if text[offset] == UInt8(ascii: "."), !isFraction, digits > 0 {
        isFraction = true
      } else {
        break
      }
      offset += 1
    }
    guard digits > 0, digits < 400, text[offset - 1] != UInt8(ascii: ".") else {
      throw Failure(problem: "a score that is no number", offset: start)
    }
    if offset < end, text[offset] | 0x20 == UInt8(ascii: "e") {
      offset += 1
      let isDown = offset < end && text[offset] == UInt8(ascii: "-")
      if isDown || (offset < end && text[offset] == UInt8(ascii: "+")) { offset += 1 }
      let power = try index()
      exponent += isDown ? -min(power, 1000) : min(power, 1000)
    }
    let value = Self.scaled(Double(significand), exponent)
    guard value.isFinite, offset == end || !Self.isNumber(text[offset]) else {
      throw Failure(problem: "a score that is no number", offset: start)
    }
    return isNegative ? -value : value
  }

  private static func scaled(_ value: Double, _ exponent: Int) -> Double {
    var (value, exponent) = (value, exponent)
    while exponent < -308 && value != 0 {
      value /= powers[308]
      exponent += 308
    }
    if value == 0 { return 0 }
    if exponent > 308 { return .infinity }
    return exponent < 0 ? value / powers[-exponent] : value * powers[exponent]
  }

  private static let powers: [Double] = (0...308).map { Double("1e\($0)") ?? .infinity }

  @inline(__always)
  private static func isNumber(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "."),
      UInt8(ascii: "e"), UInt8(ascii: "E"):
      true
    default: false
    }
  }

  /// Steps over any value. Only strings and brackets are looked at: what is stepped over is either read by its own
  /// reader or by the strict parser.
  mutating func skip() throws(Failure) {
    var depth = 0
    skipSpace()
    let start = offset
    while offset < end {
      switch text[offset] {
      case UInt8(ascii: "\""):
        try skipString()
        if depth == 0 { return }
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        depth += 1
        offset += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        if depth == 0 { return try checkMoved(from: start) }
        depth -= 1
        offset += 1
        if depth == 0 { return }
      case UInt8(ascii: ","), 0x20, 0x0A, 0x0D, 0x09:
        if depth == 0 { return try checkMoved(from: start) }
        offset += 1
      default: offset += 1
      }
    }
    throw Failure(problem: "the text ends too soon", offset: offset)
  }

  private func checkMoved(from start: Int) throws(Failure) {
    if offset == start { throw Failure(problem: "a value is missing", offset: offset) }
  }

  private mutating func skipString() throws(Failure) {
    var index = offset + 1
    while index < end {
      let byte = text[index]
      index += 1
      if byte == UInt8(ascii: "\"") {
        offset = index
        return
      }
      if byte == UInt8(ascii: "\\") { index += 1 }
    }
    throw Failure(problem: "a string without end", offset: end)
  }
}
