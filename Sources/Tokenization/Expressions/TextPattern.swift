/// What `Replace` and `Split` look for.
enum TextPattern: Sendable {
  /// This text, which is not empty.
  case text([UInt8])
  /// What a regular expression matches.
  case expression(ExpressionAutomaton)

  /// Bytes of the shortest match, at least.
  var shortestMatch: Int {
    switch self {
    case .text(let bytes): max(1, bytes.count)
    case .expression(let automaton): max(1, automaton.shortestMatch)
    }
  }

  /// The first match in `text[whole]` from `start` on. Adds the bytes that an expression looks at to `steps`.
  @inline(__always)
  func next(
    _ text: Span<UInt8>, from start: Int, in whole: Range<Int>, _ steps: inout Int
  ) -> Range<Int>? {
    let end = whole.upperBound
    var index = start
    switch self {
    case .text(let bytes):
      while index + bytes.count <= end {
        if Self.begins(bytes, text, at: index) { return index..<index + bytes.count }
        index += 1
      }
    case .expression(let automaton):
      while index < end {
        if let stop = automaton.match(text, at: index, in: whole, &steps) { return index..<stop }
        index += text.scalar(at: index).length
      }
    }
    return nil
  }

  /// Whether it takes no ASCII letter or digit, so that a text may be cut behind one.
  var isBetweenWords: Bool {
    switch self {
    case .text(let bytes):
      bytes.allSatisfy { $0 >= 0x80 || !UnicodeClass.isLetterOrDigit($0) }
    case .expression(let automaton): !automaton.takesWords && !automaton.asksForStart
    }
  }

  /// Whether a match may hold a space.
  var takesSpaces: Bool {
    switch self {
    case .text(let bytes): bytes.contains(0x20)
    case .expression(let automaton): automaton.takes(0x20)
    }
  }

  /// Whether a match ends wherever a space follows an ASCII letter or digit.
  var endsAtWordEnds: Bool {
    if case .expression(let automaton) = self {
      automaton.endsAtWordEnds && !automaton.asksForStart
    } else {
      false
    }
  }

  @inline(__always)
  private static func begins(_ bytes: [UInt8], _ text: Span<UInt8>, at index: Int) -> Bool {
    for offset in bytes.indices where text[index + offset] != bytes[offset] { return false }
    return !bytes.isEmpty
  }
}
