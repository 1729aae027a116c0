/// Makes the tokens of a text as `Pipeline.run` does, and says where each comes from. Slower, so it is for who asks for that.
struct TracingRun {
  let pipeline: Pipeline
  /// Stops soon after there are more tokens than this.
  let limit: Int
  /// Which of two texts it is.
  let sequence: Int
  /// The tokens so far.
  private(set) var ids: [Int32] = []
  private(set) var origins: [TokenOrigin] = []
  /// White space at the ends of added tokens, by place: they take it along.
  private(set) var padding: [Int: (leading: Int, trailing: Int)] = [:]
  private var words = 0
  /// Code points in front of what is worked on.
  private var first = 0

  init(_ pipeline: Pipeline, limit: Int, sequence: Int) {
    (self.pipeline, self.limit, self.sequence) = (pipeline, limit, sequence)
  }

  /// Adds the tokens of `text`.
  mutating func run(_ text: Span<UInt8>, _ workspace: inout Workspace) {
    var (scan, start) = (0, 0)
    while true {
      let match = pipeline.raw.next(text, scan: &scan, start: start)
      let end = match?.range.lowerBound ?? text.count
      if start < end {
        section(text.extracting(start..<end), isFirst: start == 0, &workspace)
      }
      guard ids.count <= limit, let match else { return }
      let found = TracedText(text.extracting(match.range), first: first)
      add(match.id, found, 0..<found.bytes.count)
      first += Self.scalars(text.extracting(match.range))
      start = match.range.upperBound
    }
  }

  private static func scalars(_ text: Span<UInt8>) -> Int {
    var count = 0
    for index in 0..<text.count where text[index] & 0xC0 != 0x80 { count += 1 }
    return count
  }

  /// An added token, which stands for bytes `range` of `text`.
  private mutating func add(_ id: Int32, _ text: TracedText, _ range: Range<Int>) {
    func spaces(_ scalars: some Sequence<Unicode.Scalar>) -> Int {
      var count = 0
      for scalar in scalars {
        if !scalar.properties.isWhitespace { break }
        count += 1
      }
      return count
    }
    let scalars = String(decoding: text.bytes[range], as: UTF8.self).unicodeScalars
    padding[ids.count] = (spaces(scalars), spaces(scalars.reversed()))
    append(id, text.origin(range))
    words += 1
  }

  private mutating func append(_ id: Int32, _ range: Range<Int>) {
    ids.append(id)
    origins.append(TokenOrigin(range: range, sequence: sequence, word: words))
  }

  private mutating func section(
    _ text: Span<UInt8>, isFirst: Bool, _ workspace: inout Workspace
  ) {
    var start = 0
    while start < text.count && ids.count <= limit {
      let end = pipeline.keepsCuts ? Pipeline.cut(text, from: start) : text.count
      let part = text.extracting(start..<end)
      let normalized = pipeline.normalizers.reduce(TracedText(part, first: first)) {
        $1.tracing($0)
      }
      find(normalized, isFirst: isFirst && start == 0, &workspace)
      first += Self.scalars(part)
      start = end
    }
  }

  private mutating func find(
    _ text: TracedText, isFirst: Bool, _ workspace: inout Workspace
  ) {
    var (scan, start) = (0, 0)
    while true {
      let match = pipeline.normalized.next(text.bytes.span, scan: &scan, start: start)
      let end = match?.range.lowerBound ?? text.bytes.count
      if start < end {
        var piece = TracedText()
        piece.append(text, start..<end)
        cut(piece, isFirst: isFirst && start == 0, &workspace)
      }
      guard ids.count <= limit, let match else { return }
      add(match.id, text, match.range)
      start = match.range.upperBound
    }
  }

  private mutating func cut(
    _ text: TracedText, isFirst: Bool, _ workspace: inout Workspace
  ) {
    var (list, spare, text) = (PieceList(), PieceList(), text)
    list.text = text.bytes
    list.ranges = [0..<text.bytes.count]
    for step in pipeline.preTokenizers {
      text = step.tracing(list, text, isFirst: isFirst)
      step.apply(&list, spare: &spare, isFirst: isFirst)
    }
    workspace.scratch.keepsRanges = true
    defer { workspace.scratch.keepsRanges = false }
    for word in list.ranges {
      workspace.output.removeAll(keepingCapacity: true)
      workspace.scratch.ranges.removeAll(keepingCapacity: true)
      pipeline.appendTracing(list.text.span, word, &workspace)
      for (id, range) in zip(workspace.output, workspace.scratch.ranges) {
        append(id, text.origin(range))
      }
      words += 1
      if ids.count > limit { return }
    }
  }
}
