/// A token that is found in the text before the model sees it, such as `[SEP]`.
struct AddedToken: Sendable, Equatable {
  /// Its text.
  var content: String
  /// Its id.
  var id: Int32
  /// Whether it has a role of its own, such as to close a text.
  var isSpecial = true
  /// Whether it counts only between what is no part of a word.
  var isSingleWord = false
  /// Whether it takes white space in front of it along.
  var stripsLeft = false
  /// Whether it takes white space behind it along.
  var stripsRight = false
  /// Whether it is looked for in the normalised text.
  var isNormalized = false
}

/// Finds added tokens: the leftmost first, of those the longest, none over another.
struct AddedTokenMatcher: Sendable {
  /// A match, with the white space that it takes along.
  struct Match {
    var range: Range<Int>
    var id: Int32
  }

  private let tokens: [AddedToken]
  private let trie: PieceTrie
  private let firstBytes: [Bool]
  /// Whether there is nothing to find.
  let isEmpty: Bool
  /// Whether no match can reach over a border between a letter and a space.
  let keepsCuts: Bool

  /// A matcher of `tokens`, each by the text beside it.
  init(_ tokens: [(token: AddedToken, text: [UInt8])]) {
    let kept = tokens.filter { !$0.text.isEmpty }
    var bytes: [UInt8] = []
    var entries: [PieceTrie.Entry] = []
    // Of two with one text the first counts, and the trie keeps the last.
    for (index, token) in kept.enumerated().reversed() {
      entries.append((bytes.count..<bytes.count + token.text.count, Int32(index)))
      bytes += token.text
    }
    self.tokens = kept.map(\.token)
    trie = PieceTrie(entries, bytes: bytes)
    firstBytes = trie.firstBytes
    isEmpty = kept.isEmpty
    keepsCuts = kept.allSatisfy {
      !$0.text.contains(0x20) && !$0.token.stripsLeft && !$0.token.stripsRight
    }
  }

  /// The next match in `text[start..<end]`, and where to look on. Matches end before `end`; what stands before
  /// `start` is taken.
  ///
  /// - Parameters:
  ///   - scan: where to look from, at or behind `start`.
  ///   - start: where the text begins that no match has taken yet.
  func next(_ text: Span<UInt8>, scan: inout Int, start: Int) -> Match? {
    if isEmpty { return nil }
    while scan < text.count {
      guard firstBytes[Int(text[scan])],
        let (index, end) = trie.longest(text, from: scan, to: text.count)
      else {
        scan += 1
        continue
      }
      let token = tokens[Int(index)]
      var range = scan..<end
      scan = end
      if token.isSingleWord && !isAlone(text, range) { continue }
      if token.stripsLeft {
        range = leftEnd(text, range.lowerBound, limit: start)..<range.upperBound
      }
      if token.stripsRight {
        range = range.lowerBound..<rightEnd(text, range.upperBound)
      }
      return Match(range: range, id: token.id)
    }
    return nil
  }

  private func isAlone(_ text: Span<UInt8>, _ range: Range<Int>) -> Bool {
    if range.lowerBound > 0 {
      let before = text.scalar(at: text.scalarStart(before: range.lowerBound)).value
      if UnicodeClass.of(before).contains(.word) { return false }
    }
    if range.upperBound < text.count {
      let after = text.scalar(at: range.upperBound).value
      if UnicodeClass.of(after).contains(.word) { return false }
    }
    return true
  }

  private func leftEnd(_ text: Span<UInt8>, _ index: Int, limit: Int) -> Int {
    var index = index
    while index > limit {
      let before = text.scalarStart(before: index)
      if !UnicodeClass.of(text.scalar(at: before).value).contains(.space) { break }
      index = before
    }
    return index
  }

  private func rightEnd(_ text: Span<UInt8>, _ index: Int) -> Int {
    var index = index
    while index < text.count {
      let (scalar, length) = text.scalar(at: index)
      if !UnicodeClass.of(scalar).contains(.space) { break }
      index += length
    }
    return index
  }
}
