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
    /// It has the same words.
    case same
  }

  private let capacity: Int
  private var keys: [UInt64: Int] = [:]
  private var queue: [[UInt64]] = []
  private var next = 0

  /// Remembers `capacity` texts.
  public init(capacity: Int = 4096) { self.capacity = capacity }

  /// How like a text is to those before it; then it is remembered itself.
  public mutating func add(_ fingerprint: TextFingerprint) -> Likeness {
    guard fingerprint.exact != 0 else { return .new }
    let near = (0..<TextFingerprint.minimumCount).map { left -> UInt64 in
      var hash = UInt64(left) &+ 1
      for index in 0..<TextFingerprint.minimumCount where index != left {
        hash = RequestHash.mixed(hash ^ UInt64(fingerprint.minima[index]) << 16)
      }
      return hash
    }
    let likeness: Likeness =
      keys[fingerprint.exact] != nil
      ? .same : near.contains { keys[$0] != nil } ? .near : .new
    remember([fingerprint.exact] + near)
    return likeness
  }

  private mutating func remember(_ entry: [UInt64]) {
    for key in entry { keys[key, default: 0] += 1 }
    if queue.count < capacity {
      queue.append(entry)
      return
    }
    for key in queue[next] {
      let left = (keys[key] ?? 1) - 1
      keys[key] = left > 0 ? left : nil
    }
    queue[next] = entry
    next = (next + 1) % capacity
  }
}
