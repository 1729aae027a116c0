/// How long a batch takes by its tokens, measured as it serves: what a wait, a slice and a batch's gain are estimated from.
///
/// The time is nearly a line with an offset, but not quite: few tokens are bound by memory, many fall out of a cache. So each power of
/// two of tokens has a mean of its own (exponentially weighted over batches, 1/8), and a line goes from each to the next.
package struct BatchTime: Sendable {
  private struct Point {
    var tokens = 0.0
    var nanoseconds = 0.0
    var count = 0.0
  }

  private static let pointCount = 16
  private var points = [Point](repeating: Point(), count: pointCount)
  private var first = pointCount
  private var last = -1
  /// Tokens that a text has for each that its bytes suggest.
  private var tokensPerEstimate = 1.0

  /// Nothing is measured yet.
  package init() {}

  /// Whether anything was measured.
  package var isKnown: Bool { last >= 0 }

  /// Tokens up to which a batch may grow: four times what was measured, because nothing is known of more.
  package var tokenLimit: Int { isKnown ? Int(4 * points[last].tokens) : 0 }

  /// Takes a batch into the means. What takes four times as long as was expected was held up by something else, which one batch
  /// is not to say for all that follow.
  ///
  /// - Parameter estimate: the tokens that its texts' bytes suggested.
  package mutating func record(tokens: Int, estimate: Int, nanoseconds: Int64) {
    let (tokens, measured) = (Double(max(1, tokens)), Double(max(1, nanoseconds)))
    let expected = value(at: tokens)
    let taken = isKnown ? min(measured, 4 * expected) : measured
    let index = min(Self.pointCount - 1, Int(tokens).bitWidth - Int(tokens).leadingZeroBitCount - 1)
    points[index].count = min(8, points[index].count + 1)
    points[index].tokens += (tokens - points[index].tokens) / points[index].count
    points[index].nanoseconds += (taken - points[index].nanoseconds) / points[index].count
    (first, last) = (min(first, index), max(last, index))
    tokensPerEstimate += (tokens / Double(max(1, estimate)) - tokensPerEstimate) / 8
  }

  /// Tokens that a text will have of which its bytes suggest so many.
  package func tokens(estimate: Int) -> Int { max(1, Int(tokensPerEstimate * Double(estimate))) }

  /// Nanoseconds that a batch of so many tokens will take; 0 before anything was measured.
  package func nanoseconds(tokens: Int) -> Int64 { isKnown ? Int64(value(at: Double(tokens))) : 0 }

  /// Nanoseconds that texts will take whose bytes suggest so many tokens, in batches no larger than those that were measured.
  package func nanoseconds(estimate: Int) -> Int64 {
    let tokens = tokens(estimate: estimate)
    guard isKnown, Double(tokens) > points[last].tokens else { return nanoseconds(tokens: tokens) }
    return Int64(points[last].nanoseconds * Double(tokens) / points[last].tokens)
  }

  private func value(at tokens: Double) -> Double {
    if !isKnown { return 0 }
    let (low, high) = (points[first], points[last])
    if tokens <= low.tokens { return low.nanoseconds * tokens / low.tokens }
    if tokens >= high.tokens { return high.nanoseconds + (tokens - high.tokens) * slope }
    var before = low
    for index in (first + 1)...last where points[index].count > 0 {
      let after = points[index]
      if tokens < after.tokens {
        let share = (tokens - before.tokens) / (after.tokens - before.tokens)
        return before.nanoseconds + share * (after.nanoseconds - before.nanoseconds)
      }
      before = after
    }
    return high.nanoseconds
  }

  /// Nanoseconds for a token more than were measured: from the least to the most of them. While only one number of tokens is known, a
  /// tenth of its own, so that a larger batch is tried and measured.
  private var slope: Double {
    let (low, high) = (points[first], points[last])
    let proportional = high.nanoseconds / high.tokens
    if first == last { return proportional / 10 }
    let line = (high.nanoseconds - low.nanoseconds) / (high.tokens - low.tokens)
    return min(max(0, line), proportional)
  }
}
