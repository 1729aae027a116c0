/// Grapheme_Cluster_Break of a code point, with what the rules for emoji and for Indic conjuncts need
/// (Unicode Standard Annex 29); the numbers are those of unicode_tables.py.
enum GraphemeBreak: UInt16, Sendable {
  case other, carriageReturn, lineFeed, control, extend, joiner, regionalIndicator, prepend
  case spacingMark, lead, vowel, tail, leadVowel, leadVowelTail, pictograph, consonant, linker

  /// The class of `scalar`.
  @inline(__always)
  static func of(_ scalar: UInt32) -> GraphemeBreak {
    GraphemeBreak(rawValue: UnicodeTables.shared.breaks[scalar]) ?? .other
  }
}

/// What the part of a cluster so far means for what may follow. One scalar at a time, from a border.
struct GraphemeState {
  private var last: GraphemeBreak
  private var hasOddIndicators: Bool
  private var isEmoji: Bool
  private var isConjunct: Bool
  private var hasLinker = false

  /// A cluster that begins with a scalar of class `first`.
  init(first: GraphemeBreak) {
    last = first
    hasOddIndicators = first == .regionalIndicator
    isEmoji = first == .pictograph
    isConjunct = first == .consonant
  }

  /// Whether a scalar of class `next` belongs to the cluster; takes it in if so.
  mutating func joins(_ next: GraphemeBreak) -> Bool {
    guard isJoined(next) else { return false }
    switch next {
    case .regionalIndicator:
      hasOddIndicators = last == .regionalIndicator ? !hasOddIndicators : true
    case .linker: hasLinker = true
    case .extend, .joiner: break
    case .consonant:
      (isConjunct, hasLinker) = (true, false)
    default: (isConjunct, hasLinker) = (false, false)
    }
    if next == .pictograph {
      isEmoji = true
    } else if next != .extend && next != .joiner && next != .linker {
      isEmoji = false
    }
    last = next
    return true
  }

  /// Rules GB3 to GB13.
  private func isJoined(_ next: GraphemeBreak) -> Bool {
    switch (last, next) {
    case (.carriageReturn, .lineFeed): return true
    case (.control, _), (.carriageReturn, _), (.lineFeed, _): return false
    case (_, .control), (_, .carriageReturn), (_, .lineFeed): return false
    case (.lead, .lead), (.lead, .vowel), (.lead, .leadVowel), (.lead, .leadVowelTail): return true
    case (.leadVowel, .vowel), (.leadVowel, .tail), (.vowel, .vowel), (.vowel, .tail): return true
    case (.leadVowelTail, .tail), (.tail, .tail): return true
    case (_, .extend), (_, .joiner), (_, .linker), (_, .spacingMark), (.prepend, _): return true
    case (_, .consonant) where isConjunct && hasLinker: return true
    case (.joiner, .pictograph): return isEmoji
    case (.regionalIndicator, .regionalIndicator): return hasOddIndicators
    default: return false
    }
  }
}
