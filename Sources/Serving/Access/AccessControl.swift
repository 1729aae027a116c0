import CSystem
import HTTP

/// Lets calls through, or says why not: tokens, rate limits, and pages of other origins.
struct AccessControl: Sendable {
  let options: AccessOptions

  private static let methods = "GET, HEAD, POST, OPTIONS"
  private static let requestFields =
    "Accept, Authorization, Content-Type, X-Request-Id, X-Request-Timeout-Ms, X-Sticky-Key"
  private static let answerFields =
    "RateLimit, RateLimit-Policy, Retry-After, X-Input-Truncated, X-Model-Version, X-Request-Id"

  /// Adds to the call what its answers carry, and throws where it may not pass.
  func admit(_ call: inout Call, isOpen: Bool) throws(Problem) {
    addCrossOriginFields(call.request, to: &call.fields)
    guard let tokens = options.tokens, !isOpen else { return }
    guard let entry = tokens.entry(authorization: call.request.fieldBytes("authorization")) else {
      let isThere = call.request.fieldBytes("authorization") != nil
      // RFC 6750 section 3.1: an error is named only where a token was sent.
      call.fields.append(
        (
          "WWW-Authenticate",
          "Bearer realm=\"martlet\"\(isThere ? ", error=\"invalid_token\"" : "")"
        ))
      throw Problem(
        status: .unauthorized,
        detail: isThere ? "The token is not known." : "The request carries no token.",
        mend: "Send 'Authorization: Bearer TOKEN' with a token that the operator gave you.")
    }
    call.token = entry
    guard let limit = entry.limit, let limiter = options.rateLimiter else { return }
    let verdict = limiter.take(entry.counter, limit, now: martlet_monotonic_nanoseconds())
    // draft-ietf-httpapi-ratelimit-headers-10.
    call.fields.append(("RateLimit-Policy", "\"token\";q=\(limit.requests);w=\(limit.period)"))
    call.fields.append(("RateLimit", "\"token\";r=\(verdict.remaining);t=\(verdict.reset)"))
    if verdict.isAllowed { return }
    throw Problem(
      status: .tooManyRequests,
      detail: "This token has had its requests for now: its limit is \(limit).",
      mend: "Try again after the seconds in Retry-After, or send more texts in one request.",
      retryAfter: verdict.retryAfter)
  }

  // MARK: - Pages of other origins (the Fetch standard, section 3.3)

  private func allowedOrigin(_ request: Request) -> String? {
    if options.corsOrigins.isEmpty { return nil }
    guard let origin = request.field("origin") else { return nil }
    return options.corsOrigins.contains(origin) ? origin : nil
  }

  private func addCrossOriginFields(
    _ request: Request, to fields: inout [(name: String, value: String)]
  ) {
    if options.corsOrigins.isEmpty { return }
    // Said to everybody, so that a cache keeps the answers of origins apart.
    fields.append(("Vary", "Origin"))
    guard let origin = allowedOrigin(request) else { return }
    fields.append(("Access-Control-Allow-Origin", origin))
    fields.append(("Access-Control-Expose-Headers", Self.answerFields))
  }

  /// The answer to a browser that asks whether a page may call; nil if the request is another.
  func preflight(_ request: Request) -> Response? {
    guard request.method == .options, let origin = allowedOrigin(request),
      request.fieldBytes("access-control-request-method") != nil
    else { return nil }
    return Response(
      .noContent,
      fields: [
        ("Vary", "Origin"), ("Access-Control-Allow-Origin", origin),
        ("Access-Control-Allow-Methods", Self.methods),
        ("Access-Control-Allow-Headers", Self.requestFields), ("Access-Control-Max-Age", "600"),
      ])
  }

  /// Whether `origin` is one as browsers send it: scheme, host and port, nothing behind.
  static func isOrigin(_ origin: String) -> Bool {
    guard let scheme = ["https://", "http://"].first(where: origin.hasPrefix) else { return false }
    let rest = origin.dropFirst(scheme.count)
    return !rest.isEmpty
      && rest.utf8.allSatisfy {
        switch $0 {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: ".-:[]".utf8.contains($0)
        }
      }
  }
}
