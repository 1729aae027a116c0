/// Greedy longest-match-first segmentation of words into pieces (Wu et al., 2016, section 4.1).
struct WordPieceModel: Sendable {
  /// Stands for a word that no pieces make up.
  let unknown: Int32
  /// In front of every piece but a word's first.
  let continuingPrefix: String
  /// Longer words, in scalars, are unknown as a whole.
  let longestWord: Int
  private let prefix: [UInt8]
  private let prefixHash: PrefixHash

  init(unknown: Int32, continuingPrefix: String = "##", longestWord: Int = 100) {
    self.unknown = unknown
    self.continuingPrefix = continuingPrefix
    self.longestWord = longestWord
    prefix = Array(continuingPrefix.utf8)
    var hash = PrefixHash()
    for byte in prefix { hash.combine(byte) }
    prefixHash = hash
  }

  /// Appends the pieces of `text[word]`, or the unknown token.
  func append(
    _ text: Span<UInt8>, _ word: Range<Int>, _ vocabulary: Vocabulary,
    _ scratch: inout ModelScratch,
    to output: inout [Int32]
  ) {
    let start = output.count
    var scalars = 0
    for index in word where text[index] & 0xC0 != 0x80 {
      scalars += 1
      if scalars > longestWord {
        output.append(unknown)
        if scratch.keepsRanges { scratch.ranges.append(word) }
        return
      }
    }
    var place = word.lowerBound
    while place < word.upperBound {
      let isFirst = place == word.lowerBound
      guard
        let (id, end) = longest(
          text, place..<word.upperBound, vocabulary, isFirst: isFirst, &scratch)
      else {
        if scratch.keepsRanges {
          scratch.ranges.removeLast(output.count - start)
          scratch.ranges.append(word)
        }
        output.removeSubrange(start...)
        output.append(unknown)
        return
      }
      output.append(id)
      if scratch.keepsRanges { scratch.ranges.append(place..<end) }
      place = end
    }
  }

  /// The longest piece at the start of `text[rest]`, and its end. The hashes of all prefixes come from one
  /// pass; then they are looked up from the longest.
  private func longest(
    _ text: Span<UInt8>, _ rest: Range<Int>, _ vocabulary: Vocabulary, isFirst: Bool,
    _ scratch: inout ModelScratch
  ) -> (Int32, Int)? {
    var hash = isFirst ? PrefixHash() : prefixHash
    let prefix = isFirst ? [] : self.prefix
    let limit = min(rest.upperBound, rest.lowerBound + vocabulary.longest - prefix.count)
    scratch.hashes.removeAll(keepingCapacity: true)
    var index = rest.lowerBound
    while index < limit {
      hash.combine(text[index])
      index += 1
      if index == rest.upperBound || text[index] & 0xC0 != 0x80 {
        scratch.hashes.append((hash, index))
      }
    }
    for (hash, end) in scratch.hashes.reversed() {
      let id = vocabulary.id(hash, prefix: prefix, text, rest.lowerBound..<end)
      if id >= 0 { return (id, end) }
    }
    return nil
  }
}
