import HTTP
import JSON

/// The body of `/predict`: `{"input": "text"}` or `{"input": ["a", "b"]}`.
struct PredictRequest: Sendable {
  var texts: [String]
  /// Whether the input was a list, so that the answer is one.
  var isList: Bool

  init(_ request: Request, maximumTexts: Int) throws(Problem) {
    let object = try requestObject(request, example: #"{"input": "text"}"#)
    guard let input = object["input"] else {
      throw Problem(
        status: .unprocessableContent, detail: "The member 'input' is missing.",
        mend: #"Send {"input": "text"} or {"input": ["a", "b"]}."#, pointer: "/input")
    }
    if let text = input.stringValue {
      texts = [try Self.checked(text, pointer: "/input")]
      isList = false
      return
    }
    guard let values = input.arrayValue else {
      throw Problem(
        status: .unprocessableContent,
        detail: "'input' is \(input.kind), not a string or a list of strings.",
        mend: #"Put the text in quotes: {"input": "text"}."#, pointer: "/input")
    }
    if values.isEmpty || values.count > maximumTexts {
      throw Problem(
        status: .unprocessableContent,
        detail: "'input' has \(values.count) texts; from 1 to \(maximumTexts) are taken.",
        mend: "Send at least one text, and long lists in parts.", pointer: "/input")
    }
    texts = []
    texts.reserveCapacity(values.count)
    for (index, value) in values.enumerated() {
      guard let text = value.stringValue else {
        throw Problem(
          status: .unprocessableContent, detail: "An element of 'input' is \(value.kind).",
          mend: "Make each element a string.", pointer: "/input/\(index)")
      }
      texts.append(try Self.checked(text, pointer: "/input/\(index)"))
    }
    isList = true
  }

  private static func checked(_ text: String, pointer: String) throws(Problem) -> String {
    if text.isEmpty {
      throw Problem(
        status: .unprocessableContent, detail: "The text is empty.",
        mend: "Send at least one character.", pointer: pointer)
    }
    return text
  }
}

/// The JSON object in a request's body, or what is wrong with it.
func requestObject(_ request: Request, example: String) throws(Problem) -> JSONObject {
  try checkContentType(request)
  let value: JSONValue
  do {
    value = try JSONValue(parsing: request.body)
  } catch {
    throw Problem(
      status: .badRequest,
      detail: error.errorDescription ?? "The body is not JSON.",
      mend: error.recoverySuggestion ?? "Send \(example).", pointer: error.path)
  }
  guard let object = value.objectValue else {
    throw Problem(
      status: .unprocessableContent, detail: "The body is \(value.kind), not a JSON object.",
      mend: "Send \(example).", pointer: "")
  }
  return object
}

/// JSON in UTF-8 without a coding; a missing Content-Type is taken for that.
private func checkContentType(_ request: Request) throws(Problem) {
  if let coding = request.field("content-encoding"), coding.lowercased() != "identity" {
    throw Problem(
      status: .unsupportedMediaType, detail: "The Content-Encoding is not known here.",
      mend: "Send the body as it is, without Content-Encoding.")
  }
  guard let type = request.field("content-type") else { return }
  let parts = type.lowercased().split(separator: ";").map { $0.filter { $0 != " " && $0 != "\t" } }
  let charset = parts.dropFirst().first { $0.hasPrefix("charset=") }?.dropFirst(8)
  let isUTF8 = charset.map { $0 == "utf-8" || $0 == "\"utf-8\"" || $0 == "utf8" } ?? true
  let isJSON = parts.first == "application/json" || (parts.first?.hasSuffix("+json") ?? false)
  if !isJSON || !isUTF8 {
    throw Problem(
      status: .unsupportedMediaType, detail: "The body is not said to be JSON in UTF-8.",
      mend: "Send 'Content-Type: application/json' (curl: -H 'Content-Type: application/json').")
  }
}
