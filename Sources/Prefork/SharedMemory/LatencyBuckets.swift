/// The bucket layout of an HDR-style (log-linear) histogram of nanoseconds.
///
/// Below 64 ns each value has its own bucket; above, each power of two is cut into 32 equal parts, so that a bucket is never
/// wider than 1/32 of its lower bound: a quantile is off by at most 3.2 %. Values past `maximum` (about 73 minutes) count in
/// the last bucket. The layout is that of Gil Tene's HdrHistogram with a sub-bucket half-count of 32.
public enum LatencyBuckets {
  static let precisionBits = 5
  static let exponentLimit = 42

  /// The largest value told apart from larger ones, in nanoseconds.
  public static let maximum: UInt64 = (1 << UInt64(exponentLimit)) - 1
  /// The number of buckets.
  public static let count = index(of: maximum) + 1

  /// The bucket that a value falls into.
  @inline(__always)
  public static func index(of nanoseconds: UInt64) -> Int {
    let value = min(nanoseconds, maximum)
    let exponent = 63 - (value | 1).leadingZeroBitCount
    let shift = max(0, exponent - precisionBits)
    return shift << precisionBits + Int(truncatingIfNeeded: value >> UInt64(shift))
  }

  /// The smallest value in a bucket.
  public static func lowerBound(of index: Int) -> UInt64 {
    let half = 1 << precisionBits
    guard index >= 2 * half else { return UInt64(index) }
    let shift = index / half - 1
    return UInt64(index - shift * half) << UInt64(shift)
  }

  /// The largest value in a bucket.
  public static func upperBound(of index: Int) -> UInt64 {
    lowerBound(of: index + 1) - 1
  }
}
