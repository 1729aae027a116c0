import Synchronization

/// How long a model takes for a token, measured as it serves: what a wait is estimated from.
///
/// An exponentially weighted mean over batches (weight 1/8), written by the compute queue and read by the I/O queue.
final class ServiceTime: Sendable {
  private let nanosecondsPerToken = Atomic<Int64>(0)

  /// Nanoseconds that so many tokens will take; 0 before anything was measured.
  func estimate(tokens: Int) -> Int64 {
    nanosecondsPerToken.load(ordering: .relaxed) &* Int64(tokens)
  }

  /// Tokens that will take so many nanoseconds; nil before anything was measured.
  func tokens(within nanoseconds: Int64) -> Int? {
    let each = nanosecondsPerToken.load(ordering: .relaxed)
    return each == 0 ? nil : Int(nanoseconds / each)
  }

  /// Takes a batch into the mean.
  func record(nanoseconds: Int64, tokens: Int) {
    let measured = nanoseconds / Int64(max(1, tokens))
    let old = nanosecondsPerToken.load(ordering: .relaxed)
    // What takes eight times as long was held up by something else, which one batch is not to say for all that follow.
    let new = old == 0 ? measured : old + (min(measured, 8 * old) - old) / 8
    nanosecondsPerToken.store(max(1, new), ordering: .relaxed)
  }
}
