/// Who may ask, how often, and from which web pages. All of it is off by default.
public struct AccessOptions: Sendable {
  /// The tokens of which each request must carry one; nil if anybody may ask.
  public var tokens: AccessTokens?
  /// Counts requests of tokens; needed for limits to hold for the whole pool.
  public var rateLimiter: RateLimiter?
  /// Origins whose pages may call the API from a browser, exactly as browsers send them.
  public var corsOrigins: [String] = []

  /// Everybody may ask, and no page of another origin may.
  public init() {}
}
