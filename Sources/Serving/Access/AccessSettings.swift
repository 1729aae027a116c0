/// What the command line says of access: read anew at each reload.
public struct AccessSettings: Sendable {
  /// File of tokens; nil if anybody may ask.
  public var tokenFile: String?
  /// Limit of tokens without a limit of their own.
  public var rateLimit: RateLimit?
  /// Origins whose pages may call.
  public var corsOrigins: [String]

  /// - Throws: `ServingError.badOption` for an origin that no browser sends, or a limit without tokens to count by.
  public init(
    tokenFile: String? = nil, rateLimit: RateLimit? = nil, corsOrigins: [String] = []
  ) throws(ServingError) {
    for origin in corsOrigins where !AccessControl.isOrigin(origin) {
      throw .badOption(
        name: "--cors-origin", value: origin,
        mend: "write it as browsers send it, such as https://app.example.org, without a path")
    }
    if let rateLimit, tokenFile == nil {
      throw .badOption(
        name: "--rate-limit", value: "\(rateLimit)",
        mend: "add --token-file: requests are counted by token")
    }
    self.tokenFile = tokenFile
    self.rateLimit = rateLimit
    self.corsOrigins = corsOrigins
  }
}
