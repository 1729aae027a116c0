/// A request method (RFC 9110 section 9). Methods are case-sensitive.
public enum Method: UInt8, Sendable, Hashable, CaseIterable {
  case get, head, post, put, delete, connect, options, trace, patch, query
  /// A well-formed method that is none of the above.
  case unknown

  /// The method's name as it stands in a request line.
  public var name: String {
    switch self {
    case .get: "GET"
    case .head: "HEAD"
    case .post: "POST"
    case .put: "PUT"
    case .delete: "DELETE"
    case .connect: "CONNECT"
    case .options: "OPTIONS"
    case .trace: "TRACE"
    case .patch: "PATCH"
    case .query: "QUERY"
    case .unknown: "-"
    }
  }

  init(_ bytes: ArraySlice<UInt8>) {
    self =
      switch bytes.count {
      case 3 where bytes.elementsEqual("GET".utf8): .get
      case 3 where bytes.elementsEqual("PUT".utf8): .put
      case 4 where bytes.elementsEqual("POST".utf8): .post
      case 4 where bytes.elementsEqual("HEAD".utf8): .head
      case 5 where bytes.elementsEqual("PATCH".utf8): .patch
      case 5 where bytes.elementsEqual("TRACE".utf8): .trace
      // draft-ietf-httpbis-safe-method-w-body: known, though nothing here has it, so that it is 405 and not 501.
      case 5 where bytes.elementsEqual("QUERY".utf8): .query
      case 6 where bytes.elementsEqual("DELETE".utf8): .delete
      case 7 where bytes.elementsEqual("OPTIONS".utf8): .options
      case 7 where bytes.elementsEqual("CONNECT".utf8): .connect
      default: .unknown
      }
  }
}
