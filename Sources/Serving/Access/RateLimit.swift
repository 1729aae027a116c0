import Foundation

/// So many requests in a time, and as many of them at once: `100/s`, `1000/m`, `5000/h`, `100/s:20` for 20 at once.
public struct RateLimit: Sendable, Equatable, CustomStringConvertible {
  /// Requests in one `period`.
  public let requests: Int
  /// Seconds.
  public let period: Int
  /// Requests that may come at once after a rest.
  public let burst: Int

  private static let periods = [("s", 1), ("m", 60), ("h", 3600)]

  /// Reads a limit as the command line and token files have it.
  /// - Throws: `ServingError.badOption`.
  public init(_ text: String, option: String) throws(ServingError) {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let rate = parts[0].split(separator: "/", omittingEmptySubsequences: false)
    guard rate.count == 2, let requests = Int(rate[0]), (1...1_000_000).contains(requests),
      let period = Self.periods.first(where: { $0.0 == rate[1] })?.1,
      let burst = parts.count == 2 ? Int(parts[1]) : requests, (1...1_000_000).contains(burst)
    else {
      throw .badOption(
        name: option, value: text,
        mend:
          "use requests a second, minute or hour: 100/s, 1000/m, 5000/h, or 100/s:20 for 20 at once"
      )
    }
    (self.requests, self.period, self.burst) = (requests, period, burst)
  }

  /// Nanoseconds from one request to the next at the full rate.
  var interval: Int64 { Int64(period) * 1_000_000_000 / Int64(requests) }

  /// The limit as it is written.
  public var description: String {
    let unit = Self.periods.first { $0.1 == period }?.0 ?? "s"
    return burst == requests ? "\(requests)/\(unit)" : "\(requests)/\(unit):\(burst)"
  }
}
