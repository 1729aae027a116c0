import Foundation

/// Why a request was refused before any handler saw it. The connection closes after the answer,
/// because nobody can be sure where the next message would begin (RFC 9112 section 11.2).
public enum Refusal: Error, Sendable, Equatable, CaseIterable, LocalizedError {
  case badMethod
  case methodTooLong
  case badTarget
  case badVersion
  case unsupportedVersion
  case requestLineTooLong
  case badLineEnd
  case obsoleteFold
  case badFieldName
  case whitespaceBeforeColon
  case badFieldValue
  case fieldTooLarge
  case tooManyFields
  case headTooLarge
  case missingHost
  case repeatedHost
  case badHost
  case badConnection
  case repeatedField
  case badContentLength
  case repeatedContentLength
  case contentLengthWithTransferEncoding
  case badTransferEncoding
  case unsupportedTransferCoding
  case transferEncodingInHTTP10
  case unknownExpectation
  case bodyTooLarge
  case badChunk
  case chunkExtensionsTooLarge
  case trailersTooLarge
  case unsupportedContentCoding
  case badContentCoding
  case inflationRatioTooHigh
  case timeout
  case stopping
  case plainHTTPOnTLSPort
  case badProxyHeader

  /// The status code of the answer.
  public var status: Status {
    switch self {
    case .methodTooLong, .unsupportedTransferCoding: .notImplemented
    case .unsupportedVersion: .versionNotSupported
    case .requestLineTooLong: .uriTooLong
    case .fieldTooLarge, .tooManyFields, .headTooLarge, .trailersTooLarge: .fieldsTooLarge
    case .unknownExpectation: .expectationFailed
    case .bodyTooLarge, .inflationRatioTooHigh: .contentTooLarge
    case .unsupportedContentCoding: .unsupportedMediaType
    case .timeout: .requestTimeout
    case .stopping: .serviceUnavailable
    default: .badRequest
    }
  }

  /// What is wrong, where, and how to mend it.
  public var problem: Problem {
    Problem(status: status, detail: explanation.detail, mend: explanation.mend)
  }

  /// Fields that the answer has for this reason.
  public var fields: [(name: String, value: String)] {
    // RFC 9110 section 15.5.16: what would have been understood.
    self == .unsupportedContentCoding ? [("Accept-Encoding", "gzip, deflate, identity")] : []
  }

  /// What is wrong.
  public var errorDescription: String? { explanation.detail }

  /// How to mend it.
  public var recoverySuggestion: String? { explanation.mend }

  private var explanation: (detail: String, mend: String) {
    lineExplanation ?? bodyExplanation ?? connectionExplanation
  }

  private var lineExplanation: (detail: String, mend: String)? {
    switch self {
    case .badMethod:
      ("The method has a byte that is no token character.", "Send a method such as GET or POST.")
    case .methodTooLong: ("The method is longer than any known one.", "Send GET or POST.")
    case .badTarget:
      (
        "The request target is not one that RFC 9112 section 3.2 allows.",
        "Begin the path with '/' and percent-encode what RFC 3986 does not allow."
      )
    case .badVersion:
      (
        "The request line does not end in an HTTP version.",
        "Write: method, one space, target, one space, HTTP/1.1."
      )
    case .unsupportedVersion:
      ("Only HTTP/1 is spoken here.", "Send HTTP/1.1.")
    case .requestLineTooLong:
      ("The request line is longer than the limit.", "Send a shorter URL, or a body.")
    case .badLineEnd:
      ("A line does not end in CR LF.", "End each line with CR LF, and use neither alone.")
    case .obsoleteFold:
      ("A field line begins with white space.", "Write each field on one line.")
    case .badFieldName:
      ("A field name is empty or has a byte that is no token character.", "Mend the field name.")
    case .whitespaceBeforeColon:
      ("There is white space before the colon of a field.", "Write 'Name: value'.")
    case .badFieldValue:
      ("A field value has a control character.", "Remove control characters, NUL among them.")
    case .fieldTooLarge: ("A field line is longer than the limit.", "Send shorter fields.")
    case .tooManyFields: ("The head has more fields than the limit.", "Send fewer fields.")
    case .headTooLarge: ("The head is larger than the limit.", "Send fewer or shorter fields.")
    case .missingHost: ("The request has no Host field.", "Send one Host field.")
    case .repeatedHost: ("The request has more than one Host field.", "Send one Host field.")
    case .badHost:
      (
        "The Host field is not a host with an optional port from 0 to 65535.",
        "Send for example: example.org:80, or [::1]:80"
      )
    case .badConnection:
      ("The Connection field is not a list of tokens.", "Send for example: keep-alive")
    case .repeatedField:
      (
        "A field that stands once, such as Content-Type or Authorization, is there more than once.",
        "Send it once."
      )
    default: nil
    }
  }

  private var bodyExplanation: (detail: String, mend: String)? {
    switch self {
    case .badContentLength:
      ("Content-Length is not a decimal number.", "Send the body's length in bytes.")
    case .repeatedContentLength:
      ("Content-Length is there more than once.", "Send Content-Length once.")
    case .contentLengthWithTransferEncoding:
      (
        "Content-Length and Transfer-Encoding are both there, so the body's end is in doubt.",
        "Send one of them."
      )
    case .badTransferEncoding:
      ("Transfer-Encoding is malformed or there more than once.", "Send 'chunked', once.")
    case .unsupportedTransferCoding:
      ("The transfer coding is not known here.", "Send 'chunked', or a Content-Length.")
    case .transferEncodingInHTTP10:
      ("HTTP/1.0 has no Transfer-Encoding.", "Send a Content-Length, or HTTP/1.1.")
    case .unknownExpectation: ("The expectation is not known.", "Send 'Expect: 100-continue'.")
    case .bodyTooLarge:
      ("The body is larger than the limit.", "Send less at once, for example a shorter list.")
    case .badChunk:
      ("A chunk of the body is malformed.", "Write each chunk as RFC 9112 section 7.1 says.")
    case .chunkExtensionsTooLarge:
      ("The chunk extensions are larger than the limit.", "Send no chunk extensions.")
    case .trailersTooLarge:
      ("The trailer fields are larger than the limit.", "Send no trailer fields.")
    case .unsupportedContentCoding:
      ("The Content-Encoding is not known here.", "Send the body as it is, or in gzip or deflate.")
    case .badContentCoding:
      (
        "The body is not what its Content-Encoding says, or it is cut short.",
        "Send one gzip (RFC 1952) or zlib (RFC 1950) stream, whole."
      )
    case .inflationRatioTooHigh:
      ("The body becomes too many times as long when inflated.", "Send it without a coding.")
    default: nil
    }
  }

  private var connectionExplanation: (detail: String, mend: String) {
    switch self {
    case .timeout:
      ("The request did not arrive in time.", "Send the whole request without pausing.")
    case .stopping:
      ("The server is stopping, and the request did not come to its end.", "Send it again.")
    case .plainHTTPOnTLSPort:
      ("This port speaks HTTPS, and the request came without TLS.", "Write https:// in the URL.")
    case .badProxyHeader:
      (
        "The connection does not begin with a PROXY header from a trusted address.",
        "Send PROXY protocol version 1 or 2, and name the proxy in --proxy-allow-ips."
      )
    default: ("The request is malformed.", "Read RFC 9112.")
    }
  }
}
