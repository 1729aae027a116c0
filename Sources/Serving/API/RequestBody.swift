import Files
import HTTP
import JSON
import Transformer

/// The members of a JSON object in a request, read strictly: each error says what is wrong, where, and how to mend it.
struct RequestBody: Sendable {
  private(set) var object: JSONObject
  /// Where the object stands.
  let pointer: String
  /// A request that would be right.
  let example: String

  init(object: JSONObject, pointer: String = "", example: String) {
    self.object = object
    self.pointer = pointer
    self.example = example
  }

  /// The object in a request's body, or what is wrong with it.
  /// - Parameter members: if not nil, members of other names are refused.
  init(_ request: Request, example: String, members: Set<String>? = nil) throws(Problem) {
    try Self.checkContentType(request)
    self = try Self(bytes: request.body[...], example: example, members: members)
  }

  /// The object in the body of a request in another server's dialect. Null is as good as missing there, as its clients send it for
  /// what they do not set.
  /// - Parameters:
  ///   - call: gets the names of members that are not `known` into `X-Ignored-Members`, since those clients send what only
  ///     their own server understands.
  ///   - known: members that are read, or may be left unread without changing the answer.
  init(_ call: inout Call, example: String, known: Set<String>) throws(Problem) {
    let body = try Self(call.request, example: example)
    var object = JSONObject()
    for (key, value) in body.object where value != .null { object[key] = value }
    self.init(object: object, example: example)
    call.ignore(object.keys.filter { !known.contains($0) })
  }

  /// The object in `bytes`.
  init(bytes: ArraySlice<UInt8>, example: String, members: Set<String>? = nil) throws(Problem) {
    let value: JSONValue
    do {
      value = try JSONValue(parsing: bytes, limits: JSONLimits(fileBytes: bytes.count))
    } catch {
      throw Problem(
        status: .badRequest, detail: error.errorDescription ?? "The body is not JSON.",
        mend: error.recoverySuggestion ?? "Send \(example).", pointer: error.path)
    }
    guard let object = value.objectValue else {
      throw Problem(
        status: .unprocessableContent, detail: "The body is \(value.kind), not a JSON object.",
        mend: "Send \(example).", pointer: "")
    }
    self.init(object: object, example: example)
    if let members { try refuseOthers(than: members) }
  }

  subscript(name: String) -> JSONValue? { object[name] }

  /// Refuses members that are not known, so that a slip of the pen is told.
  func refuseOthers(than members: Set<String>) throws(Problem) {
    for key in object.keys where !members.contains(key) {
      throw Problem(
        status: .unprocessableContent, detail: "The member '\(key.prefix(64))' is not known.",
        mend: "Use: \(members.sorted().joined(separator: ", ")). For example: \(example).",
        pointer: "\(pointer)/\(JSONValue.pointerToken(key))")
    }
  }

  /// A string of 1 to `maximum` bytes.
  func string(_ name: String, maximum: Int = 256) throws(Problem) -> String {
    guard let text = try optionalString(name, maximum: maximum) else {
      throw wrong(name, "missing")
    }
    return text
  }

  /// As `string`, or nil where the member is missing.
  func optionalString(_ name: String, maximum: Int = 256) throws(Problem) -> String? {
    guard let value = object[name] else { return nil }
    guard let text = value.stringValue else { throw wrong(name, "\(value.kind), not a string") }
    guard (1...maximum).contains(text.utf8.count) else {
      throw wrong(name, "not a string of 1 to \(maximum) bytes")
    }
    return text
  }

  /// One of some words, or nil where the member is missing.
  func word<Word: RawRepresentable & CaseIterable>(
    _ name: String, as type: Word.Type
  ) throws(Problem) -> Word? where Word.RawValue == String {
    guard let value = object[name] else { return nil }
    if let word = value.stringValue.flatMap(Word.init(rawValue:)) { return word }
    let words = Word.allCases.map { "'\($0.rawValue)'" }.joined(separator: ", ")
    throw wrong(name, "not one of \(words)")
  }

  /// The side on which texts that are too long are cut, in the words of text-embeddings-inference.
  func refuseCutsOnTheLeft() throws(Problem) {
    guard let value = object["truncation_direction"], value.stringValue?.lowercased() != "right"
    else {
      return
    }
    throw wrong("truncation_direction", "not 'right'; texts are cut at their end here")
  }

  /// The object in a member; nil where it is missing.
  func nested(_ name: String) throws(Problem) -> RequestBody? {
    guard let value = object[name] else { return nil }
    guard let nested = value.objectValue else { throw wrong(name, "\(value.kind), not an object") }
    var body = RequestBody(object: JSONObject(), pointer: "\(pointer)/\(name)", example: example)
    for (key, value) in nested where value != .null { body.object[key] = value }
    return body
  }

  /// With the members of an object in `name` beside its own.
  func merging(_ name: String) throws(Problem) -> RequestBody {
    var body = self
    for (key, value) in try nested(name)?.object ?? [:] { body.object[key] = value }
    return body
  }

  /// A truth value, or `standard` where the member is missing.
  func bool(_ name: String, default standard: Bool) throws(Problem) -> Bool {
    guard let value = object[name] else { return standard }
    guard let bool = value.boolValue else { throw wrong(name, "\(value.kind), not true or false") }
    return bool
  }

  /// An integer in `range`, or nil where the member is missing.
  func integer(_ name: String, in range: ClosedRange<Int>) throws(Problem) -> Int? {
    guard let value = object[name] else { return nil }
    guard let number = value.intValue, range.contains(number) else {
      throw wrong(name, "not a whole number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  /// One input, or a list of 1 to `maximum` inputs, which look like `form`; without a form they are texts.
  func texts(
    _ name: String, maximum: Int, form: InputForm? = nil, acceptsOne: Bool = true
  ) throws(Problem) -> (inputs: [TextInput], isList: Bool) {
    guard let value = object[name] else { throw wrong(name, "missing") }
    let place = "\(pointer)/\(name)"
    guard let values = value.arrayValue else {
      if !acceptsOne { throw wrong(name, "\(value.kind), not a list") }
      return ([try input(value, pointer: place, form)], false)
    }
    if values.isEmpty || values.count > maximum {
      throw Problem(
        status: .unprocessableContent,
        detail: "'\(name)' has \(values.count) texts; from 1 to \(maximum) are taken.",
        mend: "Send at least one text, and long lists in parts.", pointer: place)
    }
    var inputs: [TextInput] = []
    inputs.reserveCapacity(values.count)
    for (index, value) in values.enumerated() {
      inputs.append(try input(value, pointer: "\(place)/\(index)", form))
    }
    return (inputs, true)
  }

  private func input(
    _ value: JSONValue, pointer: String, _ form: InputForm?
  ) throws(Problem) -> TextInput {
    if case .string(let text) = value, !text.isEmpty, form?.isPair != true {
      return TextInput(text)
    }
    guard let form else {
      return TextInput(try Self.text(value, pointer: pointer, example: example))
    }
    do throws(InputProblem) { return try form.read(value) } catch {
      throw Problem(error, at: pointer, example: example)
    }
  }

  /// A string that is not empty.
  static func text(_ value: JSONValue, pointer: String, example: String) throws(Problem) -> String {
    guard let text = value.stringValue else {
      throw Problem(
        status: .unprocessableContent, detail: "The text is \(value.kind), not a string.",
        mend: "Make it a string: \(example).", pointer: pointer)
    }
    if text.isEmpty {
      throw Problem(
        status: .unprocessableContent, detail: "The text is empty.",
        mend: "Send at least one character.", pointer: pointer)
    }
    return text
  }

  /// The problem of a member that is missing or of another kind than it should.
  func wrong(_ name: String, _ reason: String) -> Problem {
    Problem(
      status: .unprocessableContent, detail: "The member '\(name)' is \(reason).",
      mend: "Send \(example).", pointer: "\(pointer)/\(name)")
  }

  /// JSON in UTF-8; a missing Content-Type is taken for that.
  static func checkContentType(_ request: Request) throws(Problem) {
    guard let bytes = request.fieldBytes("content-type") else { return }
    // What nearly every client sends, without taking it apart.
    if bytes.elementsEqual("application/json".utf8) { return }
    let type = String(decoding: bytes, as: UTF8.self)
    let parts = type.lowercased().split(separator: ";").map {
      $0.filter { $0 != " " && $0 != "\t" }
    }
    let charset = parts.dropFirst().first { $0.hasPrefix("charset=") }?.dropFirst(8)
    let isUTF8 = charset.map { $0 == "utf-8" || $0 == "\"utf-8\"" || $0 == "utf8" } ?? true
    let isJSON = parts.first == "application/json" || (parts.first?.hasSuffix("+json") ?? false)
    if !isJSON || !isUTF8 {
      throw Problem(
        status: .unsupportedMediaType, detail: "The body is not said to be JSON in UTF-8.",
        mend: "Send 'Content-Type: application/json' (curl: -H 'Content-Type: application/json').")
    }
  }
}

extension Problem {
  /// What is wrong with an input, which stands at `pointer`.
  init(_ problem: InputProblem, at pointer: String, example: String) {
    self.init(
      status: .unprocessableContent, detail: problem.detail,
      mend: problem.mend ?? "Send \(example).", pointer: pointer + problem.pointer)
  }
}
