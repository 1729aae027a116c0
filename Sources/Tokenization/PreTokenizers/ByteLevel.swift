/// GPT-2's pre-tokenisation (Radford et al., 2019): its regular expression, and each byte as a visible
/// character, so that a vocabulary of 256 characters covers all text.
struct ByteLevel: Sendable {
  /// Whether a piece that does not begin with a space gets one.
  var addsPrefixSpace: Bool
  /// Whether GPT-2's expression cuts the text.
  var usesExpression: Bool
  /// Whether bytes stay bytes, because the model that follows reads them so.
  var keepsBytes = false

  /// Rewrites and cuts the pieces of `list`.
  func apply(_ list: inout PieceList, spare: inout PieceList) {
    if addsPrefixSpace { prefix(&list, spare: &spare) }
    if usesExpression {
      spare.ranges.removeAll(keepingCapacity: true)
      for range in list.ranges { Self.cut(list.text.span, range, &spare.ranges) }
      swap(&list.ranges, &spare.ranges)
    }
    if !keepsBytes { map(&list, spare: &spare) }
  }

  private func prefix(_ list: inout PieceList, spare: inout PieceList) {
    spare.clear()
    for range in list.ranges {
      let start = spare.text.count
      if list.text[range.lowerBound] != 0x20 { spare.text.append(0x20) }
      spare.text.append(list.text.span, range)
      spare.ranges.append(start..<spare.text.count)
    }
    swap(&list, &spare)
  }

  private func map(_ list: inout PieceList, spare: inout PieceList) {
    spare.clear()
    for range in list.ranges {
      let start = spare.text.count
      for index in range { spare.text.append(scalar: Self.characters[Int(list.text[index])]) }
      spare.ranges.append(start..<spare.text.count)
    }
    swap(&list, &spare)
  }

  /// The character that stands for each byte: itself where it is visible in Latin-1, otherwise the next
  /// from U+0100 on.
  static let characters: [UInt32] = {
    var fresh: UInt32 = 0x100
    return (0..<256).map { (byte: UInt32) in
      switch byte {
      case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: return byte
      default:
        defer { fresh += 1 }
        return fresh
      }
    }
  }()

  /// The id of each of `characters`; -1 for one that the vocabulary lacks.
  static func tokens(_ vocabulary: Vocabulary) -> [Int32] {
    characters.map { scalar in
      var token: [UInt8] = []
      token.append(scalar: scalar)
      return vocabulary.id(token.span)
    }
  }

  /// The byte that each of `characters` stands for.
  static let bytes: [UInt32: UInt8] = Dictionary(
    uniqueKeysWithValues: characters.enumerated().map { ($0.element, UInt8($0.offset)) })

  // The classes that GPT-2's expression tells apart.
  private static var spaceKind: UInt16 { UnicodeClass.regexSpace.rawValue }
  private static var mask: UInt16 {
    UnicodeClass.letter.rawValue | UnicodeClass.number.rawValue | UnicodeClass.regexSpace.rawValue
  }

  /// Letter, number, white space or (0) none of them.
  @inline(__always)
  private static func kind(
    _ text: Span<UInt8>, _ index: Int, _ ascii: [UInt16]
  ) -> (kind: UInt16, length: Int) {
    let (scalar, length) = text.scalar(at: index)
    return (UnicodeClass.of(scalar, ascii).rawValue & mask, length)
  }

  /// Appends the matches of `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`,
  /// which cover all of `range`.
  private static func cut(
    _ text: Span<UInt8>, _ range: Range<Int>, _ pieces: inout [Range<Int>]
  ) {
    let ascii = UnicodeClass.ascii
    let end = range.upperBound
    var index = range.lowerBound
    while index < end {
      let start = index
      if text[index] == UInt8(ascii: "'"), let length = contraction(text, index, end) {
        index += length
        pieces.append(start..<index)
        continue
      }
      var (kind, length) = kind(text, index, ascii)
      if text[index] == 0x20 && index + 1 < end {
        let (nextKind, nextLength) = Self.kind(text, index + 1, ascii)
        if nextKind != spaceKind { (kind, length) = (nextKind, nextLength + 1) }
      }
      index += length
      var last = length
      while index < end {
        let (nextKind, nextLength) = Self.kind(text, index, ascii)
        if nextKind != kind { break }
        index += nextLength
        last = nextLength
      }
      // White space in front of something else leaves its last scalar to that.
      if kind == spaceKind && index < end && index - last > start { index -= last }
      pieces.append(start..<index)
    }
  }

  private static func contraction(_ text: Span<UInt8>, _ index: Int, _ end: Int) -> Int? {
    guard index + 1 < end else { return nil }
    switch text[index + 1] {
    case UInt8(ascii: "s"), UInt8(ascii: "t"), UInt8(ascii: "m"), UInt8(ascii: "d"): return 2
    case UInt8(ascii: "r"), UInt8(ascii: "v"):
      return index + 2 < end && text[index + 2] == UInt8(ascii: "e") ? 3 : nil
    case UInt8(ascii: "l"):
      return index + 2 < end && text[index + 2] == UInt8(ascii: "l") ? 3 : nil
    default: return nil
    }
  }
}
