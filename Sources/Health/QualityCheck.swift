/// What can be wrong with a text before any model sees it.
public enum QualityCheck: Int, CaseIterable, Sendable {
  case missing, empty, tooShort, truncated, duplicate, nearDuplicate, lengthOutlier
  case embeddingOutlier, nonPrintable, mixedScript, unexpectedLanguage, unknownTokens

  /// All of them, in order. Kept, because the compiler's own list is made anew for each text.
  public static let allCases: [QualityCheck] = [
    .missing, .empty, .tooShort, .truncated, .duplicate, .nearDuplicate, .lengthOutlier,
    .embeddingOutlier, .nonPrintable, .mixedScript, .unexpectedLanguage, .unknownTokens,
  ]

  /// The check's place in a mask.
  var bit: UInt16 { 1 << UInt16(rawValue) }

  /// How many of the masks have each check.
  static func counts(_ masks: some Sequence<UInt16>) -> [Double] {
    var counts = [Double](repeating: 0, count: allCases.count)
    for mask in masks {
      for check in allCases where mask & check.bit != 0 { counts[check.rawValue] += 1 }
    }
    return counts
  }

  /// The name in files, metrics and options.
  public var name: String {
    switch self {
    case .missing: "missing"
    case .empty: "empty"
    case .tooShort: "too_short"
    case .truncated: "truncated"
    case .duplicate: "duplicate"
    case .nearDuplicate: "near_duplicate"
    case .lengthOutlier: "length_outlier"
    case .embeddingOutlier: "embedding_outlier"
    case .nonPrintable: "non_printable"
    case .mixedScript: "mixed_script"
    case .unexpectedLanguage: "unexpected_language"
    case .unknownTokens: "unknown_tokens"
    }
  }

  /// What a text must be like to count, for people.
  public var explanation: String {
    switch self {
    case .missing: "no characters at all"
    case .empty: "white space only"
    case .tooShort: "fewer than three characters"
    case .truncated: "longer than the model reads"
    case .duplicate: "the same words as one of the latest 4,096 texts"
    case .nearDuplicate: "nearly the same words as one of the latest 4,096 texts"
    case .lengthOutlier: "longer than all but one in a thousand of the reference"
    case .embeddingOutlier: "further from the reference's centre than all but one in a thousand"
    case .nonPrintable: "one character in a hundred is a control or a trace of a wrong encoding"
    case .mixedScript: "no script has four letters in five"
    case .unexpectedLanguage: "a language that fewer than one in a hundred of the reference have"
    case .unknownTokens: "more unknown tokens than all but one in a hundred of the reference"
    }
  }
}

/// Thresholds of the checks, learned from the reference.
public struct QualityThresholds: Sendable, Equatable {
  /// Characters above which a text is an outlier.
  public var characters = Double.infinity
  /// Distance from the reference's centre above which an embedding is an outlier.
  public var distance = Double.infinity
  /// Share of unknown tokens above which a text is remarkable.
  public var unknownShare = Double.infinity
  /// Languages that are expected, by raw value.
  public var languages: Set<Int> = [] {
    didSet { languageBits = languages.reduce(0) { $0 | 1 << UInt64($1 & 63) } }
  }
  /// The same as bits.
  private var languageBits: UInt64 = 0

  /// Thresholds that nothing passes.
  public init() {}

  /// The checks that a text fails, as `QualityCheck.bit`s.
  func mask<Value: BinaryFloatingPoint>(
    features: [Value], distance: Double?, isTruncated: Bool, likeness: RecentTexts.Likeness
  ) -> UInt16 {
    func value(_ feature: Feature) -> Double { Double(features[feature.rawValue]) }
    let characters = value(.characters)
    var mask: UInt16 = 0
    func check(_ isFailed: Bool, _ check: QualityCheck) { if isFailed { mask |= check.bit } }
    check(characters == 0, .missing)
    check(characters > 0 && value(.tokensPerWord) == 0, .empty)
    check(characters > 0 && characters < 3, .tooShort)
    check(isTruncated, .truncated)
    check(likeness == .same, .duplicate)
    check(likeness == .near, .nearDuplicate)
    check(characters > self.characters, .lengthOutlier)
    check((distance ?? 0) > self.distance, .embeddingOutlier)
    check(value(.nonPrintableShare) >= 0.01, .nonPrintable)
    check(value(.script) == Double(Script.mixed.rawValue), .mixedScript)
    let language = Int(value(.language))
    check(
      language != Language.unknown.rawValue && languageBits != 0
        && (!(0..<64).contains(language) || languageBits >> UInt64(language) & 1 == 0),
      .unexpectedLanguage)
    check(value(.unknownTokenShare) > unknownShare, .unknownTokens)
    return mask
  }

  /// The rate that a check may reach: three times the reference's, and at least what the reference's own size cannot rule
  /// out (Wilson's upper bound at 99.9 %) plus one in a hundred.
  public static func limit(failures: Double, count: Double) -> Double {
    let interval = Statistics.wilsonInterval(successes: failures, count: count, z: 3.2905)
    return min(1, max(3 * failures / max(count, 1), interval.upper + 0.01))
  }
}
