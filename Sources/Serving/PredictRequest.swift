import HTTP
import JSON
import Transformer

/// The body of `/predict`: `{"input": "text"}`, `{"input": {"text": "a", "text_pair": "b"}}`, or a
/// list of such inputs.
struct PredictRequest: Sendable {
  var inputs: [TextInput]
  /// Whether the input was a list, so that the answer is one.
  var isList: Bool

  init(_ request: Request, maximumTexts: Int) throws(Problem) {
    let object = try requestObject(request, example: #"{"input": "text"}"#)
    guard let input = object["input"] else {
      throw Problem(
        status: .unprocessableContent, detail: "The member 'input' is missing.",
        mend: #"Send {"input": "text"} or {"input": ["a", "b"]}."#, pointer: "/input")
    }
    guard let values = input.arrayValue else {
      inputs = [try Self.input(input, pointer: "/input")]
      isList = false
      return
    }
    if values.isEmpty || values.count > maximumTexts {
      throw Problem(
        status: .unprocessableContent,
        detail: "'input' has \(values.count) texts; from 1 to \(maximumTexts) are taken.",
        mend: "Send at least one text, and long lists in parts.", pointer: "/input")
    }
    inputs = []
    inputs.reserveCapacity(values.count)
    for (index, value) in values.enumerated() {
      inputs.append(try Self.input(value, pointer: "/input/\(index)"))
    }
    isList = true
  }

  private static func input(_ value: JSONValue, pointer: String) throws(Problem) -> TextInput {
    if value.stringValue != nil { return TextInput(try text(value, pointer: pointer)) }
    guard let object = value.objectValue else {
      throw Problem(
        status: .unprocessableContent, detail: "An input is \(value.kind), not a string.",
        mend: #"Put the text in quotes: {"input": "text"}."#, pointer: pointer)
    }
    for key in object.keys where key != "text" && key != "text_pair" {
      throw Problem(
        status: .unprocessableContent, detail: "An input has a member that is not known.",
        mend: #"Send {"text": "a"} or {"text": "a", "text_pair": "b"}."#, pointer: pointer)
    }
    let first = try text(object["text"] ?? .null, pointer: pointer + "/text")
    guard let pair = object["text_pair"] else { return TextInput(first) }
    return TextInput(first, pair: try text(pair, pointer: pointer + "/text_pair"))
  }

  private static func text(_ value: JSONValue, pointer: String) throws(Problem) -> String {
    guard let text = value.stringValue else {
      throw Problem(
        status: .unprocessableContent, detail: "The text is \(value.kind), not a string.",
        mend: "Make it a string.", pointer: pointer)
    }
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
