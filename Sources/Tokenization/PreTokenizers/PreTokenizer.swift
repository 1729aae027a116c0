/// One step of cutting a text into the pieces that a model sees, as `tokenizer.json` names them.
enum PreTokenizer: Sendable {
  /// At white space, which goes, and around each punctuation mark.
  case bert
  /// Words (`\w+`) and runs of what is neither word nor white space.
  case whitespace
  /// At white space, which goes.
  case whitespaceSplit
  /// Around punctuation.
  case punctuation(SplitBehavior)
  /// Around numbers, each digit alone or not.
  case digits(individual: Bool)
  /// By a pattern.
  case split(TextPattern, SplitBehavior, inverts: Bool)
  /// GPT-2's expression, and bytes as visible characters.
  case byteLevel(ByteLevel)
  /// SentencePiece's visible space.
  case metaspace(Metaspace)

  /// Cuts the pieces of `list` further; `spare` lends memory. `isFirst` says that the text begins the
  /// input.
  func apply(_ list: inout PieceList, spare: inout PieceList, isFirst: Bool) {
    spare.ranges.removeAll(keepingCapacity: true)
    switch self {
    case .byteLevel(let level):
      level.apply(&list, spare: &spare)
      return
    case .metaspace(let metaspace):
      metaspace.apply(&list, spare: &spare, isFirst: isFirst)
      return
    case .bert:
      for range in list.ranges { Self.bert(list.text.span, range, &spare.ranges) }
    case .whitespace:
      for range in list.ranges { Self.words(list.text.span, range, &spare.ranges) }
    case .whitespaceSplit:
      Self.split(list, &spare.ranges, .removed, isDelimiter: { $0.contains(.space) })
    case .punctuation(let behavior):
      Self.split(list, &spare.ranges, behavior, isDelimiter: { $0.contains(.punctuation) })
    case .digits(let individual):
      Self.split(
        list, &spare.ranges, individual ? .isolated : .contiguous,
        isDelimiter: { $0.contains(.numeric) })
    case .split(let pattern, let behavior, let inverts):
      Self.split(list, &spare, pattern, behavior, inverts)
    }
    swap(&list.ranges, &spare.ranges)
  }

  /// Whether a text cut between an ASCII letter or digit and a space gives the same pieces in parts,
  /// provided that some step cuts at spaces.
  var keepsCuts: Bool {
    switch self {
    case .bert, .whitespace, .whitespaceSplit, .digits: true
    case .byteLevel(let level): level.pattern?.endsAtWordEnds ?? false
    case .metaspace(let metaspace): metaspace.splits
    case .punctuation(let behavior): behavior == .isolated || behavior == .removed
    case .split(let pattern, let behavior, _):
      pattern.endsAtWordEnds && (behavior == .isolated || behavior == .removed)
    }
  }

  /// Whether each space ends a piece.
  var cutsAtSpaces: Bool {
    switch self {
    case .bert, .whitespace, .whitespaceSplit: true
    case .byteLevel(let level): level.pattern?.endsAtWordEnds ?? false
    case .metaspace(let metaspace): metaspace.splits
    case .punctuation, .digits: false
    case .split: keepsCuts
    }
  }

  private static func split(
    _ list: PieceList, _ spare: inout PieceList, _ pattern: TextPattern,
    _ behavior: SplitBehavior, _ inverts: Bool
  ) {
    let text = list.text.span
    var spans: [(end: Int, isDelimiter: Bool)] = []
    for range in list.ranges {
      var index = range.lowerBound
      if behavior == .isolated {
        while let match = pattern.next(text, from: index, in: range, &spare.steps) {
          if index < match.lowerBound { spare.ranges.append(index..<match.lowerBound) }
          spare.ranges.append(match)
          index = match.upperBound
        }
        if index < range.upperBound { spare.ranges.append(index..<range.upperBound) }
        continue
      }
      spans.removeAll(keepingCapacity: true)
      while let match = pattern.next(text, from: index, in: range, &spare.steps) {
        spans.append((match.lowerBound, inverts))
        spans.append((match.upperBound, !inverts))
        index = match.upperBound
      }
      spans.append((range.upperBound, inverts))
      behavior.append(range, spans, to: &spare.ranges)
    }
  }

  @inline(__always)
  private static func split(
    _ list: PieceList, _ pieces: inout [Range<Int>], _ behavior: SplitBehavior,
    isDelimiter: (UnicodeClass) -> Bool
  ) {
    let text = list.text.span
    var spans: [(end: Int, isDelimiter: Bool)] = []
    for range in list.ranges {
      spans.removeAll(keepingCapacity: true)
      var index = range.lowerBound
      while index < range.upperBound {
        let (scalar, length) = text.scalar(at: index)
        index += length
        let delimits = isDelimiter(UnicodeClass.of(scalar))
        // What lies between delimiters is one span.
        if !delimits, let last = spans.last, !last.isDelimiter { spans.removeLast() }
        spans.append((index, delimits))
      }
      behavior.append(range, spans, to: &pieces)
    }
  }

  private static func bert(
    _ text: Span<UInt8>, _ range: Range<Int>, _ pieces: inout [Range<Int>]
  ) {
    let ascii = UnicodeClass.ascii
    var (start, index) = (range.lowerBound, range.lowerBound)
    while index < range.upperBound {
      let (scalar, length) = text.scalar(at: index)
      let kind = UnicodeClass.of(scalar, ascii)
      if !kind.isDisjoint(with: [.space, .punctuation]) {
        if start < index { pieces.append(start..<index) }
        if !kind.contains(.space) { pieces.append(index..<index + length) }
        start = index + length
      }
      index += length
    }
    if start < range.upperBound { pieces.append(start..<range.upperBound) }
  }

  private static func words(
    _ text: Span<UInt8>, _ range: Range<Int>, _ pieces: inout [Range<Int>]
  ) {
    let ascii = UnicodeClass.ascii
    var (start, index) = (range.lowerBound, range.lowerBound)
    var current: UnicodeClass = .space
    while index < range.upperBound {
      let (scalar, length) = text.scalar(at: index)
      let kind = UnicodeClass.of(scalar, ascii).intersection([.space, .word])
      if kind != current {
        if !current.contains(.space) && start < index { pieces.append(start..<index) }
        start = index
        current = kind
      }
      index += length
    }
    if !current.contains(.space) && start < range.upperBound {
      pieces.append(start..<range.upperBound)
    }
  }
}
