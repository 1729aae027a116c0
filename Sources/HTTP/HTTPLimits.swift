/// Bounds on what one request may hold. The first three have Gunicorn's names, the second and third its defaults.
public struct HTTPLimits: Sendable, Equatable {
  /// Longest request line in bytes, without its CRLF (`--limit-request-line`). RFC 9112 section 3 recommends 8,000 at least;
  /// Gunicorn has 4,094.
  public var requestLine = 8190
  /// Most field lines in one head (`--limit-request-fields`).
  public var requestFields = 100
  /// Longest field line in bytes, without its CRLF (`--limit-request-field_size`).
  public var requestFieldSize = 8190
  /// Longest head in bytes: the request line and all field lines together.
  public var requestHead = 65536
  /// Longest body in bytes, after chunked decoding, both as it is sent and inflated
  /// (`--limit-request-body`).
  public var requestBody = 10_000_000
  /// How many times as long a body may become when it is inflated (`--limit-inflation-ratio`).
  public var inflationRatio = 100
  /// Bytes that a body may become whatever the ratio.
  public var inflationAllowance = 65536
  /// Most bytes of chunk extensions in one message; they are dropped.
  public var chunkExtensions = 4096
  /// Most bytes of trailer fields in one message; they are dropped.
  public var trailers = 8190

  /// The defaults.
  public init() {}
}
