/// What a text may hold at most.
public struct JSONLimits: Sendable, Equatable {
  /// Levels of arrays and objects.
  public var depth: Int
  /// Values of all kinds.
  public var values: Int
  /// Bytes of the text.
  public var bytes: Int

  /// The limits; the defaults suit files that the operator chose.
  public init(depth: Int = 64, values: Int = 50_000_000, bytes: Int = 1 << 30) {
    self.depth = depth
    self.values = values
    self.bytes = bytes
  }
}

extension JSONValue {
  /// The value that `bytes` hold. Stricter than RFC 8259 where it leaves a choice: duplicate names,
  /// lone surrogates, a byte-order mark, numbers beyond a double's range are refused.
  ///
  /// - Throws: `JSONError`.
  public init(parsing bytes: [UInt8], limits: JSONLimits = JSONLimits()) throws {
    self = try bytes.withUnsafeBufferPointer { try JSONParser.parse($0, limits: limits) }
  }

  /// The value that `text` holds.
  public init(parsing text: String, limits: JSONLimits = JSONLimits()) throws {
    try self.init(parsing: Array(text.utf8), limits: limits)
  }

  /// The value that a region of memory holds.
  public init(parsing bytes: UnsafeRawBufferPointer, limits: JSONLimits = JSONLimits()) throws {
    self = try JSONParser.parse(bytes.bindMemory(to: UInt8.self), limits: limits)
  }
}

/// A recursive-descent reader; its functions are named after the rules of RFC 8259.
private struct JSONParser {
  private let bytes: UnsafeBufferPointer<UInt8>
  private let limits: JSONLimits
  private var at = 0
  private var values = 0
  private var path: [Step] = []
  private var scratch: [UInt8] = []

  private enum Step {
    case name(String)
    case index(Int)
  }

  static func parse(_ bytes: UnsafeBufferPointer<UInt8>, limits: JSONLimits) throws -> JSONValue {
    var parser = JSONParser(bytes: bytes, limits: limits)
    return try parser.text()
  }

  private init(bytes: UnsafeBufferPointer<UInt8>, limits: JSONLimits) {
    self.bytes = bytes
    self.limits = limits
  }

  private func error(_ reason: JSONError.Reason, at place: Int? = nil) -> JSONError {
    let offset = min(place ?? at, bytes.count)
    var (line, start) = (1, 0)
    for index in 0..<offset where bytes[index] == UInt8(ascii: "\n") {
      line += 1
      start = index + 1
    }
    let pointer = path.map { step in
      switch step {
      case .index(let index): "/\(index)"
      case .name(let name):
        "/"
          + name.split(separator: "~", omittingEmptySubsequences: false).joined(separator: "~0")
          .split(separator: "/", omittingEmptySubsequences: false).joined(separator: "~1")
      }
    }.joined()
    return JSONError(
      reason: reason, offset: offset, line: line, column: offset - start + 1, pointer: pointer)
  }

  private mutating func text() throws -> JSONValue {
    if bytes.count > limits.bytes { throw error(.tooLong(limit: limits.bytes)) }
    if bytes.count >= 3 && bytes[0] == 0xEF && bytes[1] == 0xBB && bytes[2] == 0xBF {
      throw error(.byteOrderMark)
    }
    whitespace()
    if at == bytes.count { throw error(.empty) }
    let result = try value()
    whitespace()
    if at != bytes.count { throw error(.trailingBytes) }
    return result
  }

  private mutating func whitespace() {
    while at < bytes.count {
      switch bytes[at] {
      case 0x20, 0x09, 0x0A, 0x0D: at += 1
      default: return
      }
    }
  }

  private mutating func value() throws -> JSONValue {
    guard at < bytes.count else { throw error(.unexpectedEnd) }
    values += 1
    if values > limits.values { throw error(.tooManyValues(limit: limits.values)) }
    switch bytes[at] {
    case UInt8(ascii: "{"): return try object()
    case UInt8(ascii: "["): return try array()
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try literal("true", .bool(true))
    case UInt8(ascii: "f"): return try literal("false", .bool(false))
    case UInt8(ascii: "n"): return try literal("null", .null)
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
    case UInt8(ascii: "N"), UInt8(ascii: "I"), UInt8(ascii: "+"), UInt8(ascii: "."):
      throw error(.invalidNumber)
    default: throw error(.unexpectedByte(bytes[at]))
    }
  }

  private mutating func literal(_ word: StaticString, _ value: JSONValue) throws -> JSONValue {
    for index in 0..<word.utf8CodeUnitCount {
      guard at < bytes.count else { throw error(.unexpectedEnd) }
      guard bytes[at] == word.utf8Start[index] else { throw error(.unexpectedByte(bytes[at])) }
      at += 1
    }
    return value
  }

  private mutating func descend() throws {
    at += 1
    if path.count >= limits.depth { throw error(.tooDeep(limit: limits.depth)) }
    whitespace()
  }

  private mutating func object() throws -> JSONValue {
    try descend()
    var object = JSONObject()
    if at < bytes.count && bytes[at] == UInt8(ascii: "}") {
      at += 1
      return .object(object)
    }
    while true {
      guard at < bytes.count else { throw error(.unexpectedEnd) }
      guard bytes[at] == UInt8(ascii: "\"") else { throw error(.unexpectedByte(bytes[at])) }
      let start = at
      let name = try string()
      whitespace()
      try expect(UInt8(ascii: ":"))
      whitespace()
      path.append(.name(name))
      let member = try value()
      path.removeLast()
      guard object.insertNew(name, member) else { throw error(.duplicateName(name), at: start) }
      if try separator(UInt8(ascii: "}")) { return .object(object) }
    }
  }

  private mutating func array() throws -> JSONValue {
    try descend()
    var elements: [JSONValue] = []
    if at < bytes.count && bytes[at] == UInt8(ascii: "]") {
      at += 1
      return .array(elements)
    }
    while true {
      path.append(.index(elements.count))
      elements.append(try value())
      path.removeLast()
      if try separator(UInt8(ascii: "]")) { return .array(elements) }
    }
  }

  private mutating func expect(_ byte: UInt8) throws {
    guard at < bytes.count else { throw error(.unexpectedEnd) }
    guard bytes[at] == byte else { throw error(.unexpectedByte(bytes[at])) }
    at += 1
  }

  /// A comma, or the closing `end`, which it reports.
  private mutating func separator(_ end: UInt8) throws -> Bool {
    whitespace()
    guard at < bytes.count else { throw error(.unexpectedEnd) }
    if bytes[at] == end {
      at += 1
      return true
    }
    try expect(UInt8(ascii: ","))
    whitespace()
    return false
  }

  // MARK: Strings

  private mutating func string() throws -> String {
    at += 1
    let start = at
    while at < bytes.count {
      let byte = bytes[at]
      if byte == UInt8(ascii: "\"") {
        let text = try decode(UnsafeBufferPointer(rebasing: bytes[start..<at]), from: start)
        at += 1
        return text
      }
      if byte == UInt8(ascii: "\\") { return try escapedString(from: start) }
      if byte < 0x20 { throw error(.controlCharacter(byte)) }
      at += 1
    }
    throw error(.unexpectedEnd)
  }

  private func decode(_ bytes: UnsafeBufferPointer<UInt8>, from start: Int) throws -> String {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw error(.invalidUTF8, at: start)
    }
    return text
  }

  private mutating func escapedString(from start: Int) throws -> String {
    scratch.removeAll(keepingCapacity: true)
    scratch.append(contentsOf: bytes[start..<at])
    while at < bytes.count {
      let byte = bytes[at]
      if byte == UInt8(ascii: "\"") {
        at += 1
        guard let text = String(validating: scratch, as: UTF8.self) else {
          throw error(.invalidUTF8, at: start)
        }
        return text
      }
      if byte < 0x20 { throw error(.controlCharacter(byte)) }
      at += 1
      if byte == UInt8(ascii: "\\") { try escape() } else { scratch.append(byte) }
    }
    throw error(.unexpectedEnd)
  }

  private mutating func escape() throws {
    guard at < bytes.count else { throw error(.unexpectedEnd) }
    let byte = bytes[at]
    at += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): scratch.append(byte)
    case UInt8(ascii: "b"): scratch.append(0x08)
    case UInt8(ascii: "f"): scratch.append(0x0C)
    case UInt8(ascii: "n"): scratch.append(0x0A)
    case UInt8(ascii: "r"): scratch.append(0x0D)
    case UInt8(ascii: "t"): scratch.append(0x09)
    case UInt8(ascii: "u"):
      let scalar = try unicodeEscape()
      scratch.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
    default: throw error(.invalidEscape, at: at - 2)
    }
  }

  private mutating func unicodeEscape() throws -> Unicode.Scalar {
    let start = at - 2
    let first = try fourDigits()
    if let scalar = Unicode.Scalar(first) { return scalar }
    guard first < 0xDC00, at + 1 < bytes.count, bytes[at] == UInt8(ascii: "\\"),
      bytes[at + 1] == UInt8(ascii: "u")
    else { throw error(.loneSurrogate, at: start) }
    at += 2
    let second = try fourDigits()
    guard (0xDC00...0xDFFF).contains(second),
      let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
    else { throw error(.loneSurrogate, at: start) }
    return scalar
  }

  private mutating func fourDigits() throws -> UInt32 {
    var result: UInt32 = 0
    for _ in 0..<4 {
      guard at < bytes.count else { throw error(.unexpectedEnd) }
      let digit: UInt8
      switch bytes[at] {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = bytes[at] - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = bytes[at] - UInt8(ascii: "a") + 10
      case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = bytes[at] - UInt8(ascii: "A") + 10
      default: throw error(.invalidEscape)
      }
      result = result << 4 + UInt32(digit)
      at += 1
    }
    return result
  }

  // MARK: Numbers

  private mutating func digits() throws {
    let start = at
    while at < bytes.count, (0x30...0x39).contains(bytes[at]) { at += 1 }
    if at == start { throw error(.invalidNumber) }
  }

  private mutating func number() throws -> JSONValue {
    let start = at
    var isInteger = true
    if bytes[at] == UInt8(ascii: "-") { at += 1 }
    let first = at
    try digits()
    if bytes[first] == UInt8(ascii: "0") && at - first > 1 {
      throw error(.invalidNumber, at: first)
    }
    if at < bytes.count && bytes[at] == UInt8(ascii: ".") {
      isInteger = false
      at += 1
      try digits()
    }
    if at < bytes.count && (bytes[at] | 0x20) == UInt8(ascii: "e") {
      isInteger = false
      at += 1
      if at < bytes.count && (bytes[at] == UInt8(ascii: "+") || bytes[at] == UInt8(ascii: "-")) {
        at += 1
      }
      try digits()
    }
    let text = String(decoding: bytes[start..<at], as: UTF8.self)
    if isInteger, text != "-0", let integer = Int(text) { return .integer(integer) }
    guard let double = Double(text) else { throw error(.invalidNumber, at: start) }
    guard double.isFinite else { throw error(.numberTooLarge, at: start) }
    return .double(double)
  }
}
