/// An answer. `Date`, `Server`, `Connection`, `Content-Length` and `X-Request-Id` are added when it
/// is written.
public struct Response: Sendable {
  /// The status code.
  public var status: Status
  /// The media type of the body; nil if there is no body.
  public var contentType: String?
  /// Further fields, in order. Control characters in a value are written as spaces.
  public var fields: [(name: String, value: String)]
  /// The body.
  public var body: [UInt8]
  /// Whether the connection closes after this answer.
  public var closesConnection = false
  /// Whether the coding of the body has been chosen.
  var isEncoded = false
  /// When the answer was made on another queue, in monotonic nanoseconds as `Request.arrival`; 0 where it was not.
  public var readyAt: Int64 = 0

  /// An answer with a body.
  public init(
    _ status: Status = .ok, contentType: String? = nil,
    fields: [(name: String, value: String)] = [], body: [UInt8] = []
  ) {
    self.status = status
    self.contentType = contentType
    self.fields = fields
    self.body = body
  }

  /// A JSON body, already serialised.
  public static func json(_ status: Status = .ok, _ body: [UInt8]) -> Response {
    Response(status, contentType: "application/json", body: body)
  }

  /// A body of plain text.
  public static func text(_ status: Status = .ok, _ text: String) -> Response {
    Response(status, contentType: "text/plain; charset=utf-8", body: Array(text.utf8))
  }
}
