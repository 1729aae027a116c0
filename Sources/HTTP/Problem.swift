/// What went wrong, told to a program and to a person: `application/problem+json` (RFC 9457).
public struct Problem: Error, Sendable, Equatable {
  /// The status of the answer.
  public var status: Status
  /// What is wrong with this request.
  public var detail: String
  /// How to mend it.
  public var mend: String
  /// Where in the request's JSON: a JSON pointer (RFC 6901).
  public var pointer: String?
  /// Seconds to wait before trying again, sent as `Retry-After`.
  public var retryAfter: Int?

  /// A problem.
  public init(
    status: Status, detail: String, mend: String, pointer: String? = nil, retryAfter: Int? = nil
  ) {
    self.status = status
    self.detail = detail
    self.mend = mend
    self.pointer = pointer
    self.retryAfter = retryAfter
  }

  /// The answer that says it. `type` is `about:blank`, so `title` is the status's own phrase
  /// (RFC 9457 section 4.2.1).
  /// - Parameter requestID: written into the body too, for those who keep only bodies.
  public func response(requestID: String) -> Response {
    var json = "{\"type\":\"about:blank\",\"title\":\(quoted(status.reason))"
    json += ",\"status\":\(status.code),\"detail\":\(quoted(detail))"
    if let pointer { json += ",\"pointer\":\(quoted(pointer))" }
    json += ",\"mend\":\(quoted(mend)),\"request_id\":\(quoted(requestID))}\n"
    var response = Response(
      status, contentType: "application/problem+json", body: Array(json.utf8))
    if let retryAfter { response.fields.append(("Retry-After", String(retryAfter))) }
    return response
  }
}

/// A JSON string literal (RFC 8259 section 7).
private func quoted(_ text: String) -> String {
  var literal = "\""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "\"": literal += "\\\""
    case "\\": literal += "\\\\"
    case "\n": literal += "\\n"
    case "\r": literal += "\\r"
    case "\t": literal += "\\t"
    case _ where scalar.value < 0x20:
      let digits = String(scalar.value, radix: 16)
      literal += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
    default: literal.unicodeScalars.append(scalar)
    }
  }
  return literal + "\""
}
