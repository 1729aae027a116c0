/// What is measured of every text. Each feature has fixed bins, so that counts from any worker, window or host add up.
public enum Feature: Int, CaseIterable, Sendable {
  case characters, tokens, tokensPerWord, unknownTokenShare
  case digitShare, uppercaseShare, nonPrintableShare, script, language, unseenTrigramShare

  /// All of them, in order. Kept, because the compiler's own list is made anew for each text.
  public static let allCases: [Feature] = [
    .characters, .tokens, .tokensPerWord, .unknownTokenShare, .digitShare, .uppercaseShare,
    .nonPrintableShare, .script, .language, .unseenTrigramShare,
  ]

  /// The name in files and metrics.
  public var name: String {
    switch self {
    case .characters: "characters"
    case .tokens: "tokens"
    case .tokensPerWord: "tokens_per_word"
    case .unknownTokenShare: "unknown_token_share"
    case .digitShare: "digit_share"
    case .uppercaseShare: "uppercase_share"
    case .nonPrintableShare: "non_printable_share"
    case .script: "script"
    case .language: "language"
    case .unseenTrigramShare: "unseen_trigram_share"
    }
  }

  /// Whether the text alone decides the value. The tokenizer's vocabulary was learned from the training rows, so what
  /// counts tokens is lower there than on any other text.
  public var isOfTextAlone: Bool {
    switch self {
    case .tokens, .tokensPerWord, .unknownTokenShare: false
    default: true
    }
  }

  /// Whether values are names rather than amounts.
  public var isCategory: Bool { self == .script || self == .language }

  /// Lower bounds of all bins but the first, ascending: bin i holds values from `edges[i - 1]` up to, not including, `edges[i]`.
  public var edges: [Double] { Self.allEdges[rawValue] }

  /// How many bins there are.
  public var binCount: Int { edges.count + 1 }

  /// The bin that a value falls into; NaN falls into the first.
  public func bin(of value: Double) -> Int {
    var bin = 0
    for edge in Self.allEdges[rawValue] {
      guard value >= edge else { break }
      bin += 1
    }
    return bin
  }

  /// What each bin holds, for people: a range, or the script's name.
  public var binNames: [String] {
    if self == .script { return Script.allCases.map(\.name) }
    if self == .language { return Language.allCases.map(\.name) }
    let texts = edges.map { $0 == $0.rounded() ? String(Int($0)) : String($0) }
    var names = ["< \(texts[0])"]
    for (low, high) in zip(texts, texts.dropFirst()) { names.append("\(low)–\(high)") }
    names.append("≥ \(texts[texts.count - 1])")
    return names
  }

  private static let shareEdges = [0.001, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.8]
  private static let allEdges: [[Double]] = [
    [1, 10, 20, 40, 60, 80, 120, 160, 240, 480, 1000, 4000],
    [3, 6, 10, 15, 20, 30, 40, 60, 90, 128, 256, 512],
    [0.5, 1, 1.1, 1.2, 1.35, 1.5, 1.75, 2, 2.5, 3, 5],
    shareEdges, shareEdges, shareEdges,
    [0.0001, 0.01, 0.05, 0.1, 0.3],
    (1..<Script.allCases.count).map(Double.init),
    (1..<Language.allCases.count).map(Double.init),
    [
      0.001, 0.01, 0.02, 0.03, 0.04, 0.05, 0.065, 0.08, 0.1, 0.12, 0.15, 0.18, 0.22, 0.27, 0.33,
      0.4,
      0.5, 0.65, 0.8,
    ],
  ]
}

/// The writing system that most letters of a text belong to.
public enum Script: Int, CaseIterable, Sendable {
  case none, latin, cyrillic, greek, arabic, hebrew, indic, han, kana, hangul, other, mixed

  /// The name in files and metrics.
  public var name: String { String(describing: self) }

  /// The script of one letter by its block (Unicode 15, Blocks.txt).
  static func of(_ scalar: UInt32) -> Script {
    switch scalar {
    case 0x41...0x24F, 0x1E00...0x1EFF: .latin
    case 0x370...0x3FF, 0x1F00...0x1FFF: .greek
    case 0x400...0x52F: .cyrillic
    case 0x590...0x5FF: .hebrew
    case 0x600...0x6FF, 0x750...0x77F, 0x8A0...0x8FF: .arabic
    case 0x900...0xDFF: .indic
    case 0x3040...0x30FF: .kana
    case 0x1100...0x11FF, 0xAC00...0xD7AF: .hangul
    case 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xF900...0xFAFF, 0x20000...0x323AF: .han
    default: .other
    }
  }
}
