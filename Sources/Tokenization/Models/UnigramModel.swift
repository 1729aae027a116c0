/// The most likely segmentation under a unigram language model (Kudo, 2018), by Viterbi's algorithm over
/// the tokens that begin at each place.
struct UnigramModel: Sendable {
  /// Stands for what the vocabulary lacks.
  let unknown: Int32
  /// The tokens `<0x00>` to `<0xFF>` for what the vocabulary lacks; nil where they are not used or not all
  /// there are.
  let byteTokens: [Int32]?
  /// Logarithms of probabilities, by id.
  private let scores: [Double]
  private let trie: PieceTrie
  private let unknownScore: Double
  /// How many scores at once can still change: a power of two above the longest token.
  private let window: Int

  /// SentencePiece's penalty for an unknown character.
  private static let unknownPenalty = 10.0
  /// In the list of best tokens: nothing ends here. A character of n bytes that no token makes up is n less.
  private static let nothing: Int32 = -1

  /// A model over `vocabulary`, whose ids have `scores`; NaN for those that cut no text.
  init(vocabulary: Vocabulary, scores: [Double], unknown: Int32, byteTokens: [Int32]?) {
    self.unknown = unknown
    self.byteTokens = byteTokens
    self.scores = scores
    unknownScore = (scores.filter { !$0.isNaN }.min() ?? 0) - Self.unknownPenalty
    let entries = scores.indices.filter { !scores[$0].isNaN }.compactMap { id in
      vocabulary.range(id).flatMap { $0.isEmpty ? nil : (range: $0, token: Int32(id)) }
    }
    trie = PieceTrie(entries, bytes: vocabulary.bytes)
    var window = 16
    while window <= vocabulary.longest { window *= 2 }
    self.window = window
  }

  /// Appends the tokens of `text[word]`.
  func append(
    _ text: Span<UInt8>, _ word: Range<Int>, _ vocabulary: Vocabulary,
    _ scratch: inout ModelScratch,
    to output: inout [Int32]
  ) {
    findBestPath(text, word, &scratch)
    // Backwards over the path; unknown characters in a row are one token.
    scratch.reversed.removeAll(keepingCapacity: true)
    scratch.reversedRanges.removeAll(keepingCapacity: true)
    var end = word.upperBound
    var unknownEnd = -1
    while end > word.lowerBound {
      let token = scratch.tokens[end - word.lowerBound]
      let isUnknown = token < 0 || token == unknown
      let start = end - (token < 0 ? Int(Self.nothing - token) : vocabulary.length(token))
      if isUnknown {
        if unknownEnd < 0 { unknownEnd = end }
      } else {
        if unknownEnd >= 0 { addUnknown(text, end..<unknownEnd, vocabulary, &scratch) }
        unknownEnd = -1
        scratch.reversed.append(token)
        if scratch.keepsRanges { scratch.reversedRanges.append(start..<end) }
      }
      end = start
    }
    if unknownEnd >= 0 { addUnknown(text, end..<unknownEnd, vocabulary, &scratch) }
    for token in scratch.reversed.reversed() { output.append(token) }
    if scratch.keepsRanges { scratch.ranges += scratch.reversedRanges.reversed() }
  }

  /// `scratch.tokens[i]` becomes the last token of the best path to the word's byte `i`.
  private func findBestPath(
    _ text: Span<UInt8>, _ word: Range<Int>, _ scratch: inout ModelScratch
  ) {
    let (origin, mask) = (word.lowerBound, window - 1)
    if scratch.scores.count != window {
      scratch.scores = [Double](repeating: 0, count: window)
    }
    scratch.tokens.removeAll(keepingCapacity: true)
    scratch.tokens.append(contentsOf: repeatElement(Self.nothing, count: word.count + 1))
    scratch.scores[0] = 0
    var place = word.lowerBound
    var steps = 0
    var (scores, tokens) = ([Double](), [Int32]())
    swap(&scores, &scratch.scores)
    swap(&tokens, &scratch.tokens)
    while place < word.upperBound {
      let length = min(text.scalar(at: place).length, word.upperBound - place)
      let score = scores[(place - origin) & mask]
      var hasSingle = false
      trie.forEachPrefix(text, from: place, to: word.upperBound) { token, end in
        steps += 1
        let candidate = self.scores[Int(token)] + score
        let index = end - origin
        if tokens[index] == Self.nothing || candidate > scores[index & mask] {
          tokens[index] = token
          scores[index & mask] = candidate
        }
        if end - place == length { hasSingle = true }
      }
      if !hasSingle {
        let index = place + length - origin
        let candidate = unknownScore + score
        if tokens[index] == Self.nothing || candidate > scores[index & mask] {
          tokens[index] = Self.nothing - Int32(length)
          scores[index & mask] = candidate
        }
      }
      place += length
    }
    swap(&scores, &scratch.scores)
    swap(&tokens, &scratch.tokens)
    scratch.steps += steps
  }

  /// A row of unknown characters: the token of that very text, bytes, or the unknown token.
  private func addUnknown(
    _ text: Span<UInt8>, _ range: Range<Int>, _ vocabulary: Vocabulary,
    _ scratch: inout ModelScratch
  ) {
    let whole = range.count <= vocabulary.longest ? vocabulary.id(text.extracting(range)) : -1
    if whole >= 0 {
      scratch.reversed.append(whole)
    } else if let byteTokens,
      range.allSatisfy({ byteTokens[Int(text[$0])] >= 0 })
    {
      for index in range.reversed() { scratch.reversed.append(byteTokens[Int(text[index])]) }
    } else {
      scratch.reversed.append(unknown)
    }
    if scratch.keepsRanges {
      let count = scratch.reversed.count - scratch.reversedRanges.count
      scratch.reversedRanges += repeatElement(range, count: count)
    }
  }
}
