/// Where a token comes from.
public struct TokenOrigin: Sendable, Equatable {
  /// Code points of its text that it stands for; 0..<0 for a special token around the texts.
  public var range: Range<Int>
  /// 0 for the first text, 1 for the second; nil for a special token around them.
  public var sequence: Int?
  /// Which of its text's pieces it is of, as the pre-tokenizer cuts them.
  public var word: Int

  /// Of a special token around the texts.
  static let frame = TokenOrigin(range: 0..<0, sequence: nil, word: -1)
}

/// The tokens of one text, without special tokens around it.
public struct TextTokens: Sendable, Equatable {
  /// Their ids.
  public var ids: [Int32]
  /// Where they come from; nil where that was not asked for.
  public var origins: [TokenOrigin]?

  /// Those of a part.
  subscript(range: Range<Int>) -> TextTokens {
    TextTokens(ids: Array(ids[range]), origins: origins.map { Array($0[range]) })
  }
}

/// A text in the course of normalisation, with the code points of the input that each of its bytes stands for.
struct TracedText {
  /// UTF-8.
  var bytes: [UInt8] = []
  /// For each byte.
  var origins: [Range<Int32>] = []

  init() {}

  /// Bytes of the input, whose first code point is number `first`.
  init(_ input: Span<UInt8>, first: Int) {
    bytes.append(input, 0..<input.count)
    origins.reserveCapacity(input.count)
    var number = Int32(truncatingIfNeeded: first) - 1
    for index in 0..<input.count {
      if input[index] & 0xC0 != 0x80 { number += 1 }
      origins.append(number..<number + 1)
    }
  }

  /// Adds bytes that all stand for `origin`.
  mutating func append(_ new: some Sequence<UInt8>, _ origin: Range<Int32>) {
    let start = bytes.count
    bytes.append(contentsOf: new)
    origins.append(contentsOf: repeatElement(origin, count: bytes.count - start))
  }

  /// Adds a part of another.
  mutating func append(_ other: TracedText, _ range: Range<Int>) {
    bytes.append(contentsOf: other.bytes[range])
    origins.append(contentsOf: other.origins[range])
  }

  /// What bytes `range` stand for: from the first's beginning to the last's end.
  func origin(_ range: Range<Int>) -> Range<Int> {
    guard !range.isEmpty, range.upperBound <= origins.count else { return 0..<0 }
    let start = Int(origins[range.lowerBound].lowerBound)
    return start..<max(start, Int(origins[range.upperBound - 1].upperBound))
  }
}
