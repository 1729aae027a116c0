import Prefork

/// What became of one piece of feedback.
public enum FeedbackOutcome: Sendable, Equatable {
  /// It was counted; `wasCorrect` if the model had said the same.
  case counted(wasCorrect: Bool)
  /// This prediction has had its feedback; nothing changed.
  case alreadyCounted
  /// No prediction of that id is remembered: it never was, or others have taken its place.
  case unknownRequest
}

/// The latest predictions in shared memory, so that whichever worker gets the feedback knows what was predicted.
///
/// One 64-bit word for each: a tag of 48 bits from the id's hash, the class plus one in 15, and one bit for "has had its
/// feedback". A newer prediction takes an older one's place. Two ids share place and tag by chance once in 2^48.
public struct FeedbackTable: Sendable {
  /// Predictions remembered, a power of two.
  public static let capacity = 1 << 15
  private static let tagMask: UInt64 = ~0xFFFF
  private let words: SharedCounters

  /// Carves an empty table.
  /// - Throws: `PreforkError`.
  public init(in memory: SharedMemory) throws(PreforkError) {
    words = try SharedCounters(in: memory, count: Self.capacity)
  }

  /// The bytes that a table takes.
  public static var byteCount: Int { SharedMemory.byteCount(cells: capacity) }

  /// Remembers a prediction. Classes past 32,766 are not remembered.
  public func remember(requestID: String, predicted: Int) {
    guard (0..<32_767).contains(predicted) else { return }
    let hash = RequestHash.of(requestID)
    words.store(hash & Self.tagMask | UInt64(predicted + 1) << 1, at: Self.place(hash))
  }

  /// The class predicted for an id, taken once: a second call says `alreadyCounted`.
  func take(requestID: String) -> (predicted: Int?, outcome: FeedbackOutcome?) {
    let hash = RequestHash.of(requestID)
    let place = Self.place(hash)
    let word = words.load(at: place)
    let stored = Int(word & 0xFFFF) >> 1
    guard stored > 0, word & Self.tagMask == hash & Self.tagMask else {
      return (nil, .unknownRequest)
    }
    guard word & 1 == 0, words.compareExchange(expected: word, desired: word | 1, at: place) else {
      return (nil, .alreadyCounted)
    }
    return (stored - 1, nil)
  }

  private static func place(_ hash: UInt64) -> Int {
    Int(truncatingIfNeeded: hash & UInt64(capacity - 1))
  }
}
