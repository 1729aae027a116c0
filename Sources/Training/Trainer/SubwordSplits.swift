import Tokenization

/// The pairs of tokens that make up each token of a vocabulary, so that training may see a word now whole and now in parts.
///
/// Subword regularisation teaches a small model what a word's parts have in common with it, which few rows
/// do not (Kudo, 2018). The segmentations are drawn from the finished tokens and not in the course of
/// merging as in BPE-dropout (Provilkov, Emelianenko and Voita, 2020) or of matching as in MaxMatch-Dropout
/// (Hiraoka, 2022), so that one rule serves all kinds of vocabulary and a row is tokenised but once.
public struct SubwordSplits: Sendable {
  /// Pairs of the token i are those from `starts[i]` up to `starts[i + 1]`.
  private var starts: [Int32] = [0]
  private var pairs: [(left: Int32, right: Int32)] = []

  /// No token can be split.
  public init() {}

  /// Every way to cut a token of `tokenizer` into two of its tokens. Special tokens have none.
  public init(_ tokenizer: Tokenizer) {
    let prefix = tokenizer.continuingPrefix
    for id in 0..<Int32(tokenizer.vocabularySize) {
      defer { starts.append(Int32(pairs.count)) }
      guard let token = tokenizer.token(for: id), !tokenizer.isAdded(id) else { continue }
      let start = !prefix.isEmpty && token.utf8.starts(with: prefix.utf8) ? prefix : ""
      let scalars = token.unicodeScalars.dropFirst(start.unicodeScalars.count)
      guard scalars.count > 1 else { continue }
      for cut in scalars.indices.dropFirst() {
        guard let left = tokenizer.id(for: start + String(scalars[..<cut])),
          let right = tokenizer.id(for: prefix + String(scalars[cut...]))
        else { continue }
        pairs.append((left, right))
      }
    }
  }

  /// Whether no token has parts.
  public var isEmpty: Bool { pairs.isEmpty }

  /// `ids`, of which each that has parts is split with probability `share`, and its parts again, as far as
  /// `limit` tokens allow.
  public func split(
    _ ids: [Int32], share: Double, limit: Int, using generator: inout SeededGenerator
  ) -> [Int32] {
    var result: [Int32] = []
    result.reserveCapacity(ids.count + ids.count / 4)
    // Rightmost last, so that the next token is always at the end.
    var waiting: [Int32] = []
    for (index, id) in ids.enumerated() {
      waiting.append(id)
      let later = ids.count - index - 1
      while let token = waiting.popLast() {
        let choices = self.choices(token)
        if !choices.isEmpty, result.count + waiting.count + later + 2 <= limit,
          generator.unit() < share
        {
          let pair = pairs[
            choices.lowerBound + Int(generator.next() % UInt64(choices.count))]
          waiting.append(pair.right)
          waiting.append(pair.left)
        } else {
          result.append(token)
        }
      }
    }
    return result
  }

  private func choices(_ token: Int32) -> Range<Int> {
    let index = Int(token)
    guard token >= 0, index + 1 < starts.count else { return 0..<0 }
    return Int(starts[index])..<Int(starts[index + 1])
  }
}
