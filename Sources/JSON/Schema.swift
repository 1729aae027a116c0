/// JSON Schemas (draft 2020-12).
package enum Schema {
  /// A number.
  package static let number: JSONValue = ["type": "number"]
  /// True or false.
  package static let boolean: JSONValue = ["type": "boolean"]
  /// A string.
  package static let string: JSONValue = ["type": "string"]
  /// A string that is not empty.
  package static let text: JSONValue = ["type": "string", "minLength": 1]

  /// A list.
  package static func list(_ items: JSONValue, minimum: Int = 0, maximum: Int? = nil) -> JSONValue {
    var object: JSONObject = ["type": "array", "items": items]
    if minimum > 0 { object["minItems"] = JSONValue(minimum) }
    if let maximum { object["maxItems"] = JSONValue(maximum) }
    return .object(object)
  }

  /// An object; a closed one has no other members.
  package static func object(
    _ properties: JSONObject, required: [String] = [], isClosed: Bool = false
  ) -> JSONValue {
    var object: JSONObject = ["type": "object"]
    if !required.isEmpty { object["required"] = .array(required.map { JSONValue($0) }) }
    object["properties"] = .object(properties)
    if isClosed { object["additionalProperties"] = false }
    return .object(object)
  }

  /// One of several.
  package static func any(_ schemas: JSONValue...) -> JSONValue { ["anyOf": .array(schemas)] }

  /// One of some strings.
  package static func values(_ names: [String]) -> JSONValue {
    ["type": "string", "enum": .array(names.map { JSONValue($0) })]
  }

  /// One value.
  package static func constant(_ value: JSONValue) -> JSONValue { ["const": value] }
}
