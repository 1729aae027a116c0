/// What tells whether a text was seen before, or nearly: a hash of its words in order, and four minima over the words' hashes
/// (MinHash, Broder 1997), of which nearly equal sets of words share most.
public struct TextFingerprint: Sendable, Equatable {
  /// How many minima there are.
  public static let minimumCount = 4
  /// The hash of all words in order, letters' case ignored; 0 for a text without words.
  public var exact: UInt64 = 0
  /// The least value of each of four orders of the words' hashes.
  public var minima = SIMD4<UInt32>(repeating: .max)

  /// Of a text without words.
  public init() {}

  /// Takes in one word's hash.
  @inline(__always)
  mutating func add(word: UInt64) {
    exact = (exact &* 31) ^ RequestHash.mixed(word &+ 1)
    let mixed = RequestHash.mixed(word)
    let again = RequestHash.mixed(mixed ^ 0x9E37_79B9_7F4A_7C15)
    let orders = SIMD4(
      UInt32(truncatingIfNeeded: mixed), UInt32(truncatingIfNeeded: mixed >> 32),
      UInt32(truncatingIfNeeded: again), UInt32(truncatingIfNeeded: again >> 32))
    minima = pointwiseMin(minima, orders)
  }
}

/// Remembers the fingerprints of the latest texts.
public struct RecentTexts: Sendable {
  /// How like a text is to the remembered ones.
  public enum Likeness: Sendable {
    /// To none.
    case new
    /// Three of four minima are the same as one's.
    case near
    /// It has the same words in the same order.
    case same
  }

  private static let keysPerText = TextFingerprint.minimumCount + 1
  private let capacity: Int
  /// How many of the remembered texts have a key.
  private var keys: KeyTable
  /// The keys of each remembered text, one text behind the other.
  private var queue: [UInt64] = []
  private var next = 0

  /// Remembers `capacity` texts.
  public init(capacity: Int = 4096) {
    self.capacity = capacity
    // A new text's keys are in before the oldest one's go.
    keys = KeyTable(limit: Self.keysPerText * (capacity + 1))
  }

  /// How like a text is to those before it; then it is remembered itself.
  public mutating func add(_ fingerprint: TextFingerprint) -> Likeness {
    guard fingerprint.exact != 0 else { return .new }
    var near = SIMD4<UInt64>.zero
    var isNear = false
    for left in 0..<TextFingerprint.minimumCount {
      var hash = UInt64(left) &+ 1
      for index in 0..<TextFingerprint.minimumCount where index != left {
        hash = RequestHash.mixed(hash ^ UInt64(fingerprint.minima[index]) << 16)
      }
      near[left] = hash
      isNear = isNear || keys[hash] != nil
    }
    let likeness: Likeness = keys[fingerprint.exact] != nil ? .same : isNear ? .near : .new
    remember(fingerprint.exact, near)
    return likeness
  }

  private mutating func remember(_ exact: UInt64, _ near: SIMD4<UInt64>) {
    keys.increment(exact)
    for index in 0..<TextFingerprint.minimumCount { keys.increment(near[index]) }
    guard queue.count >= capacity * Self.keysPerText else {
      queue.append(exact)
      for index in 0..<TextFingerprint.minimumCount { queue.append(near[index]) }
      return
    }
    for place in next..<next + Self.keysPerText { keys.decrement(queue[place]) }
    queue[next] = exact
    for index in 0..<TextFingerprint.minimumCount { queue[next + 1 + index] = near[index] }
    next = next + Self.keysPerText < queue.count ? next + Self.keysPerText : 0
  }
}
