/// A JSON value (RFC 8259) that keeps integers exactly and the members of objects in order.
public enum JSONValue: Sendable {
  /// `null`.
  case null
  /// `true` or `false`.
  case bool(Bool)
  /// A number.
  case number(JSONNumber)
  /// A string.
  case string(String)
  /// An array.
  case array([JSONValue])
  /// An object.
  indirect case object(JSONObject)

  /// An integer.
  public init(_ value: Int) { self = .number(.integer(value)) }
  /// A double; `null` for what is not finite, since JSON has no such number: a figure that is not defined.
  public init(_ value: Double) { self = value.isFinite ? .number(.double(value)) : .null }
  /// A string.
  public init(_ value: String) { self = .string(value) }
  /// A truth value.
  public init(_ value: Bool) { self = .bool(value) }

  /// The member `key` of an object; `nil` for anything else.
  public subscript(key: String) -> JSONValue? {
    if case .object(let object) = self { object[key] } else { nil }
  }

  /// The element at `index` of an array; `nil` beyond its end or for anything else.
  public subscript(index: Int) -> JSONValue? {
    if case .array(let array) = self, array.indices.contains(index) { array[index] } else { nil }
  }

  /// Whether this is `null`.
  public var isNull: Bool { if case .null = self { true } else { false } }
  /// The truth value, if this is one.
  public var boolValue: Bool? { if case .bool(let value) = self { value } else { nil } }
  /// The string, if this is one.
  public var stringValue: String? { if case .string(let value) = self { value } else { nil } }
  /// The number as an integer, if it is one exactly.
  public var intValue: Int? { if case .number(let value) = self { value.intValue } else { nil } }
  /// The number, if this is one.
  public var doubleValue: Double? {
    if case .number(let value) = self { value.doubleValue } else { nil }
  }
  /// The elements, if this is an array.
  public var arrayValue: [JSONValue]? { if case .array(let value) = self { value } else { nil } }
  /// The members, if this is an object.
  public var objectValue: JSONObject? { if case .object(let value) = self { value } else { nil } }

  /// What kind of value this is, for messages: "null", "a string", ….
  public var kind: String {
    switch self {
    case .null: "null"
    case .bool: "a truth value"
    case .number: "a number"
    case .string: "a string"
    case .array: "an array"
    case .object: "an object"
    }
  }
}

extension JSONValue: Equatable {
  /// Equal as JSON: numbers by value, strings byte for byte, objects in any order of members.
  public static func == (left: JSONValue, right: JSONValue) -> Bool {
    switch (left, right) {
    case (.null, .null): true
    case (.bool(let a), .bool(let b)): a == b
    case (.number(let a), .number(let b)): a == b
    case (.string(let a), .string(let b)): ExactString(a) == ExactString(b)
    case (.array(let a), .array(let b)): a == b
    case (.object(let a), .object(let b)): a == b
    default: false
    }
  }
}

extension JSONValue: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral,
  ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral, ExpressibleByStringLiteral,
  ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  /// `null`.
  public init(nilLiteral: ()) { self = .null }
  /// A truth value.
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  /// An integer.
  public init(integerLiteral value: Int) { self = .number(.integer(value)) }
  /// A double.
  public init(floatLiteral value: Double) { self = .number(.double(value)) }
  /// A string.
  public init(stringLiteral value: String) { self = .string(value) }
  /// An array.
  public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
  /// An object; of a key that stands twice the last value counts.
  public init(dictionaryLiteral elements: (String, JSONValue)...) {
    var object = JSONObject()
    for (key, value) in elements { object[key] = value }
    self = .object(object)
  }
}

extension JSONValue {
  /// Parses one JSON value from UTF-8 bytes: `[UInt8]`, `Data`, `UnsafeRawBufferPointer`, `String.UTF8View` ….
  ///
  /// - Throws: `JSONError` with the place of the first byte that breaks RFC 8259 or `limits`. Stricter than the
  ///   RFC asks: duplicate keys, lone surrogates and numbers beyond a double are refused.
  public init(
    parsing bytes: some Collection<UInt8>, limits: JSONLimits = JSONLimits()
  ) throws(JSONError) {
    let result: Result<JSONValue, JSONError>? = bytes.withContiguousStorageIfAvailable { buffer in
      JSONParser.parse(buffer.span, limits: limits)
    }
    self = try (result ?? JSONParser.parse(Array(bytes).span, limits: limits)).get()
  }

  /// Parses one JSON value from a string; see `init(parsing:limits:)` for bytes.
  ///
  /// - Throws: `JSONError` with the place of the first byte that breaks RFC 8259 or `limits`.
  public init(parsing text: String, limits: JSONLimits = JSONLimits()) throws(JSONError) {
    try self.init(parsing: text.utf8, limits: limits)
  }
}
