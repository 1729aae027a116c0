/// SentencePiece's way with spaces: each becomes a visible mark that begins a piece.
struct Metaspace: Sendable {
  /// Which pieces get a mark in front.
  enum PrependScheme: String, Sendable, CaseIterable {
    case always, first, never
  }

  /// The mark in UTF-8, U+2581 as a rule.
  var mark: [UInt8]
  /// Whether a piece that does not begin with a mark gets one.
  var scheme: PrependScheme
  /// Whether a mark begins a new piece.
  var splits: Bool

  /// Rewrites the pieces of `list`.
  func apply(_ list: inout PieceList, spare: inout PieceList, isFirst: Bool) {
    spare.clear()
    rewrite(list, into: &spare, isFirst: isFirst)
    swap(&list, &spare)
  }

  private func rewrite(_ list: PieceList, into spare: inout PieceList, isFirst: Bool) {
    let text = list.text.span
    for range in list.ranges {
      var start = spare.text.count
      let begins =
        text[range.lowerBound] == 0x20 || hasMark(text, range.lowerBound, range.upperBound)
      if !begins
        && (scheme == .always || scheme == .first && isFirst && range.lowerBound == 0)
      {
        spare.text.append(contentsOf: mark)
      }
      for index in range {
        let byte = text[index]
        if byte == 0x20 || (byte == mark[0] && hasMark(text, index, range.upperBound)) {
          if splits && spare.text.count > start {
            spare.ranges.append(start..<spare.text.count)
            start = spare.text.count
          }
          if byte == 0x20 {
            spare.text.append(contentsOf: mark)
            continue
          }
        }
        spare.text.append(byte)
      }
      spare.ranges.append(start..<spare.text.count)
    }
  }

  @inline(__always)
  private func hasMark(_ text: Span<UInt8>, _ index: Int, _ end: Int) -> Bool {
    guard index + mark.count <= end else { return false }
    for offset in mark.indices where text[index + offset] != mark[offset] { return false }
    return true
  }
}
