/// What becomes of the text between pieces, by the names of `tokenizers`.
enum SplitBehavior: String, Sendable, CaseIterable {
  case removed = "Removed"
  case isolated = "Isolated"
  case mergedWithPrevious = "MergedWithPrevious"
  case mergedWithNext = "MergedWithNext"
  case contiguous = "Contiguous"

  /// Appends the pieces of `whole` to `pieces`, where `spans` says for each part in order where it ends and
  /// whether it is a delimiter.
  func append(
    _ whole: Range<Int>, _ spans: [(end: Int, isDelimiter: Bool)], to pieces: inout [Range<Int>]
  ) {
    var start = whole.lowerBound
    let first = pieces.count
    var wasDelimiter: Bool?
    for span in spans where span.end > start {
      let part = start..<span.end
      start = span.end
      let canMerge: Bool
      switch self {
      case .removed:
        if !span.isDelimiter { pieces.append(part) }
        continue
      case .isolated: canMerge = false
      case .contiguous: canMerge = wasDelimiter == span.isDelimiter
      case .mergedWithPrevious: canMerge = span.isDelimiter && wasDelimiter == false
      case .mergedWithNext: canMerge = !span.isDelimiter && wasDelimiter == true
      }
      if canMerge && pieces.count > first {
        pieces[pieces.count - 1] = pieces[pieces.count - 1].lowerBound..<part.upperBound
      } else {
        pieces.append(part)
      }
      wasDelimiter = span.isDelimiter
    }
  }
}
