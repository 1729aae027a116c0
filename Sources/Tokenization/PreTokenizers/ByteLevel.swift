/// GPT-2's pre-tokenisation (Radford et al., 2019): its regular expression, and each byte as a visible
/// character, so that a vocabulary of 256 characters covers all text.
struct ByteLevel: Sendable {
  /// Whether a piece that does not begin with a space gets one.
  var addsPrefixSpace: Bool
  /// Cuts the text, by `expression`; nil leaves the pieces as they are.
  var pattern: TextPattern?
  /// Whether bytes stay bytes, because the model that follows reads them so.
  var keepsBytes = false

  /// GPT-2's expression.
  static let expression =
    #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#

  /// Rewrites and cuts the pieces of `list`.
  func apply(_ list: inout PieceList, spare: inout PieceList) {
    if addsPrefixSpace { prefix(&list, spare: &spare) }
    if let pattern {
      PreTokenizer.split(pattern, .isolated, inverts: false).apply(
        &list, spare: &spare, isFirst: false)
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
}
