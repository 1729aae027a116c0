import Files
import HTTP
import JSON

/// How a protocol tells what went wrong: ours by RFC 9457, the others each in its own way, so that their clients can read it.
enum ErrorShape: Sendable {
  /// `application/problem+json`: what, where, how to mend.
  case problem
  /// Open Inference Protocol v2 and TensorFlow Serving: `{"error": "…"}`.
  case message
  /// OpenAI: `{"error": {"message", "type", "param", "code"}}`.
  case openAI
  /// text-embeddings-inference: `{"error": "…", "error_type": "…"}`.
  case textEmbeddings
  /// Cohere's `{"message": "…"}`, with what clients of Jina and of text-embeddings-inference read beside it, because they share
  /// its paths: `detail`, `error` and `error_type`.
  case cohere

  func response(_ problem: Problem, requestID: String) -> Response {
    var response = problem.response(requestID: requestID)
    if case .problem = self { return response }
    response.contentType = "application/json"
    if let status = status(problem.status) { response.status = status }
    response.body = body(problem).serializedBytes() + [UInt8(ascii: "\n")]
    return response
  }

  /// These protocols know 400 for every input that is wrong.
  private func status(_ status: Status) -> Status? {
    switch self {
    case .message, .openAI: status == .unprocessableContent ? .badRequest : nil
    case .problem, .textEmbeddings, .cohere: nil
    }
  }

  private func body(_ problem: Problem) -> JSONValue {
    let place = problem.pointer.map { $0.isEmpty ? "" : " (at \($0))" } ?? ""
    let message = "\(problem.detail)\(place) \(problem.mend)"
    switch self {
    case .problem, .message: return ["error": JSONValue(message)]
    case .textEmbeddings:
      return ["error": JSONValue(message), "error_type": JSONValue(errorType(problem.status))]
    case .cohere:
      let text = JSONValue(message)
      return [
        "message": text, "detail": text, "error": text,
        "error_type": JSONValue(errorType(problem.status)),
      ]
    case .openAI:
      let parameter = problem.pointer?.split(byte: "/").first.map { JSONValue($0) }
      return [
        "error": [
          "message": JSONValue(message), "type": JSONValue(errorType(problem.status)),
          "param": parameter ?? .null, "code": code(problem.status).map { JSONValue($0) } ?? .null,
        ]
      ]
    }
  }

  private func errorType(_ status: Status) -> String {
    if case .openAI = self {
      switch status.code {
      case 401: return "authentication_error"
      case 429: return "rate_limit_error"
      case 500...: return "server_error"
      default: return "invalid_request_error"
      }
    }
    switch status.code {
    case 429, 503, 504: return "Overloaded"
    case 500...: return "Backend"
    case 401: return "Unauthorized"
    default: return "Validation"
    }
  }

  private func code(_ status: Status) -> String? {
    switch status.code {
    case 401: "invalid_api_key"
    case 404: "model_not_found"
    case 429: "rate_limit_exceeded"
    case 503: "overloaded"
    case 504: "timeout"
    default: nil
    }
  }
}
