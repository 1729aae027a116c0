import Foundation

/// SentencePiece's precompiled character map: a double-array trie (darts-clone) of what is replaced,
/// and the texts that replace it, each ended by a zero.
struct CharacterMap: Sendable {
  private let units: [UInt32]
  private let texts: [UInt8]
  /// Whether an ASCII byte stays as it is.
  private var keepsASCII = [Bool](repeating: true, count: 128)

  /// Reads the map as `tokenizer.json` has it: in base64, the trie's length in four bytes, the trie,
  /// the texts. nil where it is none.
  init?(base64: String) {
    guard let data = Data(base64Encoded: base64), data.count >= 4 else { return nil }
    let bytes = [UInt8](data)
    func word(_ offset: Int) -> UInt32 {
      (0..<4).reduce(0) { $0 | UInt32(bytes[offset + $1]) << UInt32(8 * $1) }
    }
    let size = Int(word(0))
    guard size % 4 == 0, size > 0, size <= bytes.count - 4 else { return nil }
    units = (0..<size / 4).map { word(4 + 4 * $0) }
    texts = Array(bytes[(4 + size)...])
    guard String(validating: texts, as: UTF8.self) != nil else { return nil }
    longestText = texts.split(separator: 0).map(\.count).max() ?? 0
    for byte in UInt8(0)..<128 {
      keepsASCII[Int(byte)] = replacement([byte].span, 0..<1) == nil
    }
  }

  /// Bytes of the longest text that replaces something.
  let longestText: Int

  /// Whether a space stays a space.
  var keepsSpace: Bool { keepsASCII[0x20] }

  /// Appends what `input` becomes. As `tokenizers` does it: a cluster of fewer than six bytes is looked
  /// up whole, and then the shortest entry that it begins with stands for all of it; otherwise each of its
  /// scalars is looked up.
  func apply(_ input: Span<UInt8>, to output: inout [UInt8]) {
    var index = 0
    while index < input.count {
      let byte = input[index]
      let next = index + 1
      if byte < 0x80, next == input.count || input[next] < 0x80, byte != 0x0D {
        if keepsASCII[Int(byte)] {
          output.append(byte)
        } else {
          replace(input, index..<next, into: &output)
        }
        index = next
        continue
      }
      let end = clusterEnd(input, from: index)
      if end - index < 6, let found = replacement(input, index..<end) {
        output.append(texts.span, found)
      } else {
        var at = index
        while at < end {
          let (_, length) = input.scalar(at: at)
          replace(input, at..<min(end, at + length), into: &output)
          at += length
        }
      }
      index = end
    }
  }

  private func clusterEnd(_ input: Span<UInt8>, from start: Int) -> Int {
    let (first, length) = input.scalar(at: start)
    var end = start + length
    guard end < input.count else { return input.count }
    let firstClass = GraphemeBreak.of(first)
    var state = GraphemeState(first: firstClass)
    while end < input.count {
      let (scalar, length) = input.scalar(at: end)
      if !state.joins(GraphemeBreak.of(scalar)) { break }
      end += length
    }
    return min(end, input.count)
  }

  @inline(__always)
  private func replace(_ input: Span<UInt8>, _ range: Range<Int>, into output: inout [UInt8]) {
    if let found = replacement(input, range) {
      output.append(texts.span, found)
    } else {
      output.append(input, range)
    }
  }

  /// Where in `texts` that stands which replaces the shortest entry that `range` begins with. The units
  /// are darts-clone's: a label in the low byte, bit 8 where an entry ends, an offset above.
  private func replacement(_ input: Span<UInt8>, _ range: Range<Int>) -> Range<Int>? {
    var node = Self.offset(units[0])
    for index in range {
      let byte = input[index]
      if byte == 0 { return nil }
      node ^= Int(byte)
      guard node < units.count else { return nil }
      let unit = units[node]
      guard unit & 0x8000_00FF == UInt32(byte) else { return nil }
      node ^= Self.offset(unit)
      guard node < units.count else { return nil }
      if unit & 0x100 != 0 {
        let start = Int(units[node] & 0x7FFF_FFFF)
        guard start < texts.count else { return nil }
        var end = start
        while end < texts.count && texts[end] != 0 { end += 1 }
        return start..<end
      }
    }
    return nil
  }

  @inline(__always)
  private static func offset(_ unit: UInt32) -> Int {
    Int((unit >> 10) << ((unit & 0x200) >> 6))
  }
}
