extension Tokenizer {
  /// The tokens of one text, without special tokens around it.
  ///
  /// - Parameters:
  ///   - limit: reading ends soon after there are more tokens than this.
  ///   - sequence: 1 for the second of two texts.
  ///   - tracing: whether to say where each token comes from, which takes longer.
  public func tokens(
    of text: String, limit: Int = .max, sequence: Int = 0, tracing: Bool = false
  ) -> TextTokens {
    guard tracing else {
      return withWorkspace { TextTokens(ids: tokens(text, limit: limit, &$0), origins: nil) }
    }
    return withWorkspace { workspace in
      var run = TracingRun(pipeline, limit: limit, sequence: sequence)
      var text = text
      text.withUTF8 { run.run($0.span, &workspace) }
      return TextTokens(
        ids: run.ids,
        origins: postProcessor.trimmings.reduce(run.origins) { trimmed($0, run, $1) })
    }
  }

  /// Takes the spaces off that byte-level tokens begin and end with, as `process_offsets` of `tokenizers` does.
  private func trimmed(
    _ origins: [TokenOrigin], _ run: TracingRun, _ trimming: PostProcessor.Trimming
  ) -> [TokenOrigin] {
    var origins = origins
    for (place, id) in run.ids.enumerated() {
      let range = origins[place].range
      var (leading, trailing) = run.padding[place] ?? spaces(id)
      let isAdded = trimming.addsPrefixSpace && (place == 0 || range.lowerBound == 0)
      if isAdded { leading = 0 }
      let start = min(range.lowerBound + leading, range.upperBound)
      if range.upperBound < trailing { trailing = 0 }
      origins[place].range = start..<max(range.upperBound - trailing, start)
    }
    return origins
  }

  /// How many spaces a token begins and ends with, one of bytes among them.
  private func spaces(_ id: Int32) -> (leading: Int, trailing: Int) {
    func isSpace(_ scalar: Unicode.Scalar) -> Bool {
      scalar.value == ByteLevel.characters[0x20] || scalar.properties.isWhitespace
    }
    let scalars = (token(for: id) ?? "").unicodeScalars
    return (
      scalars.prefix(while: isSpace).count, scalars.reversed().prefix(while: isSpace).count
    )
  }

  /// One or two texts in special tokens, as they are.
  package func framed(
    _ first: TextTokens, _ second: TextTokens?, isTruncated: Bool = false
  ) -> Encoding {
    let (ids, types) = postProcessor.apply(first.ids, second?.ids)
    var encoding = Encoding(
      ids: ids, typeIDs: types, isTruncated: isTruncated, unknownCount: unknownCount(ids))
    if let origins = first.origins {
      encoding.origins = postProcessor.origins(origins, second?.origins)
    }
    return encoding
  }

  private func unknownCount(_ ids: [Int32]) -> Int {
    specialTokens.unknown.map { unknown in ids.count { $0 == unknown } } ?? 0
  }

  /// One or two texts in special tokens, cut to `maximumLength` tokens.
  ///
  /// - Parameters:
  ///   - strategy: which text is cut; nil for what `tokenizer.json` says.
  ///   - cutsLeft: whether the start goes and the end stays; nil for what `tokenizer.json` says.
  public func framing(
    _ first: TextTokens, _ second: TextTokens? = nil, maximumLength: Int,
    strategy: Truncation.Strategy? = nil, cutsLeft: Bool? = nil
  ) -> Encoding {
    var truncation = self.truncation ?? Truncation(maximumLength: maximumLength)
    if let strategy { truncation.strategy = strategy }
    if let cutsLeft { truncation.cutsLeft = cutsLeft }
    let room = max(0, maximumLength - postProcessor.frame(isPair: second != nil))
    let (a, b) = (first.ids.count, second?.ids.count ?? 0)
    guard a + b > room else { return framed(first, second) }
    let kept = truncation.kept(first: a, second: b, room: room)
    func cut(_ tokens: TextTokens, to count: Int) -> TextTokens {
      let (whole, count) = (tokens.ids.count, min(count, tokens.ids.count))
      return tokens[truncation.cutsLeft ? whole - count..<whole : 0..<count]
    }
    return framed(
      cut(first, to: second == nil ? room : kept.first), second.map { cut($0, to: kept.second) },
      isTruncated: true)
  }

  /// The last of one or two texts in windows, each in special tokens and of at most `maximumLength` tokens, with the first text whole
  /// in each; a window begins `overlap` tokens before the end of the one before it, as `stride` of `tokenizers` has it.
  ///
  /// - Returns: nil where there is no room for windows that advance.
  public func windows(
    _ first: TextTokens, _ second: TextTokens? = nil, maximumLength: Int, overlap: Int
  ) -> [Encoding]? {
    let long = second ?? first
    let room =
      maximumLength - postProcessor.frame(isPair: second != nil)
      - (second == nil ? 0 : first.ids.count)
    if long.ids.count <= room { return [framed(first, second)] }
    guard overlap >= 0, overlap < room else { return nil }
    var encodings: [Encoding] = []
    var start = 0
    while true {
      let end = min(start + room, long.ids.count)
      let part = long[start..<end]
      encodings.append(second == nil ? framed(part, nil) : framed(first, part))
      if end == long.ids.count { return encodings }
      start += room - overlap
    }
  }
}
