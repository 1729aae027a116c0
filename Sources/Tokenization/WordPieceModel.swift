/// Greedy longest-match-first segmentation of words into pieces (Wu et al., 2016, section 4.1).
struct WordPieceModel: Sendable {
  /// Tokens by id.
  let vocabulary: [String]
  /// Ids by token.
  let ids: [String: Int32]
  /// Stands for a word that no pieces make up.
  let unknown: Int32
  /// In front of every piece but a word's first.
  let continuingPrefix: String
  /// Longer words, in scalars, are unknown as a whole.
  let longestWord: Int
  private let firstPieces: TokenTrie
  private let laterPieces: TokenTrie

  init(
    vocabulary: [String], unknown: Int32, continuingPrefix: String = "##", longestWord: Int = 100
  ) {
    self.vocabulary = vocabulary
    self.unknown = unknown
    self.continuingPrefix = continuingPrefix
    self.longestWord = longestWord
    var (ids, first, later) = ([String: Int32](), TokenTrie(), TokenTrie())
    for (index, token) in vocabulary.enumerated() {
      ids[token] = Int32(index)
      first.insert(token.utf8, token: Int32(index))
      if token.utf8.count > continuingPrefix.utf8.count && token.hasPrefix(continuingPrefix) {
        later.insert(token.utf8.dropFirst(continuingPrefix.utf8.count), token: Int32(index))
      }
    }
    self.ids = ids
    firstPieces = first
    laterPieces = later
  }

  /// Appends the pieces of `word`, or the unknown token.
  func append(_ word: borrowing WordBytes, to output: inout [Int32]) {
    let start = output.count
    var place = word.scalars > longestWord ? -1 : 0
    while place >= 0 && place < word.bytes.count {
      let trie = place == 0 ? firstPieces : laterPieces
      guard let found = trie.longest(word.bytes, from: place) else {
        place = -1
        break
      }
      output.append(found.token)
      place = found.end
    }
    if place < 0 {
      output.removeSubrange(start...)
      output.append(unknown)
    }
  }
}
