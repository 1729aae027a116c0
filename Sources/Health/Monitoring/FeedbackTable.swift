import Prefork

/// What became of one piece of feedback.
public enum FeedbackOutcome: Sendable, Equatable {
  /// It was counted; `wasCorrect` if the model had said the same.
  case counted(wasCorrect: Bool)
  /// The same label was told before; nothing changed.
  case alreadyCounted
  /// Another label was told before; this one has taken its place.
  case replaced(previous: Int, wasCorrect: Bool)
  /// No prediction of that id is remembered: it never was, or is no longer kept.
  case unknownRequest
  /// The model that answered the request has no such label.
  case unknownLabel
  /// Whether there is such a prediction cannot be found out now.
  case unavailable

  /// Whether the store must learn of it.
  var isNews: Bool {
    switch self {
    case .counted, .replaced: true
    default: false
    }
  }
}

/// What became of one piece of feedback, and which of the models that may have answered the request did.
public struct FeedbackAnswer: Sendable, Equatable {
  /// What became of it.
  public var outcome: FeedbackOutcome
  /// The model's place among the candidates.
  public var candidate: Int

  /// An answer.
  public init(outcome: FeedbackOutcome, candidate: Int = 0) {
    (self.outcome, self.candidate) = (outcome, candidate)
  }
}

/// The latest predictions in shared memory, so that whichever worker gets the feedback knows what was predicted.
///
/// One 64-bit word for each: a tag of 32 bits from the key and the generation of the weights that answered, the class plus one
/// in 16, the label plus one in 16, 0 while there is none. A newer prediction takes an older one's place. Two keys share place
/// and tag by chance once in 2^47. Behind the words stand the latest generations, so that a worker of new weights knows the
/// predictions of the old ones for what they are.
public struct FeedbackTable: Sendable {
  /// Predictions remembered, a power of two.
  public static let capacity = 1 << 15
  private static let classLimit = 0xFFFF
  /// Generations that are known; the next one takes the oldest one's place.
  static let generationLimit = 32
  private let words: SharedCounters

  /// What is remembered of a key.
  enum Entry: Equatable {
    /// What was predicted, the label that was told before, and by which weights, where those are not the worker's own.
    case found(predicted: Int, previous: Int?, earlier: UInt64?)
    case unknown
  }

  /// Carves an empty table.
  /// - Throws: `PreforkError`.
  public init(in memory: SharedMemory) throws(PreforkError) {
    words = try SharedCounters(in: memory, count: Self.cellCount)
  }

  /// The bytes that a table takes.
  public static var byteCount: Int { SharedMemory.byteCount(cells: cellCount) }

  /// Words, generations, and how many generations there ever were.
  private static let cellCount = capacity + generationLimit + 1

  /// Makes a generation known, before anything is remembered of it. Two workers that do so at the same time may take two places.
  public func announce(_ generation: UInt64) {
    guard generation != 0, !generations.contains(generation) else { return }
    let counter = Self.capacity + Self.generationLimit
    let number = Int(words.load(at: counter) % UInt64(Self.generationLimit))
    words.add(at: counter)
    words.store(generation, at: Self.capacity + number)
  }

  private var generations: [UInt64] {
    (0..<Self.generationLimit).map { words.load(at: Self.capacity + $0) }
  }

  /// Remembers a prediction. Classes past 65,534 are not remembered.
  public func remember(key: UInt64, predicted: Int, generation: UInt64 = 0) {
    guard (0..<Self.classLimit).contains(predicted) else { return }
    words.store(Self.tag(key, generation) | UInt64(predicted + 1) << 16, at: Self.place(key))
  }

  /// Whether a prediction is remembered, by whichever weights.
  public func remembers(key: UInt64, generation: UInt64 = 0) -> Bool {
    let word = words.load(at: Self.place(key))
    return word & 0xFFFF_0000 != 0 && owner(of: word, key, generation) != nil
  }

  /// The generation that a word of this key is of; nil where it is another key's.
  private func owner(of word: UInt64, _ key: UInt64, _ own: UInt64) -> UInt64? {
    func fits(_ generation: UInt64) -> Bool { word & ~0xFFFF_FFFF == Self.tag(key, generation) }
    return fits(own) ? own : generations.first { $0 != 0 && fits($0) }
  }

  /// What was predicted under a key, and the label before; `label` takes its place.
  func set(label: Int, key: UInt64, generation: UInt64 = 0) -> Entry {
    guard (0..<Self.classLimit).contains(label) else { return .unknown }
    let place = Self.place(key)
    while true {
      let word = words.load(at: place)
      let predicted = Int(word >> 16 & 0xFFFF)
      guard predicted > 0, let owner = owner(of: word, key, generation) else { return .unknown }
      let desired = word & ~0xFFFF | UInt64(label + 1)
      guard words.compareExchange(expected: word, desired: desired, at: place) else { continue }
      let previous = Int(word & 0xFFFF)
      return .found(
        predicted: predicted - 1, previous: previous > 0 ? previous - 1 : nil,
        earlier: owner == generation ? nil : owner)
    }
  }

  /// Bits that the place does not depend on.
  private static func tag(_ key: UInt64, _ generation: UInt64) -> UInt64 {
    (key ^ RequestHash.mixed(generation)) & ~0xFFFF_FFFF
  }

  private static func place(_ key: UInt64) -> Int {
    Int(truncatingIfNeeded: key & UInt64(capacity - 1))
  }
}
