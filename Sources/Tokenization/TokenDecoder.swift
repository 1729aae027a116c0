import JSON

/// The way from tokens back to text, as `decoder` in `tokenizer.json` names its steps.
struct TokenDecoder: Sendable {
  /// One step: each makes a list of texts of a list of tokens.
  enum Step: Sendable {
    /// Spaces between words, none before what begins with the prefix; then English contractions are closed.
    case wordPiece(prefix: [UInt8], cleansUp: Bool)
    /// Visible characters as the bytes that they stand for.
    case byteLevel
    /// A mark is a space; the first token's may be left off.
    case metaspace(mark: [UInt8], dropsFirst: Bool)
    /// A word's end is a space.
    case suffix([UInt8])
    /// `<0x41>` is a byte.
    case byteFallback
    /// All in one.
    case fuse
    /// Every occurrence replaced.
    case replace(TextPattern, with: [UInt8])
    /// So many of a character off both ends.
    case strip([UInt8], start: Int, end: Int)
  }

  /// In order; none puts spaces between tokens.
  var steps: [Step]

  /// The text that `tokens` stand for.
  func text(_ tokens: [String]) -> String {
    var parts = tokens.map { Array($0.utf8) }
    if steps.isEmpty { return tokens.joined(separator: " ") }
    for step in steps { parts = Self.apply(step, parts) }
    return String(decoding: parts.joined(), as: UTF8.self)
  }

  private static func apply(_ step: Step, _ parts: [[UInt8]]) -> [[UInt8]] {
    switch step {
    case .wordPiece(let prefix, let cleansUp):
      return parts.enumerated().map { index, part in
        var part = part
        if index > 0 {
          part =
            !prefix.isEmpty && part.starts(with: prefix)
            ? Array(part.dropFirst(prefix.count)) : [0x20] + part
        }
        return cleansUp ? contractions.reduce(part) { replacing($1.0, with: $1.1, in: $0) } : part
      }
    case .byteLevel: return [parts.flatMap(bytes)]
    case .metaspace(let mark, let dropsFirst):
      return parts.enumerated().map { index, part in
        replacing(mark, with: index == 0 && dropsFirst ? [] : [0x20], in: part)
      }
    case .suffix(let suffix):
      return parts.enumerated().map { index, part in
        replacing(suffix, with: index == parts.count - 1 ? [] : [0x20], in: part)
      }
    case .byteFallback: return fallback(parts)
    case .fuse: return [Array(parts.joined())]
    case .replace(let pattern, let replacement):
      return parts.map { part in
        var result: [UInt8] = []
        Normalizer.replace(pattern, with: replacement).apply(part.span, to: &result)
        return result
      }
    case .strip(let character, let start, let end):
      return parts.map { part in
        var part = part[...]
        for _ in 0..<start where part.starts(with: character) {
          part = part.dropFirst(character.count)
        }
        for _ in 0..<end where part.suffix(character.count).elementsEqual(character) {
          part = part.dropLast(character.count)
        }
        return Array(part)
      }
    }
  }

  /// The bytes of a token of byte characters; one that holds another character stays as it is.
  private static func bytes(_ token: [UInt8]) -> [UInt8] {
    let scalars = String(decoding: token, as: UTF8.self).unicodeScalars
    let bytes = scalars.compactMap { ByteLevel.bytes[$0.value] }
    return bytes.count == scalars.count ? bytes : token
  }

  /// Rows of `<0x…>` as the text that their bytes are, or a mark for each where they are none.
  private static func fallback(_ parts: [[UInt8]]) -> [[UInt8]] {
    var (result, row): ([[UInt8]], [UInt8]) = ([], [])
    func flush() {
      if row.isEmpty { return }
      if String(validating: row, as: UTF8.self) != nil {
        result.append(row)
      } else {
        result += row.map { _ in Array("\u{FFFD}".utf8) }
      }
      row = []
    }
    for part in parts {
      if part.count == 6, part.starts(with: Array("<0x".utf8)), part[5] == UInt8(ascii: ">"),
        let byte = UInt8(String(decoding: part[3..<5], as: UTF8.self), radix: 16)
      {
        row.append(byte)
      } else {
        flush()
        result.append(part)
      }
    }
    flush()
    return result
  }

  /// What WordPiece's decoder closes, in its order.
  private static let contractions: [([UInt8], [UInt8])] = [
    (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"),
    (" 'm", "'m"), (" do not", " don't"), (" 's", "'s"), (" 've", "'ve"), (" 're", "'re"),
  ].map { (Array($0.0.utf8), Array($0.1.utf8)) }

  private static func replacing(
    _ pattern: [UInt8], with replacement: [UInt8], in bytes: [UInt8]
  ) -> [UInt8] {
    if pattern.isEmpty { return bytes }
    var (result, index): ([UInt8], Int) = ([], 0)
    while index < bytes.count {
      if bytes[index...].starts(with: pattern) {
        result += replacement
        index += pattern.count
      } else {
        result.append(bytes[index])
        index += 1
      }
    }
    return result
  }
}

extension Tokenizer {
  /// The text that `tokens` stand for, by the file's decoder, or where it names none by what made them.
  public func text(of tokens: [String]) -> String {
    (decoder ?? TokenDecoder(steps: usualDecoding)).text(tokens)
  }

  private var usualDecoding: [TokenDecoder.Step] {
    switch pipeline.model {
    case .wordPiece(let model):
      return [.wordPiece(prefix: Array(model.continuingPrefix.utf8), cleansUp: true)]
    case .bytePair(let model) where model.byteCharacters != nil: return [.byteLevel]
    case .bytePair, .unigram:
      for case .metaspace(let metaspace) in pipeline.preTokenizers {
        return [.metaspace(mark: metaspace.mark, dropsFirst: metaspace.scheme != .never)]
      }
      return []
    }
  }
}
