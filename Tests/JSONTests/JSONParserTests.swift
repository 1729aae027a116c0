import JSON
import Testing

@Suite("Strict JSON")
struct JSONParserTests {
  @Test("Values of every kind are read")
  func everyKind() throws {
    let value = try JSONValue(
      parsing: #" {"a": [1, -0.5, 1e3, "x\n\u00e9\ud83d\ude00", true, false, null], "b": {}} "#)
    let array = try #require(value["a"]?.arrayValue)
    #expect(array[0] == .integer(1) && array[1] == .double(-0.5) && array[2].intValue == 1000)
    #expect(array[3].stringValue == "x\né😀")
    #expect(array[4] == true && array[5] == false && array[6].isNull)
    #expect(value["b"]?.objectValue?.isEmpty == true)
    #expect(value["c"] == nil && value[0] == nil)
  }

  @Test(
    "What the grammar or prudence forbids is refused",
    arguments: [
      ("", JSONError.Reason.empty), ("  ", .empty), ("{", .unexpectedEnd), ("[1,", .unexpectedEnd),
      ("[1,]", .unexpectedByte(0x5D)), ("{\"a\":1,}", .unexpectedByte(0x7D)),
      ("{a:1}", .unexpectedByte(0x61)), ("[1 2]", .unexpectedByte(0x32)),
      ("1 1", .trailingBytes), ("nul", .unexpectedEnd), ("nulL", .unexpectedByte(0x4C)),
      ("NaN", .invalidNumber), ("Infinity", .invalidNumber), ("-Infinity", .invalidNumber),
      ("01", .invalidNumber), ("-", .invalidNumber), ("1.", .invalidNumber), (".5", .invalidNumber),
      ("1e", .invalidNumber), ("+1", .invalidNumber), ("1e999", .numberTooLarge),
      ("\"\\x\"", .invalidEscape), ("\"\\u12g4\"", .invalidEscape), ("\"a", .unexpectedEnd),
      ("\"\u{1}\"", .controlCharacter(1)), ("\"\\ud800\"", .loneSurrogate),
      ("\"\\udc00\\ud800\"", .loneSurrogate), ("\"\\ud800\\u0041\"", .loneSurrogate),
      ("{\"a\":1,\"a\":2}", .duplicateName("a")), ("\u{FEFF}1", .byteOrderMark),
    ])
  func refusals(text: String, reason: JSONError.Reason) {
    let error = #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
    #expect(error?.reason == reason, "\(text)")
  }

  @Test(
    "Bytes that are not UTF-8 are refused",
    arguments: [[0xC0, 0x80], [0xFF], [0xE2, 0x82], [0xED, 0xA0, 0x80]])
  func invalidUTF8(bytes: [Int]) {
    for escaped in [[], Array("\\n".utf8)] {
      let text = [0x22] + bytes.map(UInt8.init) + escaped + [0x22]
      let error = #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
      #expect(error?.reason == .invalidUTF8)
    }
  }

  @Test("An error names line, column and pointer")
  func place() throws {
    let error = #expect(throws: JSONError.self) {
      try JSONValue(parsing: "{\n  \"a/b\": [1,\n   x]}")
    }
    let found = try #require(error)
    #expect(found.line == 3 && found.column == 4 && found.pointer == "/a~1b/1")
  }

  @Test("Limits hold on both sides")
  func limits() throws {
    func nested(_ depth: Int) -> String {
      String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    }
    _ = try JSONValue(parsing: nested(64))
    let deep = #expect(throws: JSONError.self) { try JSONValue(parsing: nested(65)) }
    #expect(deep?.reason == .tooDeep(limit: 64))
    _ = try JSONValue(parsing: "[1,2]", limits: JSONLimits(values: 3))
    let many = #expect(throws: JSONError.self) {
      try JSONValue(parsing: "[1,2]", limits: JSONLimits(values: 2))
    }
    #expect(many?.reason == .tooManyValues(limit: 2))
    _ = try JSONValue(parsing: "[1]", limits: JSONLimits(bytes: 3))
    let long = #expect(throws: JSONError.self) {
      try JSONValue(parsing: "[1]", limits: JSONLimits(bytes: 2))
    }
    #expect(long?.reason == .tooLong(limit: 2))
  }

  @Test("What is written reads back the same")
  func roundTrip() throws {
    var generator = SystemRandomNumberGenerator()
    func random(_ depth: Int) -> JSONValue {
      switch Int.random(in: 0..<(depth > 0 ? 7 : 5), using: &generator) {
      case 0: return .null
      case 1: return .bool(.random(using: &generator))
      case 2: return .integer(.random(in: .min ... .max, using: &generator))
      case 3:
        return .double(Double(bitPattern: UInt64.random(in: 1...0x7FE0 << 48, using: &generator)))
      case 4:
        return .string(
          String(
            (0..<5).map { _ in
              Character(Unicode.Scalar(UInt32.random(in: 0..<0xD800, using: &generator)) ?? "x")
            }))
      case 5: return .array((0..<3).map { _ in random(depth - 1) })
      default: return .object(JSONObject((0..<12).map { ("k\($0)", random(depth - 1)) }))
      }
    }
    for round in 0..<200 {
      let value = random(3)
      let text = value.serialized(pretty: round % 2 == 0)
      let again = try JSONValue(parsing: text)
      #expect(again.serialized() == value.serialized())
    }
  }
}
