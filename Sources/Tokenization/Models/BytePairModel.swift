/// Byte-pair encoding (Sennrich, Haddow and Birch, 2016): symbols merge, the pair that was learned first
/// first. A heap holds the merges that are possible, so a word of n bytes costs n log n.
struct BytePairModel: Sendable {
  /// A part of a word, in a list linked both ways.
  struct Symbol: Sendable {
    var id: Int32
    var previous: Int32
    var next: Int32
    /// Bytes of the word that it stands for; 0 once it has become part of the one before it.
    var length: Int32
  }

  /// What is said of symbols that the vocabulary lacks; nil leaves them out.
  var unknown: Int32?
  /// Whether unknown symbols in a row are one.
  var fusesUnknown = false
  /// Whether a word that is a token as a whole is that token, whatever the merges say.
  var ignoresMerges = false
  /// The tokens `<0x00>` to `<0xFF>` for what the vocabulary lacks, -1 for a missing one; nil where they are
  /// not used.
  var byteTokens: [Int32]?
  /// The ids of the characters that stand for bytes, where words come as bytes; -1 for a missing one.
  var byteCharacters: [Int32]?
  /// What stands in front of each character but a word's first, to look it up.
  var continuingPrefix: [UInt8] = []
  /// What stands behind a word's last character, to look it up.
  var wordSuffix: [UInt8] = []
  /// Where words fall into parts; nil where they must stay whole.
  private(set) var borders: MergeBorders?
  private var table = PairTable()
  private var results: [Int32] = []

  /// Adds the next merge in rank: `left` and `right` become `result`.
  mutating func append(left: Int32, right: Int32, result: Int32) {
    table.insert(left, right, UInt32(results.count))
    results.append(result)
  }

  /// Makes room for as many merges.
  mutating func reserve(_ count: Int) {
    table.reserve(count)
    results.reserveCapacity(count)
  }

  /// Whether a character is looked up as it is, wherever it stands in a word.
  var hasPlainCharacters: Bool { continuingPrefix.isEmpty && wordSuffix.isEmpty }

  /// Finds where words fall into parts; the merges and all settings must be there. Words stay whole where a character can
  /// be unknown, because unknown ones in a row are told apart from others, and where a word's ends are marked.
  mutating func findBorders(_ vocabulary: Vocabulary) {
    borders = nil
    guard hasPlainCharacters, let bytes = byteCharacters ?? byteTokens,
      !bytes.contains(where: { $0 < 0 })
    else { return }
    let fallback = byteCharacters == nil ? Set(bytes) : []
    var found = MergeBorders()
    for (left, right) in table.pairs {
      if fallback.contains(left) || fallback.contains(right) { return }
      if let left = edge(left, vocabulary, isEnd: true),
        let right = edge(right, vocabulary, isEnd: false)
      {
        found.insert(left, right)
      }
    }
    borders = found
  }

  /// The last or first bytes that a token stands for; nil for one that stands for none.
  private func edge(_ id: Int32, _ vocabulary: Vocabulary, isEnd: Bool) -> [UInt8]? {
    guard let range = vocabulary.range(Int(id)) else { return nil }
    let most = byteCharacters == nil ? 4 : 8
    let token = vocabulary.bytes[isEnd ? range.suffix(most) : range.prefix(most)]
    guard byteCharacters != nil else { return Array(token) }
    var bytes: [UInt8] = []
    var index = 0
    let content = token.span
    while index < content.count {
      let (scalar, length) = content.scalar(at: index)
      index += length
      if let byte = ByteLevel.bytes[scalar] { bytes.append(byte) }
    }
    return isEnd ? bytes.suffix(4) : Array(bytes.prefix(4))
  }

  /// The token that `text[word]` is as a whole, whatever the merges say; nil where merges decide.
  @inline(__always)
  func wholeToken(
    _ text: Span<UInt8>, _ word: Range<Int>, _ vocabulary: Vocabulary
  ) -> Int32? {
    guard ignoresMerges else { return nil }
    let id = whole(text, word, vocabulary)
    return id < 0 ? nil : id
  }

  /// Appends the tokens that merges make of `text[word]`.
  func append(
    _ text: Span<UInt8>, _ word: Range<Int>, _ vocabulary: Vocabulary,
    _ scratch: inout ModelScratch,
    to output: inout [Int32]
  ) {
    scratch.symbols.removeAll(keepingCapacity: true)
    if let byteCharacters {
      split(bytes: text, word, byteCharacters, &scratch.symbols)
    } else {
      split(scalars: text, word, vocabulary, &scratch.symbols)
    }
    merge(&scratch)
    var place = scratch.symbols.isEmpty ? -1 : 0
    var start = word.lowerBound
    while place >= 0 {
      output.append(scratch.symbols[place].id)
      if scratch.keepsRanges {
        let end = start + Int(scratch.symbols[place].length)
        scratch.ranges.append(start..<end)
        start = end
      }
      place = Int(scratch.symbols[place].next)
    }
  }

  private func whole(_ text: Span<UInt8>, _ word: Range<Int>, _ vocabulary: Vocabulary) -> Int32 {
    if byteCharacters == nil { return vocabulary.id(text.extracting(word)) }
    if word.count > vocabulary.longest { return -1 }
    var visible: [UInt8] = []
    for index in word { visible.append(scalar: ByteLevel.characters[Int(text[index])]) }
    return vocabulary.id(visible.span)
  }

  private func add(_ id: Int32, _ length: Int, _ symbols: inout [Symbol]) {
    let place = Int32(truncatingIfNeeded: symbols.count)
    if place > 0 { symbols[symbols.count - 1].next = place }
    symbols.append(
      Symbol(
        id: id, previous: place - 1, next: -1, length: Int32(truncatingIfNeeded: length)))
  }

  /// The unknown token waits until something else comes, so that a row of them can be one; `pending` is how many bytes wait.
  private func addUnknown(_ length: Int, _ pending: inout Int, _ symbols: inout [Symbol]) {
    guard let unknown else { return }
    if pending > 0 && !fusesUnknown {
      add(unknown, pending, &symbols)
      pending = 0
    }
    pending += length
  }

  private func addPending(_ pending: inout Int, _ symbols: inout [Symbol]) {
    if pending > 0, let unknown { add(unknown, pending, &symbols) }
    pending = 0
  }

  private func split(
    bytes text: Span<UInt8>, _ word: Range<Int>, _ characters: [Int32], _ symbols: inout [Symbol]
  ) {
    var pending = 0
    for index in word {
      let id = characters[Int(text[index])]
      if id >= 0 {
        if pending > 0 { addPending(&pending, &symbols) }
        add(id, 1, &symbols)
      } else {
        addUnknown(1, &pending, &symbols)
      }
    }
    addPending(&pending, &symbols)
  }

  private func split(
    scalars text: Span<UInt8>, _ word: Range<Int>, _ vocabulary: Vocabulary,
    _ symbols: inout [Symbol]
  ) {
    var pending = 0
    var index = word.lowerBound
    let isPlain = hasPlainCharacters
    while index < word.upperBound {
      let end = min(word.upperBound, index + text.scalar(at: index).length)
      let marked = isPlain ? [] : marked(text, index..<end, of: word)
      let id = vocabulary.id(isPlain ? text.extracting(index..<end) : marked.span)
      if id >= 0 {
        addPending(&pending, &symbols)
        add(id, end - index, &symbols)
      } else if let byteTokens,
        (index..<end).allSatisfy({ byteTokens[Int(text[$0])] >= 0 })
          && marked.allSatisfy({ byteTokens[Int($0)] >= 0 })
      {
        // As the reference has it, an unknown token that waits comes behind these.
        if isPlain {
          for place in index..<end { add(byteTokens[Int(text[place])], 1, &symbols) }
        } else {
          for byte in marked { add(byteTokens[Int(byte)], 1, &symbols) }
        }
      } else {
        addUnknown(end - index, &pending, &symbols)
      }
      index = end
    }
    addPending(&pending, &symbols)
  }

  /// A character with what marks its place in the word.
  private func marked(_ text: Span<UInt8>, _ range: Range<Int>, of word: Range<Int>) -> [UInt8] {
    var result = range.lowerBound == word.lowerBound ? [] : continuingPrefix
    result.append(text, range)
    if range.upperBound == word.upperBound { result += wordSuffix }
    return result
  }

  /// Merges until nothing is left to merge. An entry of the heap is stale when the pair at its place no longer
  /// makes the token that it did; the reference tests no more than that, and so does this.
  private func merge(_ scratch: inout ModelScratch) {
    scratch.merges.removeAll()
    for place in 0..<max(0, scratch.symbols.count - 1) { offer(place, &scratch) }
    while let (rank, place) = scratch.merges.pop() {
      scratch.steps += 1
      let symbol = scratch.symbols[place]
      guard symbol.length > 0, symbol.next >= 0 else { continue }
      let right = scratch.symbols[Int(symbol.next)]
      let result = results[Int(rank)]
      guard let current = table.rank(symbol.id, right.id), results[Int(current)] == result else {
        continue
      }
      scratch.symbols[Int(symbol.next)].length = 0
      scratch.symbols[place].length += right.length
      scratch.symbols[place].id = result
      scratch.symbols[place].next = right.next
      if right.next >= 0 {
        scratch.symbols[Int(right.next)].previous = Int32(truncatingIfNeeded: place)
      }
      if symbol.previous >= 0 { offer(Int(symbol.previous), &scratch) }
      if right.next >= 0 { offer(place, &scratch) }
    }
  }

  @inline(__always)
  private func offer(_ place: Int, _ scratch: inout ModelScratch) {
    let left = scratch.symbols[place]
    if let rank = table.rank(left.id, scratch.symbols[Int(left.next)].id) {
      scratch.merges.push(rank: rank, place: place)
    }
  }
}

/// The rank of each pair that merges, in an open-addressed table.
private struct PairTable: Sendable {
  private var keys = [UInt64](repeating: .max, count: 16)
  private var ranks = [UInt32](repeating: 0, count: 16)
  private var shift: UInt64 = 60
  private var used = 0

  /// All pairs, in no order.
  var pairs: some Sequence<(left: Int32, right: Int32)> {
    keys.lazy.filter { $0 != .max }.map { key in
      (
        Int32(bitPattern: UInt32(key >> 32)),
        Int32(bitPattern: UInt32(truncatingIfNeeded: key))
      )
    }
  }

  mutating func reserve(_ count: Int) {
    while keys.count < count * 2 { grow() }
  }

  mutating func insert(_ left: Int32, _ right: Int32, _ rank: UInt32) {
    if used * 2 >= keys.count { grow() }
    let key = Self.key(left, right)
    let slot = slot(key)
    if keys[slot] == .max { used += 1 }
    keys[slot] = key
    ranks[slot] = rank
  }

  @inline(__always)
  func rank(_ left: Int32, _ right: Int32) -> UInt32? {
    let key = Self.key(left, right)
    let slot = slot(key)
    return keys[slot] == key ? ranks[slot] : nil
  }

  @inline(__always)
  private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
  }

  @inline(__always)
  private func slot(_ key: UInt64) -> Int {
    let mixed = (key ^ key >> 31) &* 0x9E37_79B9_7F4A_7C15
    var slot = Int(truncatingIfNeeded: mixed >> shift)
    while keys[slot] != .max && keys[slot] != key { slot = (slot + 1) & (keys.count - 1) }
    return slot
  }

  private mutating func grow() {
    let (oldKeys, oldRanks) = (keys, ranks)
    keys = [UInt64](repeating: .max, count: oldKeys.count * 2)
    ranks = [UInt32](repeating: 0, count: oldKeys.count * 2)
    shift -= 1
    for index in oldKeys.indices where oldKeys[index] != .max {
      let slot = slot(oldKeys[index])
      keys[slot] = oldKeys[index]
      ranks[slot] = oldRanks[index]
    }
  }
}
