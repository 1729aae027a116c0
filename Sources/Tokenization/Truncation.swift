/// How a text that is too long is cut, by the names of `tokenizers`.
public struct Truncation: Sendable, Equatable {
  /// Which text of a pair is cut.
  public enum Strategy: String, Sendable, CaseIterable {
    /// The longer one, down to the shorter, then both.
    case longestFirst = "LongestFirst"
    /// The first alone.
    case onlyFirst = "OnlyFirst"
    /// The second alone.
    case onlySecond = "OnlySecond"
  }

  /// Tokens at most, special ones included.
  public var maximumLength: Int
  /// Which text of a pair is cut.
  public var strategy: Strategy
  /// Whether the start goes and the end stays.
  public var cutsLeft: Bool

  /// The default is the one of `tokenizers`.
  public init(
    maximumLength: Int, strategy: Strategy = .longestFirst, cutsLeft: Bool = false
  ) {
    self.maximumLength = maximumLength
    self.strategy = strategy
    self.cutsLeft = cutsLeft
  }

  /// How many tokens stay of two texts of `first` and `second`, where `room` are to be had. A text that has
  /// more than `room` may be given as any number above, unless both have and `room` is odd.
  func kept(first: Int, second: Int, room: Int) -> (first: Int, second: Int) {
    if first + second <= room { return (first, second) }
    switch strategy {
    case .onlyFirst: return (max(0, min(first, room - second)), min(second, room))
    case .onlySecond: return (min(first, room), max(0, min(second, room - first)))
    case .longestFirst:
      // Halves where both are long, otherwise the longer gets what the shorter leaves; the odd token goes
      // to the second unless the first was longer.
      let (short, long) = (min(first, second), max(first, second))
      var (a, b) = (short, max(short, room - short))
      if short > room { b = short }
      if a + b > room { (a, b) = (room / 2, room / 2 + room % 2) }
      b = min(b, long)
      return first > second ? (b, a) : (a, b)
    }
  }
}
