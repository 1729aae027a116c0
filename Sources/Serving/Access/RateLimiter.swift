import Prefork

/// Counts the requests of each token over the whole pool, without a lock.
///
/// The generic cell rate algorithm (ITU-T I.371, annex A): one word a token holds the time at which the bucket would be full
/// again, the "theoretical arrival time", in nanoseconds of the monotonic clock, which all processes share.
public struct RateLimiter: Sendable {
  /// Tokens that are counted apart.
  public static let capacity = 4096

  private let arrivalTimes: SharedCounters

  /// Carves the counters of all tokens.
  /// - Throws: `PreforkError`.
  public init(in memory: SharedMemory) throws(PreforkError) {
    arrivalTimes = try SharedCounters(in: memory, count: Self.capacity)
  }

  /// The bytes taken.
  public static var byteCount: Int { SharedMemory.byteCount(cells: capacity) }

  /// What became of one request.
  struct Verdict: Equatable {
    var isAllowed: Bool
    /// Requests that would be allowed now.
    var remaining: Int
    /// Whole seconds until the next is allowed, at least 1 where this one was not.
    var retryAfter: Int
    /// Whole seconds until a whole burst is allowed again.
    var reset: Int
  }

  /// Takes one request of token `index` out of its bucket at `now`, if there is one.
  func take(_ index: Int, _ limit: RateLimit, now: UInt64) -> Verdict {
    let interval = UInt64(limit.interval)
    let tolerance = interval * UInt64(limit.burst)
    while true {
      let stored = arrivalTimes.load(at: index)
      let base = max(stored, now)
      let next = base + interval
      if next > now + tolerance {
        return Verdict(
          isAllowed: false, remaining: 0, retryAfter: Self.seconds(next - now - tolerance),
          reset: Self.seconds(base - now))
      }
      if arrivalTimes.compareExchange(expected: stored, desired: next, at: index) {
        return Verdict(
          isAllowed: true, remaining: Int((now + tolerance - next) / interval), retryAfter: 0,
          reset: Self.seconds(next - now))
      }
    }
  }

  private static func seconds(_ nanoseconds: UInt64) -> Int {
    Int((nanoseconds + 999_999_999) / 1_000_000_000)
  }
}
