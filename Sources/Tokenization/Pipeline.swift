/// The way from text to tokens: added tokens out, normalised, cut into pieces, pieces to tokens.
struct Pipeline: Sendable {
  /// Steps of normalisation, in order.
  var normalizers: [Normalizer]
  /// Steps of cutting, in order.
  var preTokenizers: [PreTokenizer]
  /// What makes tokens of pieces.
  var model: TokenModel
  /// The model's tokens.
  var vocabulary: Vocabulary
  /// Added tokens found in the raw text.
  private(set) var raw: AddedTokenMatcher
  /// Added tokens found in the normalised text.
  private(set) var normalized: AddedTokenMatcher
  /// Where words fall into parts; nil where they must stay whole.
  private let borders: MergeBorders?
  /// Whether a long text may be worked on in parts, and so no further than its limit.
  private(set) var keepsCuts: Bool

  /// A long text is worked on in parts of this many bytes, where that gives the same.
  private static let part = 1 << 14
  /// Words of more bytes are taken apart where the model allows it.
  private static let longestPart = 12

  init(
    normalizers: [Normalizer], preTokenizers: [PreTokenizer], model: TokenModel,
    vocabulary: Vocabulary, addedTokens: [AddedToken]
  ) {
    self.normalizers = normalizers
    self.preTokenizers = preTokenizers
    self.model = model
    self.vocabulary = vocabulary
    borders = model.borders
    raw = AddedTokenMatcher(
      addedTokens.filter { !$0.isNormalized }.map { ($0, Array($0.content.utf8)) })
    normalized = AddedTokenMatcher(
      addedTokens.filter(\.isNormalized).map { token in
        let text = normalizers.reduce(Array(token.content.utf8)) { text, step in
          var result: [UInt8] = []
          step.apply(text.span, to: &result)
          return result
        }
        return (token, text)
      })
    keepsCuts =
      normalizers.allSatisfy(\.keepsCuts) && preTokenizers.allSatisfy(\.keepsCuts)
      && preTokenizers.contains(where: \.cutsAtSpaces) && normalized.keepsCuts
  }

  /// Appends the tokens of `text` to `workspace.output`, and stops soon after there are more than `limit`.
  func run(_ text: Span<UInt8>, limit: Int, _ workspace: inout Workspace) {
    var (scan, start) = (0, 0)
    while true {
      let match = raw.next(text, scan: &scan, start: start)
      let end = match?.range.lowerBound ?? text.count
      if start < end {
        section(text.extracting(start..<end), isFirst: start == 0, limit: limit, &workspace)
      }
      guard workspace.output.count <= limit, let match else { return }
      workspace.output.append(match.id)
      start = match.range.upperBound
    }
  }

  /// Text without raw added tokens, in parts where it may be cut.
  private func section(
    _ text: Span<UInt8>, isFirst: Bool, limit: Int, _ workspace: inout Workspace
  ) {
    var start = 0
    while start < text.count && workspace.output.count <= limit {
      let end = keepsCuts ? Self.cut(text, from: start) : text.count
      normalize(text.extracting(start..<end), &workspace)
      find(isFirst: isFirst && start == 0, limit: limit, &workspace)
      start = end
    }
  }

  /// The first space behind a letter or digit once a part is full.
  static func cut(_ text: Span<UInt8>, from start: Int) -> Int {
    var index = start + part
    while index < text.count {
      if text[index] == 0x20 && UnicodeClass.isLetterOrDigit(text[index - 1]) { return index }
      index += 1
    }
    return text.count
  }

  private func normalize(_ text: Span<UInt8>, _ workspace: inout Workspace) {
    workspace.normalized.removeAll(keepingCapacity: true)
    guard let first = normalizers.first else {
      workspace.normalized.append(text, 0..<text.count)
      return
    }
    first.apply(text, to: &workspace.normalized)
    for step in normalizers.dropFirst() {
      swap(&workspace.normalized, &workspace.spare)
      workspace.normalized.removeAll(keepingCapacity: true)
      let before = workspace.spare
      step.apply(before.span, to: &workspace.normalized)
    }
  }

  /// Takes added tokens out of the normalised text.
  private func find(isFirst: Bool, limit: Int, _ workspace: inout Workspace) {
    if normalized.isEmpty {
      swap(&workspace.normalized, &workspace.pieces.text)
      cut(isFirst: isFirst, limit: limit, &workspace)
      return
    }
    let whole = workspace.normalized
    var (scan, start) = (0, 0)
    while true {
      let match = normalized.next(whole.span, scan: &scan, start: start)
      let end = match?.range.lowerBound ?? whole.count
      if start < end {
        workspace.pieces.text.removeAll(keepingCapacity: true)
        workspace.pieces.text.append(whole.span, start..<end)
        cut(isFirst: isFirst && start == 0, limit: limit, &workspace)
      }
      guard workspace.output.count <= limit, let match else { return }
      workspace.output.append(match.id)
      start = match.range.upperBound
    }
  }

  /// Cuts the text of `workspace.pieces` and makes tokens of the pieces.
  private func cut(isFirst: Bool, limit: Int, _ workspace: inout Workspace) {
    if workspace.pieces.text.isEmpty { return }
    workspace.pieces.ranges.removeAll(keepingCapacity: true)
    workspace.pieces.ranges.append(0..<workspace.pieces.text.count)
    for step in preTokenizers {
      step.apply(&workspace.pieces, spare: &workspace.sparePieces, isFirst: isFirst)
    }
    // Copies share their memory until one of them changes, which is after this.
    let pieces = workspace.pieces
    let text = pieces.text.span
    for word in pieces.ranges {
      if let borders, word.count > Self.longestPart {
        // Parts are remembered apart from words, for which the vocabulary may have a token as a whole.
        if let token = model.wholeToken(text, word, vocabulary) {
          workspace.output.append(token)
          continue
        }
        var start = word.lowerBound
        while start < word.upperBound && workspace.output.count <= limit {
          let end = borders.partEnd(text, from: start, to: word.upperBound)
          append(text, start..<end, isPart: true, &workspace)
          start = end
        }
      } else {
        append(text, word, isPart: false, &workspace)
      }
      if workspace.output.count > limit { return }
    }
  }

  /// Appends the tokens of a word, or of a part of one.
  @inline(__always)
  private func append(
    _ text: Span<UInt8>, _ word: Range<Int>, isPart: Bool, _ workspace: inout Workspace
  ) {
    guard word.count <= WordCache.longestWord else {
      appendNew(text, word, isPart: isPart, &workspace)
      return
    }
    var hash = PrefixHash(isPart: isPart)
    for index in word { hash.combine(text[index]) }
    if workspace.cache.append(text, word, hash.value, to: &workspace.output) { return }
    let start = workspace.output.count
    appendNew(text, word, isPart: isPart, &workspace)
    workspace.cache.insert(text, word, hash.value, workspace.output, from: start)
  }

  /// Appends the tokens of a word, and to `scratch.ranges` where they stand; no word is remembered.
  func appendTracing(_ text: Span<UInt8>, _ word: Range<Int>, _ workspace: inout Workspace) {
    if let token = model.wholeToken(text, word, vocabulary) {
      workspace.output.append(token)
      workspace.scratch.ranges.append(word)
      return
    }
    var start = word.lowerBound
    while start < word.upperBound {
      let end =
        if let borders, word.count > Self.longestPart {
          borders.partEnd(text, from: start, to: word.upperBound)
        } else {
          word.upperBound
        }
      model.append(text, start..<end, vocabulary, &workspace.scratch, to: &workspace.output)
      start = end
    }
  }

  private func appendNew(
    _ text: Span<UInt8>, _ word: Range<Int>, isPart: Bool, _ workspace: inout Workspace
  ) {
    if !isPart, let token = model.wholeToken(text, word, vocabulary) {
      workspace.output.append(token)
    } else {
      model.append(text, word, vocabulary, &workspace.scratch, to: &workspace.output)
    }
  }
}
