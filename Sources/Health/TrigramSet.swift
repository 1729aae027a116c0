import Foundation

/// Which trigrams of UTF-8 bytes the reference's texts are written with, as a set of hashes.
///
/// The share of a text's trigrams that the reference lacks tells another kind of text, another language and damaged encodings
/// apart, and costs a table look-up a byte. Bytes rather than characters: three letters of Latin script or one Han character,
/// so one size of table serves all scripts. Letters' case is ignored, all white space is one.
public struct TrigramSet: Sendable, Equatable {
  /// How many hashes there are.
  public static let bucketCount = 1 << 16

  private var bits = [UInt64](repeating: 0, count: bucketCount / 64)

  /// A set of no trigrams.
  public init() {}

  /// Reads what `base64` gives.
  /// - Returns: nil where it is not 8 KiB in base64.
  public init?(base64: String) {
    guard let data = Data(base64Encoded: base64), data.count == Self.bucketCount / 8 else {
      return nil
    }
    for (place, byte) in data.enumerated() {
      bits[place / 8] |= UInt64(byte) << UInt64(place % 8 * 8)
    }
  }

  /// The bits, the first one lowest in the first byte.
  public var base64: String {
    Data(bits.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> ($0 * 8)) } })
      .base64EncodedString()
  }

  /// The share of the text's trigrams that are not in the set; 0 to 1. Begin and end of a text are letters as well.
  public func unseenShare(of text: String) -> Double {
    var (unseen, all) = (0, 0)
    Self.forEachBucket(of: text) { bucket in
      all += 1
      unseen += 1 - Int(bits[bucket >> 6] >> UInt64(bucket & 63) & 1)
    }
    return Double(unseen) / Double(all)
  }

  @inline(__always)
  private static func forEachBucket(of text: String, _ body: (Int) -> Void) {
    var trigram: UInt32 = 0
    for byte in text.utf8 {
      trigram = trigram << 8 & 0xFF_FFFF | UInt32(folded[Int(byte)])
      body(bucket(trigram))
    }
    body(bucket(trigram << 8 & 0xFF_FFFF))
  }

  /// Fibonacci hashing (Knuth, volume 3, 6.4).
  @inline(__always)
  private static func bucket(_ trigram: UInt32) -> Int { Int((trigram &* 0x9E37_79B1) >> 16) }

  private static let folded: [UInt8] = (0...255).map { (byte: UInt8) -> UInt8 in
    switch byte {
    case 0x41...0x5A: byte + 0x20
    case 0x09...0x0D: 0x20
    default: byte
    }
  }
}

extension TrigramSet {
  /// In how many texts each trigram occurs.
  public struct Counts: Sendable {
    private var texts = [UInt32](repeating: 0, count: bucketCount)
    private var lastText = [UInt32](repeating: 0, count: bucketCount)
    private var count: UInt32 = 0

    /// No texts.
    public init() {}

    /// Takes in one text.
    public mutating func add(_ text: String) {
      count += 1
      forEachBucket(of: text) { bucket in
        guard lastText[bucket] != count else { return }
        lastText[bucket] = count
        texts[bucket] += 1
      }
    }

    /// Texts that must have a trigram for it to count as seen: as many as leave half of the table empty, or the share would
    /// be zero for any text once the reference is large.
    private var least: UInt32 {
      let sorted = texts.sorted(by: >)
      return sorted[bucketCount / 2] + 1
    }

    /// The set of what was seen.
    public var set: TrigramSet {
      var set = TrigramSet()
      let least = least
      for (bucket, count) in texts.enumerated() where count >= least {
        set.bits[bucket >> 6] |= 1 << UInt64(bucket & 63)
      }
      return set
    }

    /// For each of the texts that were added, the share of its trigrams that the others lack: as a new text finds it.
    public func unseenShares(ofAdded added: [String]) -> [Double] {
      let least = least
      return added.map { text in
        var (unseen, all) = (0, 0)
        forEachBucket(of: text) { bucket in
          all += 1
          if texts[bucket] <= least { unseen += 1 }
        }
        return Double(unseen) / Double(all)
      }
    }
  }
}
