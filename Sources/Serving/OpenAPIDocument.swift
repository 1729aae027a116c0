import JSON
import Transformer

/// The description of the public listener, in OpenAPI 3.1.
struct OpenAPIDocument {
  let model: ModelDescription

  var json: JSONValue {
    [
      "openapi": "3.1.0",
      "info": [
        "title": "Martlet", "version": "1",
        "description": JSONValue("\(model.task.rawValue) with the model \(model.name)."),
      ],
      "paths": [
        "/predict": ["post": predict],
        "/feedback": ["post": feedback],
        "/healthz": ["get": get("Whether the process lives.", type: "text/plain")],
        "/readyz": ["get": get("Whether requests are welcome.", type: "text/plain")],
        "/v1/models": ["get": get("The models served.", type: "application/json")],
        "/openapi.json": ["get": get("This document.", type: "application/json")],
      ],
      "components": ["schemas": ["Problem": problem]],
    ]
  }

  private var label: JSONValue {
    ["type": "string", "enum": .array(model.labels.map { JSONValue($0) })]
  }

  /// The prediction for one input, by task.
  private var prediction: JSONValue {
    let number: JSONValue = ["type": "number"]
    switch model.task {
    case .classification: return label
    case .multiLabelClassification: return ["type": "array", "items": label]
    case .regression:
      return model.labels.count == 1 ? number : ["type": "array", "items": number]
    case .embedding: return ["type": "array", "items": number]
    case .tokenClassification:
      return [
        "type": "array",
        "items": [
          "type": "object", "required": ["token", "label", "score"],
          "properties": ["token": ["type": "string"], "label": label, "score": number],
        ],
      ]
    }
  }

  /// A text, or a pair of texts.
  private var input: JSONValue {
    let text: JSONValue = ["type": "string", "minLength": 1]
    return [
      "anyOf": [
        text,
        [
          "type": "object", "required": ["text"], "additionalProperties": false,
          "properties": ["text": text, "text_pair": text],
        ],
      ]
    ]
  }

  private func oneOrList(_ item: JSONValue) -> JSONValue {
    ["oneOf": [item, ["type": "array", "items": item]]]
  }

  /// As `oneOrList`, for items that may be lists themselves.
  private func anyOrList(_ item: JSONValue) -> JSONValue {
    ["anyOf": [item, ["type": "array", "items": item]]]
  }

  private var predict: JSONValue {
    let scores: JSONValue = ["type": "object", "additionalProperties": ["type": "number"]]
    let answer: JSONValue = [
      "type": "object", "required": ["prediction"],
      "properties": [
        "prediction": anyOrList(prediction), "scores": oneOrList(scores),
        "truncated": oneOrList(["type": "boolean"]),
      ],
    ]
    return [
      "summary": "Predicts for one text, one pair of texts, or several.",
      "parameters": [
        [
          "name": "scores", "in": "query", "schema": ["type": "boolean"],
          "description": "Adds the probability of each label, where the model has such.",
        ],
        [
          "name": "X-Request-Timeout-Ms", "in": "header",
          "schema": ["type": "integer", "minimum": 0, "maximum": 86_400_000],
          "description": "After so many milliseconds the answer is 504 and the work is dropped.",
        ],
      ],
      "requestBody": body(
        ["type": "object", "required": ["input"], "properties": ["input": anyOrList(input)]]),
      "responses": responses("200", answer, ["400", "413", "415", "422", "503", "504"]),
    ]
  }

  private var feedback: JSONValue {
    let id: JSONValue = ["type": "string", "minLength": 1, "maxLength": 256]
    return [
      "summary": "Tells the true label of an earlier prediction.",
      "requestBody": body([
        "type": "object", "required": ["request_id", "label"],
        "properties": ["request_id": id, "label": label],
      ]),
      "responses": responses("202", ["type": "object"], ["400", "413", "415", "422", "503"]),
    ]
  }

  private func body(_ schema: JSONValue) -> JSONValue {
    ["required": true, "content": ["application/json": ["schema": schema]]]
  }

  private func responses(_ status: String, _ schema: JSONValue, _ problems: [String]) -> JSONValue {
    let good: JSONValue = [
      "description": "The answer.", "content": ["application/json": ["schema": schema]],
    ]
    let bad: JSONValue = [
      "description": "What is wrong, where, and how to mend it.",
      "content": [
        "application/problem+json": ["schema": ["$ref": "#/components/schemas/Problem"]]
      ],
    ]
    return .object(all([(status, good)] + problems.map { ($0, bad) }))
  }

  private func all(_ members: [(String, JSONValue)]) -> JSONObject {
    var object = JSONObject()
    for (key, value) in members { object[key] = value }
    return object
  }

  private func get(_ summary: String, type: String) -> JSONValue {
    let content = JSONObject(dictionaryLiteral: (type, ["schema": [:]]))
    return [
      "summary": JSONValue(summary),
      "responses": ["200": ["description": JSONValue(summary), "content": .object(content)]],
    ]
  }

  private var problem: JSONValue {
    [
      "type": "object", "required": ["type", "title", "status", "detail", "mend", "request_id"],
      "properties": [
        "type": ["type": "string"], "title": ["type": "string"], "status": ["type": "integer"],
        "detail": ["type": "string"], "mend": ["type": "string"],
        "pointer": ["type": "string", "description": "A JSON pointer into the request."],
        "request_id": ["type": "string"],
      ],
    ]
  }
}
