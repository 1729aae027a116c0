import Foundation
import JSON
import Testing

/// SplitMix64 (Steele, Lea, Flood 2014), so that a failing case can be made again from its seed.
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

@Suite("JSON serialization")
struct JSONSerializationTests {
  private func randomValue(_ depth: Int, _ random: inout SeededGenerator) -> JSONValue {
    switch Int.random(in: 0..<(depth > 0 ? 8 : 6), using: &random) {
    case 0: return .null
    case 1: return .bool(.random(using: &random))
    case 2: return JSONValue(Int(truncatingIfNeeded: random.next()))
    case 3:
      let double = Double(bitPattern: random.next())
      return JSONValue(double.isFinite ? double : 0.5)
    case 4, 5: return .string(randomString(&random))
    case 6:
      return .array(
        (0..<Int.random(in: 0..<6, using: &random)).map { _ in randomValue(depth - 1, &random) })
    default:
      var object = JSONObject()
      for _ in 0..<Int.random(in: 0..<14, using: &random) {
        object[randomString(&random)] = randomValue(depth - 1, &random)
      }
      return .object(object)
    }
  }

  private func randomString(_ random: inout SeededGenerator) -> String {
    var text = ""
    for _ in 0..<Int.random(in: 0..<12, using: &random) {
      let limit: UInt32 = [0x80, 0x800, 0x10000, 0x110000].randomElement(using: &random) ?? 0x80
      if let scalar = UnicodeScalar(UInt32.random(in: 0..<limit, using: &random)) {
        text.unicodeScalars.append(scalar)
      }
    }
    return text
  }

  @Test("random values come back the same, in order, and Foundation reads what is written")
  func roundTrips() throws {
    for seed in 0..<400 as Range<UInt64> {
      var random = SeededGenerator(state: seed)
      let value = randomValue(5, &random)
      for pretty in [false, true] {
        let bytes = value.serializedBytes(pretty: pretty)
        let back = try JSONValue(parsing: bytes)
        #expect(back == value, "seed \(seed)")
        #expect(back.serializedBytes(pretty: pretty) == bytes, "seed \(seed)")
        #expect(
          (try? JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)) != nil,
          "seed \(seed)")
      }
    }
  }

  @Test("layout is exact")
  func layout() {
    let value: JSONValue = [
      "b": [1, 2.0, 1e300], "a": [:], "c": [], "d": "\"\\\u{1}\u{1F}\u{7F}\n/é😀",
    ]
    #expect(
      value.serialized(sortedKeys: true)
        == #"{"a":{},"b":[1,2.0,1e+300],"c":[],"d":"\"\\\u0001\u001f\u007f\n/é😀"}"#)
    #expect(
      value.serialized(pretty: true).hasPrefix(
        "{\n  \"b\": [\n    1,\n    2.0,\n    1e+300\n  ],\n  \"a\": {},"))
  }

  @Test("no writer has a number for what is not finite")
  func refusesWhatIsNotFinite() throws {
    var bytes: [UInt8] = []
    for odd in [Double.nan, .infinity, -.infinity] {
      #expect(throws: JSONValue.NotFinite.self) { try JSONValue.write(number: odd, to: &bytes) }
      #expect(throws: JSONValue.NotFinite.self) {
        try JSONValue.write(number: Float(odd), to: &bytes)
      }
    }
    #expect(bytes.isEmpty)
    try JSONValue.write(number: Float(0.1), to: &bytes)
    #expect(bytes == Array("0.1".utf8))
  }

  @Test("what is not finite is written as null")
  func nonFinite() {
    let value: JSONValue = [JSONValue(.infinity), JSONValue(.nan), JSONValue(-.infinity)]
    #expect(value.serialized() == "[null,null,null]")
  }

  @Test("members keep their order, can be replaced and removed")
  func objectEditing() {
    var object: JSONObject = ["z": 1, "a": 2]
    for index in 0..<20 { object["k\(index)"] = JSONValue(index) }
    object["a"] = 3
    object["k7"] = nil
    #expect(object.keys.prefix(3) == ["z", "a", "k0"])
    #expect(object["a"]?.intValue == 3)
    #expect(object["k7"] == nil)
    #expect(object["k19"]?.intValue == 19)
    #expect(object.count == 21)
  }

  @Test("numbers equal by value, strings by bytes")
  func equality() {
    #expect(JSONValue(1) == JSONValue(1.0))
    #expect(JSONValue(Int.max) != JSONValue(Double(Int.max)))
    #expect(JSONValue("\u{E9}") != JSONValue("e\u{301}"))
    #expect((["a": 1, "b": 2] as JSONValue) == ["b": 2, "a": 1])
    #expect((["a": 1] as JSONValue) != ["a": 1, "b": 2])
  }
}
