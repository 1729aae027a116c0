import JSON

/// JSON Schemas that more than one endpoint uses.
extension Schema {
  static func reference(_ name: String) -> JSONValue {
    ["$ref": JSONValue("#/components/schemas/\(name)")]
  }

  static let usage = object(
    ["prompt_tokens": integer(from: 0), "total_tokens": integer(from: 0)],
    required: ["prompt_tokens", "total_tokens"])

  static func nullable(_ schema: JSONValue) -> JSONValue { any(schema, ["type": "null"]) }

  static func integer(from minimum: Int, to maximum: Int? = nil) -> JSONValue {
    var object: JSONObject = ["type": "integer", "minimum": JSONValue(minimum)]
    if let maximum { object["maximum"] = JSONValue(maximum) }
    return .object(object)
  }

  /// What is done with a text that is longer than the model reads.
  static let longText = Schema.values(["truncate", "truncate_left", "refuse", "windows"])

  /// A text, or a list of them.
  static func texts(_ maximum: Int) -> JSONValue {
    any(text, list(text, minimum: 1, maximum: maximum))
  }

  // MARK: - Parameters

  static func header(
    _ name: String, _ schema: JSONValue, _ description: String
  ) -> JSONValue {
    [
      "name": JSONValue(name), "in": "header", "schema": schema,
      "description": JSONValue(description),
    ]
  }

  static let timeout = header(
    "X-Request-Timeout-Ms", ["type": "integer", "minimum": 0, "maximum": 86_400_000],
    "After so many milliseconds the answer is 504 and the work is dropped.")

  /// The hole `{model}` of a path.
  static func model(_ names: [String]) -> JSONValue {
    [
      "name": "model", "in": "path", "required": true, "schema": values(names),
      "description": "A model's name, as in /v1/models.",
    ]
  }

  /// The hole `{version}` of a path.
  static func version(_ names: [String]) -> JSONValue {
    [
      "name": "version", "in": "path", "required": true, "schema": values(names),
      "description": "One of the model's versions.",
    ]
  }

  // MARK: - Errors

  static let problem = object(
    [
      "type": ["type": "string", "format": "uri-reference"], "title": string,
      "status": ["type": "integer", "minimum": 400, "maximum": 599],
      "detail": ["type": "string", "description": "What is wrong with this request."],
      "pointer": [
        "type": "string", "description": "Where in the request: a JSON pointer (RFC 6901).",
      ],
      "mend": ["type": "string", "description": "How to mend it."],
      "request_id": ["type": "string", "description": "The X-Request-Id of this answer."],
    ], required: ["type", "title", "status", "detail", "mend", "request_id"])

  static let messageError = object(["error": string], required: ["error"], isClosed: true)

  static let openAIError = object(
    [
      "error": object(
        [
          "message": string, "type": string, "param": ["type": ["string", "null"]],
          "code": ["type": ["string", "null"]],
        ], required: ["message", "type", "param", "code"], isClosed: true)
    ], required: ["error"], isClosed: true)

  static let cohereError = object(
    ["message": string, "detail": string, "error": string, "error_type": string],
    required: ["message", "detail", "error", "error_type"], isClosed: true)

  static let textEmbeddingsError = object(
    ["error": string, "error_type": string], required: ["error", "error_type"], isClosed: true)
}
