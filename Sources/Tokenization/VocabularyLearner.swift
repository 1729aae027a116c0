/// How a vocabulary is learned.
public struct VocabularyLearningOptions: Sendable, Equatable {
  /// Tokens at most, special ones included.
  public var size: Int
  /// Pairs and scalars seen fewer times are left out.
  public var minimumFrequency: Int
  /// Single scalars at most.
  public var alphabetLimit: Int
  /// Whether text is mapped to lower case.
  public var lowercase: Bool

  /// The defaults suit some ten thousand short texts.
  public init(
    size: Int = 8000, minimumFrequency: Int = 2, alphabetLimit: Int = 4000, lowercase: Bool = true
  ) {
    self.size = size
    self.minimumFrequency = minimumFrequency
    self.alphabetLimit = alphabetLimit
    self.lowercase = lowercase
  }
}

/// Longer words, in scalars, are unknown to WordPiece as a whole.
private let longestLearnedWord = 100

extension Tokenizer {
  /// Learns a vocabulary by merging the most frequent pair of neighbours, over and over (Sennrich, Haddow
  /// and Birch, 2016). Ties go to the pair that comes first by bytes, so the same corpus gives the same
  /// vocabulary.
  ///
  /// The tokens are WordPiece's, as BERT has them, unless ideographs prevail in the corpus. BERT makes a
  /// word of each of those; Chinese words mostly have two, and what a text is about is said by words. Such
  /// a corpus gets byte-pair encoding over the runs between spaces and punctuation.
  ///
  /// - Throws: `TokenizationError.emptyCorpus`.
  public static func learn(
    corpus: some Sequence<String>, options: VocabularyLearningOptions = VocabularyLearningOptions()
  ) throws -> Tokenizer {
    var normalizer = BertNormalizer()
    normalizer.lowercases = options.lowercase
    let texts = Array(corpus)
    normalizer.separatesIdeographs = !prevailIdeographs(texts)
    var counts: [String: Int] = [:]
    var (list, spare) = (PieceList(), PieceList())
    for text in texts {
      var text = text
      list.clear()
      text.withUTF8 { normalizer.apply($0.span, to: &list.text) }
      if list.text.isEmpty { continue }
      list.ranges.append(0..<list.text.count)
      PreTokenizer.bert.apply(&list, spare: &spare, isFirst: true)
      for range in list.ranges {
        let word = String(decoding: list.text[range], as: UTF8.self)
        if !normalizer.separatesIdeographs || word.unicodeScalars.count <= longestLearnedWord {
          counts[word, default: 0] += 1
        }
      }
    }
    if counts.isEmpty { throw TokenizationError.emptyCorpus }
    var learner = VocabularyLearner(
      counts: counts, options: options, isWordPiece: normalizer.separatesIdeographs)
    let tokens = learner.learn()
    return normalizer.separatesIdeographs
      ? try .wordPiece(vocabulary: tokens, lowercase: options.lowercase)
      : try Tokenizer(learned: tokens, merges: learner.merges, normalizer: normalizer)
  }

  /// Whether at least three in ten scalars of the letters and digits of `texts` are ideographs.
  private static func prevailIdeographs(_ texts: [String]) -> Bool {
    var (ideographs, others) = (0, 0)
    for text in texts {
      for scalar in text.unicodeScalars {
        if BertNormalizer.isIdeograph(scalar.value) {
          ideographs += 1
        } else if scalar.properties.isAlphabetic {
          others += 1
        }
      }
    }
    return ideographs > 0 && ideographs * 10 >= (ideographs + others) * 3
  }
}

/// The merging loop, with counts of pairs kept up to date as words change.
private struct VocabularyLearner {
  private struct Pair: Hashable {
    let left, right: Int32
  }

  private struct Word {
    var symbols: [Int32]
    let count: Int
  }

  private let options: VocabularyLearningOptions
  private var tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
  private var ids: [String: Int32] = [:]
  private var words: [Word] = []
  private var pairCounts: [Pair: Int] = [:]
  private var places: [Pair: Set<Int>] = [:]
  private var heap: [(count: Int, pair: Pair)] = []
  /// What stands before a token that continues a word.
  private let prefix: String
  /// The merges in their order.
  private(set) var merges: [(left: String, right: String)] = []

  init(counts: [String: Int], options: VocabularyLearningOptions, isWordPiece: Bool) {
    self.options = options
    prefix = isWordPiece ? "##" : ""
    for (id, token) in tokens.enumerated() { ids[token] = Int32(id) }
    let sorted = counts.sorted { $0.key < $1.key }
    var scalars: [Unicode.Scalar: Int] = [:]
    for (word, count) in sorted {
      for scalar in word.unicodeScalars { scalars[scalar, default: 0] += count }
    }
    let alphabet = scalars.filter { $0.value >= options.minimumFrequency }
      .sorted { ($1.value, $0.key.value) < ($0.value, $1.key.value) }
      .prefix(max(0, min(options.alphabetLimit, (options.size - tokens.count) / 2)))
    let kept = Set(alphabet.map(\.key))
    for scalar in kept.sorted(by: { $0.value < $1.value }) {
      _ = id(String(Character(scalar)))
      _ = id(prefix + String(Character(scalar)))
    }
    for (word, count) in sorted {
      // WordPiece does not know a word with an unknown scalar; byte-pair encoding knows what is around it.
      let parts = word.unicodeScalars.split { !kept.contains($0) }
      if isWordPiece && (parts.count != 1 || parts[0].count != word.unicodeScalars.count) {
        continue
      }
      for part in parts {
        let symbols = part.enumerated().map { index, scalar in
          id((index == 0 ? "" : prefix) + String(Character(scalar)))
        }
        words.append(Word(symbols: symbols, count: count))
      }
    }
  }

  private mutating func id(_ token: String) -> Int32 {
    if let id = ids[token] { return id }
    let fresh = Int32(tokens.count)
    tokens.append(token)
    ids[token] = fresh
    return fresh
  }

  mutating func learn() -> [String] {
    for index in words.indices { count(index, sign: 1) }
    for (pair, count) in pairCounts { push(count, pair) }
    while tokens.count < options.size, let (known, pair) = pop() {
      let count = pairCounts[pair] ?? 0
      if count != known {
        // The entry is out of date: put it back where it belongs now.
        if count >= options.minimumFrequency { push(count, pair) }
        continue
      }
      if count < options.minimumFrequency { break }
      merge(pair)
    }
    return tokens
  }

  private mutating func merge(_ pair: Pair) {
    let (left, right) = (tokens[Int(pair.left)], tokens[Int(pair.right)])
    // A text may hold "##" itself, so without a prefix nothing may be taken off.
    let isContinuing = !prefix.isEmpty && right.utf8.starts(with: prefix.utf8)
    let rest = right.unicodeScalars.dropFirst(isContinuing ? prefix.unicodeScalars.count : 0)
    let fresh = id(left + String(rest))
    merges.append((left, right))
    var touched: Set<Pair> = []
    for index in places[pair]?.sorted() ?? [] {
      count(index, sign: -1)
      var merged: [Int32] = []
      let old = words[index].symbols
      var at = 0
      while at < old.count {
        if at + 1 < old.count && old[at] == pair.left && old[at + 1] == pair.right {
          merged.append(fresh)
          at += 2
        } else {
          merged.append(old[at])
          at += 1
        }
      }
      words[index].symbols = merged
      count(index, sign: 1)
      for (left, right) in zip(merged, merged.dropFirst()) where left == fresh || right == fresh {
        touched.insert(Pair(left: left, right: right))
      }
    }
    pairCounts[pair] = nil
    places[pair] = nil
    for pair in touched { if let count = pairCounts[pair] { push(count, pair) } }
  }

  private mutating func count(_ index: Int, sign: Int) {
    let word = words[index]
    for (left, right) in zip(word.symbols, word.symbols.dropFirst()) {
      let pair = Pair(left: left, right: right)
      pairCounts[pair, default: 0] += sign * word.count
      if sign > 0 { places[pair, default: []].insert(index) }
    }
  }

  // MARK: A binary heap, largest count first, then by the pair's texts

  private func isBefore(_ a: (count: Int, pair: Pair), _ b: (count: Int, pair: Pair)) -> Bool {
    if a.count != b.count { return a.count > b.count }
    let (aLeft, bLeft) = (tokens[Int(a.pair.left)], tokens[Int(b.pair.left)])
    if aLeft != bLeft { return aLeft < bLeft }
    return tokens[Int(a.pair.right)] < tokens[Int(b.pair.right)]
  }

  private mutating func push(_ count: Int, _ pair: Pair) {
    heap.append((count, pair))
    var child = heap.count - 1
    while child > 0, isBefore(heap[child], heap[(child - 1) / 2]) {
      heap.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  private mutating func pop() -> (Int, Pair)? {
    guard let top = heap.first else { return nil }
    let last = heap.removeLast()
    if !heap.isEmpty {
      heap[0] = last
      var parent = 0
      while true {
        var first = parent
        for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count {
          if isBefore(heap[child], heap[first]) { first = child }
        }
        if first == parent { break }
        heap.swapAt(parent, first)
        parent = first
      }
    }
    return (top.count, top.pair)
  }
}
