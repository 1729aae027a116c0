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
  /// The set of what texts are written with.
  ///
  /// Where they fill more than half of the table, only what several of them have counts, as many as leave half empty: else
  /// no text would have anything unseen once there are enough.
  public init(_ texts: some Sequence<String>) {
    var counts = [UInt32](repeating: 0, count: Self.bucketCount)
    var lastText = counts
    for (index, text) in texts.enumerated() {
      let number = UInt32(truncatingIfNeeded: index + 1)
      Self.forEachBucket(of: text) { bucket in
        guard lastText[bucket] != number else { return }
        lastText[bucket] = number
        counts[bucket] += 1
      }
    }
    let least = counts.sorted(by: >)[Self.bucketCount / 2] + 1
    for (bucket, count) in counts.enumerated() where count >= least {
      bits[bucket >> 6] |= 1 << UInt64(bucket & 63)
    }
  }

  /// The set of a random half of the texts, and the unseen share of each text of the other half; nil for those in the set.
  ///
  /// A new text and the measured ones are strangers to the set alike, so their shares can be ranked among each other (split
  /// conformal prediction, Papadopoulos 2002). Leaving each text out of the set of all in turn would measure more of them,
  /// but those values depend on one another, and the detector raised 14 false alarms in 1,000 windows instead of 10.
  /// - Returns: nil below two texts.
  public static func halves(
    of texts: [String], seed: UInt64 = 1
  ) -> (set: TrigramSet, shares: [Double?])? {
    guard texts.count > 1 else { return nil }
    var generator = SplitMix(state: seed)
    let order = texts.indices.shuffled(using: &generator)
    let set = TrigramSet(order.prefix(texts.count / 2).lazy.map { texts[$0] })
    var shares = [Double?](repeating: nil, count: texts.count)
    for index in order.dropFirst(texts.count / 2) {
      shares[index] = set.unseenShare(of: texts[index])
    }
    return (set, shares)
  }
}
