import HTTP
import JSON

/// How `/openapi.json` describes one method of one path.
struct Operation: Sendable {
  /// An answer without an error.
  struct Answer: Sendable {
    var status = 200
    var type = "application/json"
    var schema: JSONValue
    var examples: [(name: String, value: JSONValue)] = []
    var description = "The answer."
    var headers: [String] = []
  }

  /// The name that generated clients call it by.
  let id: String
  /// The group that it stands in.
  let tag: String
  let summary: String
  var description: String?
  var parameters: [JSONValue] = []
  /// The body's schema and requests that are right.
  var body: (schema: JSONValue, examples: [(name: String, value: JSONValue)])?
  var answers: [Answer]
  /// Errors of its own, beyond those that any request can meet.
  var errors: [Int] = []
  var shape = ErrorShape.problem

  /// - Parameter needsToken: whether 401 and 429 are among the answers.
  func json(needsToken: Bool) -> JSONValue {
    var object: JSONObject = [
      "operationId": JSONValue(id), "tags": [JSONValue(tag)], "summary": JSONValue(summary),
    ]
    if let description { object["description"] = JSONValue(description) }
    if !parameters.isEmpty { object["parameters"] = .array(parameters) }
    if let body {
      object["requestBody"] = [
        "required": true,
        "content": ["application/json": content(body.schema, body.examples)],
      ]
    }
    var responses = JSONObject()
    for answer in answers { responses["\(answer.status)"] = json(answer) }
    for status in allErrors(needsToken) { responses["\(status)"] = error(status) }
    object["responses"] = .object(responses)
    if !needsToken { object["security"] = [] }
    return .object(object)
  }

  private func content(
    _ schema: JSONValue, _ examples: [(name: String, value: JSONValue)]
  ) -> JSONValue {
    var content: JSONObject = ["schema": schema]
    if !examples.isEmpty {
      var named = JSONObject()
      for example in examples { named[example.name] = ["value": example.value] }
      content["examples"] = .object(named)
    }
    return .object(content)
  }

  private func json(_ answer: Answer) -> JSONValue {
    var object: JSONObject = ["description": JSONValue(answer.description)]
    var headers: JSONObject = ["X-Request-Id": ["$ref": "#/components/headers/X-Request-Id"]]
    for name in answer.headers {
      headers[name] = ["$ref": JSONValue("#/components/headers/\(name)")]
    }
    object["headers"] = .object(headers)
    var content = JSONObject()
    content[answer.type] = self.content(answer.schema, answer.examples)
    object["content"] = .object(content)
    return .object(object)
  }

  private func allErrors(_ needsToken: Bool) -> [Int] {
    var statuses = Set(errors + [400, 408, 414, 431, 501, 505])
    if body != nil { statuses.formUnion([413, 415]) }
    if needsToken { statuses.formUnion([401, 429]) }
    return statuses.subtracting(answers.map(\.status)).sorted()
  }

  private func error(_ status: Int) -> JSONValue {
    var content: JSONObject = [:]
    switch shape {
    case .problem: break
    case .message: content["application/json"] = ["schema": Schema.reference("MessageError")]
    case .openAI: content["application/json"] = ["schema": Schema.reference("OpenAIError")]
    case .cohere: content["application/json"] = ["schema": Schema.reference("CohereError")]
    case .textEmbeddings:
      content["application/json"] = ["schema": Schema.reference("TextEmbeddingsError")]
    }
    // Whatever the protocol, a request that cannot be read as HTTP is told so by RFC 9457.
    content["application/problem+json"] = ["schema": Schema.reference("Problem")]
    var object: JSONObject = [
      "description": JSONValue(Self.meanings[status] ?? Status(status).reason),
      "content": .object(content),
    ]
    if status == 503 || status == 429 {
      object["headers"] = ["Retry-After": ["$ref": "#/components/headers/Retry-After"]]
    }
    if status == 401 {
      object["headers"] = ["WWW-Authenticate": ["$ref": "#/components/headers/WWW-Authenticate"]]
    }
    return .object(object)
  }

  private static let meanings = [
    400: "The request is malformed: not HTTP, not JSON, or not what the protocol asks for.",
    401: "The token is missing or not known.",
    404: "Nothing has this name.",
    408: "The request did not arrive in time.",
    413: "The body is larger than the limit, or a text is longer than the model reads.",
    414: "The URL is longer than the limit.",
    415: "The body is not JSON in UTF-8.",
    422: "The body is JSON, but not what is asked for: what is wrong, where, and how to mend it.",
    429: "The token has had its requests for now.",
    431: "The head is larger than the limits.",
    500: "The model failed.",
    501: "The method or the transfer coding is not known.",
    503: "Too many texts wait, or the pool is not ready.",
    504: "The request's time passed before its turn came.",
    505: "The HTTP version is not spoken here.",
  ]
}
