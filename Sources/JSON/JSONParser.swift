/// A recursive-descent parser over UTF-8 bytes. Recursion is bounded by `JSONLimits.depth`.
///
/// Every read goes through the bounds-checked `Span`; `offset` never passes its count.
struct JSONParser {
  private let limits: JSONLimits
  private var offset = 0
  private var depth = 0
  private var elements = 0
  /// The decoded bytes of a string with escapes; kept between strings so that it is allocated once.
  private var unescaped: [UInt8] = []

  private init(limits: JSONLimits) { self.limits = limits }

  static func parse(_ input: Span<UInt8>, limits: JSONLimits) -> Result<JSONValue, JSONError> {
    var parser = JSONParser(limits: limits)
    do throws(JSONError) {
      return .success(try parser.document(input))
    } catch {
      return .failure(located(error, in: input))
    }
  }

  private static func located(_ error: JSONError, in input: Span<UInt8>) -> JSONError {
    var error = error
    for index in 0..<min(error.offset, input.count) {
      if input[index] == UInt8(ascii: "\n") {
        error.line += 1
        error.column = 1
      } else if input[index] & 0xC0 != 0x80 {
        error.column += 1
      }
    }
    return error
  }

  private mutating func document(_ input: Span<UInt8>) throws(JSONError) -> JSONValue {
    guard input.count <= limits.bytes else {
      throw JSONError(.tooManyBytes(limit: limits.bytes), at: 0)
    }
    if input.count >= 3, input[0] == 0xEF, input[1] == 0xBB, input[2] == 0xBF {
      throw JSONError(.byteOrderMark, at: 0)
    }
    skipWhiteSpace(input)
    guard offset < input.count else { throw JSONError(.empty, at: offset) }
    let value = try value(input)
    skipWhiteSpace(input)
    guard offset == input.count else { throw JSONError(.trailingBytes, at: offset) }
    return value
  }

  @inline(__always)
  private mutating func skipWhiteSpace(_ input: Span<UInt8>) {
    while offset < input.count {
      switch input[offset] {
      case 0x20, 0x0A, 0x0D, 0x09: offset += 1
      default: return
      }
    }
  }

  /// The error for what stands at `offset`: the end of the text or a byte that does not belong there.
  private func unexpected(_ input: Span<UInt8>) -> JSONError {
    offset < input.count
      ? JSONError(.unexpectedByte(input[offset]), at: offset)
      : JSONError(.unexpectedEnd, at: offset)
  }

  private mutating func value(_ input: Span<UInt8>) throws(JSONError) -> JSONValue {
    guard offset < input.count else { throw JSONError(.unexpectedEnd, at: offset) }
    elements += 1
    guard elements <= limits.elements else {
      throw JSONError(.tooManyElements(limit: limits.elements), at: offset)
    }
    switch input[offset] {
    case UInt8(ascii: "\""): return .string(try string(input))
    case UInt8(ascii: "{"): return .object(try object(input))
    case UInt8(ascii: "["): return .array(try array(input))
    case UInt8(ascii: "t"):
      try literal("true", input)
      return .bool(true)
    case UInt8(ascii: "f"):
      try literal("false", input)
      return .bool(false)
    case UInt8(ascii: "n"):
      try literal("null", input)
      return .null
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
      return .number(try JSONNumber.parse(input, at: &offset))
    case UInt8(ascii: "N"), UInt8(ascii: "I"), UInt8(ascii: "+"), UInt8(ascii: "."):
      throw JSONError(.invalidNumber, at: offset)
    default: throw unexpected(input)
    }
  }

  private mutating func literal(_ word: StaticString, _ input: Span<UInt8>) throws(JSONError) {
    for index in 0..<word.utf8CodeUnitCount {
      guard offset < input.count, input[offset] == word.utf8Start[index] else {
        throw unexpected(input)
      }
      offset += 1
    }
  }

  private mutating func enter() throws(JSONError) {
    depth += 1
    guard depth <= limits.depth else { throw JSONError(.tooDeep(limit: limits.depth), at: offset) }
    offset += 1
  }

  private mutating func array(_ input: Span<UInt8>) throws(JSONError) -> [JSONValue] {
    try enter()
    var result: [JSONValue] = []
    skipWhiteSpace(input)
    if offset < input.count, input[offset] == UInt8(ascii: "]") {
      offset += 1
      depth -= 1
      return result
    }
    while true {
      skipWhiteSpace(input)
      do throws(JSONError) {
        result.append(try value(input))
      } catch {
        throw error.within("\(result.count)")
      }
      skipWhiteSpace(input)
      guard offset < input.count else { throw unexpected(input) }
      switch input[offset] {
      case UInt8(ascii: ","): offset += 1
      case UInt8(ascii: "]"):
        offset += 1
        depth -= 1
        return result
      default: throw unexpected(input)
      }
    }
  }

  private mutating func object(_ input: Span<UInt8>) throws(JSONError) -> JSONObject {
    try enter()
    var result = JSONObject()
    skipWhiteSpace(input)
    if offset < input.count, input[offset] == UInt8(ascii: "}") {
      offset += 1
      depth -= 1
      return result
    }
    while true {
      skipWhiteSpace(input)
      try member(input, of: &result)
      skipWhiteSpace(input)
      guard offset < input.count else { throw unexpected(input) }
      switch input[offset] {
      case UInt8(ascii: ","): offset += 1
      case UInt8(ascii: "}"):
        offset += 1
        depth -= 1
        return result
      default: throw unexpected(input)
      }
    }
  }

  private mutating func member(
    _ input: Span<UInt8>, of object: inout JSONObject
  ) throws(JSONError) {
    guard offset < input.count, input[offset] == UInt8(ascii: "\"") else { throw unexpected(input) }
    let start = offset
    let key = try string(input)
    skipWhiteSpace(input)
    guard offset < input.count, input[offset] == UInt8(ascii: ":") else { throw unexpected(input) }
    offset += 1
    skipWhiteSpace(input)
    let member: JSONValue
    do throws(JSONError) {
      member = try value(input)
    } catch {
      throw error.within(key)
    }
    guard object.insert(key, member) else {
      throw JSONError(.duplicateKey(key), at: start)
    }
  }
}

// Strings.
extension JSONParser {
  /// Reads a string whose opening quote stands at `offset`.
  private mutating func string(_ input: Span<UInt8>) throws(JSONError) -> String {
    offset += 1
    let start = offset
    while offset < input.count {
      let byte = input[offset]
      if byte == UInt8(ascii: "\"") {
        let text = input.extracting(start..<offset).withUnsafeBufferPointer {
          String(decoding: $0, as: UTF8.self)
        }
        offset += 1
        return text
      }
      if byte == UInt8(ascii: "\\") { return try stringWithEscapes(input, from: start) }
      if byte >= 0x80 {
        try multibyte(input)
      } else if byte < 0x20 {
        throw JSONError(.controlCharacter(byte), at: offset)
      } else {
        offset += 1
      }
    }
    throw JSONError(.unexpectedEnd, at: offset)
  }

  private mutating func stringWithEscapes(
    _ input: Span<UInt8>, from start: Int
  ) throws(JSONError) -> String {
    unescaped.removeAll(keepingCapacity: true)
    for index in start..<offset { unescaped.append(input[index]) }
    while offset < input.count {
      let byte = input[offset]
      switch byte {
      case UInt8(ascii: "\""):
        offset += 1
        return String(decoding: unescaped, as: UTF8.self)
      case UInt8(ascii: "\\"):
        try escape(input)
      case 0..<0x20:
        throw JSONError(.controlCharacter(byte), at: offset)
      default:
        let first = offset
        if byte >= 0x80 { try multibyte(input) } else { offset += 1 }
        for index in first..<offset { unescaped.append(input[index]) }
      }
    }
    throw JSONError(.unexpectedEnd, at: offset)
  }

  private mutating func escape(_ input: Span<UInt8>) throws(JSONError) {
    let start = offset
    offset += 1
    guard offset < input.count else { throw JSONError(.unexpectedEnd, at: offset) }
    let byte = input[offset]
    offset += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): unescaped.append(byte)
    case UInt8(ascii: "b"): unescaped.append(0x08)
    case UInt8(ascii: "f"): unescaped.append(0x0C)
    case UInt8(ascii: "n"): unescaped.append(0x0A)
    case UInt8(ascii: "r"): unescaped.append(0x0D)
    case UInt8(ascii: "t"): unescaped.append(0x09)
    case UInt8(ascii: "u"):
      var code = try hexadecimal(input)
      if code & 0xF800 == 0xD800 {
        guard code < 0xDC00, offset + 1 < input.count, input[offset] == UInt8(ascii: "\\"),
          input[offset + 1] == UInt8(ascii: "u")
        else { throw JSONError(.loneSurrogate, at: start) }
        offset += 2
        let low = try hexadecimal(input)
        guard low & 0xFC00 == 0xDC00 else { throw JSONError(.loneSurrogate, at: start) }
        code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
      }
      guard let scalar = UnicodeScalar(code) else { throw JSONError(.loneSurrogate, at: start) }
      unescaped.append(contentsOf: UTF8.encode(scalar).map { Array($0) } ?? [])
    default: throw JSONError(.invalidEscape, at: start)
    }
  }

  private mutating func hexadecimal(_ input: Span<UInt8>) throws(JSONError) -> UInt32 {
    var code: UInt32 = 0
    for _ in 0..<4 {
      guard offset < input.count else { throw JSONError(.unexpectedEnd, at: offset) }
      let digit: UInt8
      switch input[offset] {
      case let byte where byte >= 0x30 && byte <= 0x39: digit = byte - 0x30
      case let byte where byte >= 0x41 && byte <= 0x46: digit = byte - 0x41 + 10
      case let byte where byte >= 0x61 && byte <= 0x66: digit = byte - 0x61 + 10
      default: throw JSONError(.invalidEscape, at: offset)
      }
      code = code << 4 | UInt32(digit)
      offset += 1
    }
    return code
  }

  /// Steps over one character of two to four bytes, by the table of well-formed sequences (Unicode 3-7).
  private mutating func multibyte(_ input: Span<UInt8>) throws(JSONError) {
    let lead = input[offset]
    var second: ClosedRange<UInt8> = 0x80...0xBF
    let count: Int
    switch lead {
    case 0xC2...0xDF: count = 2
    case 0xE0: (count, second) = (3, 0xA0...0xBF)
    case 0xED: (count, second) = (3, 0x80...0x9F)
    case 0xE1...0xEF: count = 3
    case 0xF0: (count, second) = (4, 0x90...0xBF)
    case 0xF1...0xF3: count = 4
    case 0xF4: (count, second) = (4, 0x80...0x8F)
    default: throw JSONError(.invalidUTF8, at: offset)
    }
    guard offset + count <= input.count, second.contains(input[offset + 1]) else {
      throw JSONError(.invalidUTF8, at: offset)
    }
    for index in 2..<max(count, 2) where input[offset + index] & 0xC0 != 0x80 {
      throw JSONError(.invalidUTF8, at: offset)
    }
    offset += count
  }
}

extension JSONValue {
  /// The beginning of a name as it stands in a JSON pointer (RFC 6901 section 3).
  package static func pointerToken(_ name: String) -> String {
    var escaped = ""
    for scalar in name.unicodeScalars.prefix(128) {
      switch scalar {
      case "~": escaped += "~0"
      case "/": escaped += "~1"
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }
}

extension JSONError {
  /// The same error seen from one level up: `token` goes in front of its pointer, escaped by RFC 6901.
  fileprivate func within(_ token: String) -> JSONError {
    var error = self
    error.path = "/" + JSONValue.pointerToken(token) + path
    return error
  }
}
