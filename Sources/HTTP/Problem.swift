import JSON

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
    // Straight to bytes: an overloaded server makes thousands of these a second.
    var json = Array(#"{"type":"about:blank","title":"#.utf8)
    func member(_ name: StaticString, _ text: String) {
      name.withUTF8Buffer { json.append(contentsOf: $0) }
      JSONValue.write(string: text, to: &json)
    }
    JSONValue.write(string: status.reason, to: &json)
    json += ",\"status\":\(status.code)".utf8
    member(",\"detail\":", detail)
    if let pointer { member(",\"pointer\":", pointer) }
    member(",\"mend\":", mend)
    member(",\"request_id\":", requestID)
    json += "}\n".utf8
    var response = Response(status, contentType: "application/problem+json", body: json)
    if let retryAfter { response.fields.append(("Retry-After", String(retryAfter))) }
    return response
  }
}
