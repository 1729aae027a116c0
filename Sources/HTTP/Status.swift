/// A status code (RFC 9110 section 15).
public struct Status: Sendable, Equatable, Hashable {
  /// The three digits.
  public let code: Int

  /// Any status code from 100 to 599.
  public init(_ code: Int) {
    precondition((100...599).contains(code), "a status code has three digits, 100 to 599")
    self.code = code
  }

  /// 200: ok.
  public static let ok = Status(200)
  /// 204: no content.
  public static let noContent = Status(204)
  /// 304: not modified.
  public static let notModified = Status(304)
  /// 400: bad request.
  public static let badRequest = Status(400)
  /// 401: unauthorized.
  public static let unauthorized = Status(401)
  /// 403: forbidden.
  public static let forbidden = Status(403)
  /// 404: not found.
  public static let notFound = Status(404)
  /// 405: method not allowed.
  public static let methodNotAllowed = Status(405)
  /// 406: not acceptable.
  public static let notAcceptable = Status(406)
  /// 408: request timeout.
  public static let requestTimeout = Status(408)
  /// 409: conflict.
  public static let conflict = Status(409)
  /// 413: content too large.
  public static let contentTooLarge = Status(413)
  /// 414: uri too long.
  public static let uriTooLong = Status(414)
  /// 415: unsupported media type.
  public static let unsupportedMediaType = Status(415)
  /// 417: expectation failed.
  public static let expectationFailed = Status(417)
  /// 422: unprocessable content.
  public static let unprocessableContent = Status(422)
  /// 429: too many requests.
  public static let tooManyRequests = Status(429)
  /// 431: fields too large.
  public static let fieldsTooLarge = Status(431)
  /// 500: internal server error.
  public static let internalServerError = Status(500)
  /// 501: not implemented.
  public static let notImplemented = Status(501)
  /// 503: service unavailable.
  public static let serviceUnavailable = Status(503)
  /// 504: gateway timeout.
  public static let gatewayTimeout = Status(504)
  /// 505: version not supported.
  public static let versionNotSupported = Status(505)

  /// The reason phrase that RFC 9110 recommends.
  public var reason: String {
    switch code {
    case 100: "Continue"
    case 200: "OK"
    case 201: "Created"
    case 202: "Accepted"
    case 204: "No Content"
    case 304: "Not Modified"
    case 400: "Bad Request"
    case 401: "Unauthorized"
    case 403: "Forbidden"
    case 404: "Not Found"
    case 405: "Method Not Allowed"
    case 406: "Not Acceptable"
    case 408: "Request Timeout"
    case 409: "Conflict"
    case 413: "Content Too Large"
    case 414: "URI Too Long"
    case 415: "Unsupported Media Type"
    case 417: "Expectation Failed"
    case 422: "Unprocessable Content"
    case 429: "Too Many Requests"
    case 431: "Request Header Fields Too Large"
    case 500: "Internal Server Error"
    case 501: "Not Implemented"
    case 503: "Service Unavailable"
    case 504: "Gateway Timeout"
    case 505: "HTTP Version Not Supported"
    default: "Status"
    }
  }

  /// Whether an answer of this status ever has content (RFC 9110 section 6.4.1).
  public var allowsContent: Bool { code >= 200 && code != 204 && code != 304 }
}
