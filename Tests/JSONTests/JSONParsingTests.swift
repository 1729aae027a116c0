import Foundation
import JSON
import Testing

@Suite("JSON parsing")
struct JSONParsingTests {
  @Test("values of every kind are read, with their exact contents")
  func readsEveryKind() throws {
    let value = try JSONValue(
      parsing:
        #" { "n" : null, "t":true,"f":false, "i": -9223372036854775808, "d":1.5e-3, "s":"é\n", "a":[1,[],{}] } "#
    )
    #expect(value["n"]?.isNull == true)
    #expect(value["t"]?.boolValue == true)
    #expect(value["f"]?.boolValue == false)
    #expect(value["i"]?.intValue == Int.min)
    #expect(value["d"]?.doubleValue == 0.0015)
    #expect(value["s"]?.stringValue == "é\n")
    #expect(value["a"]?[0]?.intValue == 1)
    #expect(value["a"]?.arrayValue?.count == 3)
    #expect(value["a"]?[3] == nil)
    #expect(value["missing"] == nil)
    #expect(value.objectValue?.keys == ["n", "t", "f", "i", "d", "s", "a"])
  }

  @Test(
    "accepted texts",
    arguments: [
      "0", "-0", "1E400".replacing("400", with: "+2"), "1e-400", "123456789012345678901234567890",
      "0.1e1", "[ ]", "{ }", "\t\r\n [1 , 2] \n", #""\u0000""#, #""\uD834\uDD1E""#, "\"\u{7F}\"",
      #"{"a":1,"A":2}"#, "{\"\u{E9}\":1,\"e\u{301}\":2}", #""\/""#, "\"\u{FFFF}\u{10FFFF}\"",
      String(repeating: "[", count: 64) + String(repeating: "]", count: 64),
    ])
  func accepts(text: String) throws {
    _ = try JSONValue(parsing: text)
  }

  @Test(
    "refused texts, with the reason and the byte",
    arguments: [
      ("", JSONError.Reason.empty, 0), ("  \n", .empty, 3), ("[1,]", .unexpectedByte(0x5D), 3),
      ("[1", .unexpectedEnd, 2), ("[1 2]", .unexpectedByte(0x32), 3),
      ("{\"a\" 1}", .unexpectedByte(0x31), 5),
      ("{a:1}", .unexpectedByte(0x61), 1), ("{\"a\":1,}", .unexpectedByte(0x7D), 7),
      ("{'a':1}", .unexpectedByte(0x27), 1), ("nul", .unexpectedEnd, 3),
      ("nulL", .unexpectedByte(0x4C), 3),
      ("True", .unexpectedByte(0x54), 0), ("NaN", .invalidNumber, 0),
      ("Infinity", .invalidNumber, 0),
      ("-Infinity", .invalidNumber, 1), ("+1", .invalidNumber, 0), (".5", .invalidNumber, 0),
      ("01", .invalidNumber, 0), ("-01", .invalidNumber, 0), ("1.", .unexpectedEnd, 2),
      ("1.e3", .invalidNumber, 2),
      ("1e", .unexpectedEnd, 2), ("1e+", .unexpectedEnd, 3), ("-", .unexpectedEnd, 1),
      ("1e400", .numberOverflow, 0),
      ("-1e400", .numberOverflow, 0), ("1e99999999999999999999", .numberOverflow, 0),
      ("0x10", .trailingBytes, 1),
      ("1 1", .trailingBytes, 2), ("[]]", .trailingBytes, 2), ("\"a", .unexpectedEnd, 2),
      ("\"\\x\"", .invalidEscape, 1), ("\"\\u12G4\"", .invalidEscape, 5),
      ("\"\\ud800\"", .loneSurrogate, 1),
      ("\"\\udc00\"", .loneSurrogate, 1), ("\"\\ud800\\ud800\"", .loneSurrogate, 1),
      ("\"\\ud800x\"", .loneSurrogate, 1), ("\"\n\"", .controlCharacter(10), 1),
      ("\"\0\"", .controlCharacter(0), 1),
      ("{\"a\":1,\"b\":2,\"a\":3}", .duplicateKey("a"), 13), ("\u{FEFF}1", .byteOrderMark, 0),
      ("/**/1", .unexpectedByte(0x2F), 0), ("\u{A0}1", .unexpectedByte(0xC2), 0),
      (",", .unexpectedByte(0x2C), 0),
      ("{\"\\u0061\":1,\"a\":2}", .duplicateKey("a"), 12), ("[\"a\"", .unexpectedEnd, 4),
      ("\"\\", .unexpectedEnd, 2),
      ("\"\\u00", .unexpectedEnd, 5), ("{", .unexpectedEnd, 1), ("{\"a\"", .unexpectedEnd, 4),
    ])
  func refuses(text: String, reason: JSONError.Reason, offset: Int) {
    let error = #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
    #expect(error?.reason == reason)
    #expect(error?.offset == offset)
  }

  @Test(
    "bytes that are not UTF-8 are refused",
    arguments: [
      [0x80], [0xC0, 0x80], [0xC1, 0xBF], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80],
      [0xF0, 0x80, 0x80, 0x80],
      [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFF], [0xE2, 0x82], [0xC3],
      [0xC3, 0x28],
    ] as [[UInt8]])
  func refusesInvalidUTF8(bytes: [UInt8]) {
    for prefix in ["\"", "\"\\n"] {
      let error = #expect(throws: JSONError.self) {
        try JSONValue(parsing: Array(prefix.utf8) + bytes + [0x22])
      }
      #expect(error?.reason == .invalidUTF8)
      #expect(error?.offset == prefix.utf8.count)
    }
  }

  @Test("an error names line, column and JSON pointer")
  func namesThePlace() {
    let text = "{\"a/b\": [0,\n {\"é~\": \"ü\", \"x\": tru}]}"
    let error = #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
    #expect(error?.line == 2)
    #expect(error?.column == 22)
    #expect(error?.path == "/a~1b/1/x")
    #expect(error?.errorDescription?.contains("line 2") == true)
    #expect(error?.recoverySuggestion?.isEmpty == false)
  }

  @Test("depth, bytes and elements are bounded")
  func bounds() {
    func reason(_ text: String, _ limits: JSONLimits = JSONLimits()) -> JSONError.Reason? {
      do throws(JSONError) {
        _ = try JSONValue(parsing: text, limits: limits)
        return nil
      } catch {
        return error.reason
      }
    }
    #expect(reason(String(repeating: "[", count: 100_000)) == .tooDeep(limit: 64))
    #expect(reason("[[1]]", JSONLimits(depth: 1)) == .tooDeep(limit: 1))
    #expect(reason("[[1]]", JSONLimits(depth: 2)) == nil)
    #expect(reason("[1,2]", JSONLimits(bytes: 4)) == .tooManyBytes(limit: 4))
    #expect(reason("[1,2]", JSONLimits(elements: 2)) == .tooManyElements(limit: 2))
    #expect(reason("[1,2]", JSONLimits(elements: 3)) == nil)
  }

  @Test("numbers are the nearest double, checked against the C library")
  func numbersAreNearest() throws {
    var random = SystemRandomNumberGenerator()
    for _ in 0..<20_000 {
      let text =
        "\(Bool.random(using: &random) ? "-" : "")\(UInt64.random(in: 0...(.max), using: &random) >> UInt64.random(in: 0...63, using: &random))"
        + ".\(UInt32.random(in: 0...(.max), using: &random))e\(Int.random(in: -320...280, using: &random))"
      #expect(try JSONValue(parsing: text).doubleValue == strtod(text, nil), "\(text)")
    }
  }

  @Test("large objects find each key and refuse a repeated one")
  func largeObjects() throws {
    let members = (0..<5_000).map { "\"k\($0)\":\($0)" }
    let value = try JSONValue(parsing: "{" + members.joined(separator: ",") + "}")
    for index in 0..<5_000 { #expect(value["k\(index)"]?.intValue == index) }
    #expect(value["k5000"] == nil)
    #expect(throws: JSONError.self) {
      try JSONValue(parsing: "{" + (members + [members[4_321]]).joined(separator: ",") + "}")
    }
  }

  @Test("Data, raw buffers and slices are read alike")
  func bytesOfAnyCollection() throws {
    let expected: JSONValue = ["a": [1, 2.5, "x"]]
    let text = #"{"a":[1,2.5,"x"]}"#
    #expect(try JSONValue(parsing: Data(text.utf8)) == expected)
    #expect(try JSONValue(parsing: Array((text + "]").utf8).dropLast()) == expected)
    #expect(try Array(text.utf8).withUnsafeBytes { try JSONValue(parsing: $0) } == expected)
    #expect(
      try JSONValue(parsing: Array(text.utf8.reversed()).reversed() as ReversedCollection)
        == expected)
  }
}
