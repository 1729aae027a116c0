import Foundation
import Tokenization

/// Makes spans of the labels of tokens, as `TokenClassificationPipeline` of `transformers` does.
struct EntityAggregation {
  /// Which token decides for a word.
  enum Strategy: String, CaseIterable {
    /// Each token has its own label.
    case none
    /// As `none`, and tokens of one label one behind the other are a span.
    case simple
    /// The word's first token.
    case first
    /// The mean over the word's tokens.
    case average
    /// The word's surest token.
    case max
  }

  let strategy: Strategy
  let labels: [String]
  let tokenizer: Tokenizer
  let text: CodePoints

  /// One token, or one word of several.
  private struct Piece {
    var word: String
    var probabilities: [Float]
    var range: Range<Int>
    var continuesWord: Bool
    var label = 0
    var score: Float = 0
  }

  /// The spans of some windows over the text, without those of labels that `ignored` names.
  func spans(
    _ windows: [(output: SequenceOutput, encoding: Encoding)], ignoring ignored: [String]
  ) -> [TextSpan] {
    var spans: [TextSpan] = []
    for (output, encoding) in windows {
      spans += groups(words(pieces(output, encoding))).filter { span in
        !ignored.contains { $0.utf8.elementsEqual((span.label ?? "").utf8) }
      }
    }
    return windows.count > 1 ? Self.merged(spans) : spans
  }

  private func pieces(_ output: SequenceOutput, _ encoding: Encoding) -> [Piece] {
    let hasPrefix = !tokenizer.continuingPrefix.isEmpty
    var pieces: [Piece] = []
    for (row, (id, origin)) in zip(encoding.ids, encoding.origins).enumerated()
    where origin.sequence != nil {
      let range = origin.range
      var word = tokenizer.token(for: id) ?? ""
      var continues =
        hasPrefix
        ? word.unicodeScalars.count != range.count
        : range.lowerBound > 0 && !text.hasSpace(range.lowerBound - 1..<range.lowerBound + 1)
      if id == tokenizer.specialTokens.unknown { (word, continues) = (text[range], false) }
      pieces.append(
        Piece(
          word: word, probabilities: HeadFunction.softmax(Array(output.row(row))), range: range,
          continuesWord: continues))
    }
    return pieces
  }

  /// Each token with its label, or each word with the one that the strategy gives it.
  private func words(_ pieces: [Piece]) -> [Piece] {
    func labelled(_ piece: Piece) -> Piece {
      var piece = piece
      piece.label = HeadFunction.top(piece.probabilities)
      piece.score = piece.probabilities[piece.label]
      return piece
    }
    if strategy == .none || strategy == .simple { return pieces.map(labelled) }
    var words: [[Piece]] = []
    for piece in pieces {
      if piece.continuesWord && !words.isEmpty {
        words[words.count - 1].append(piece)
      } else {
        words.append([piece])
      }
    }
    return words.map { word in
      var whole = word[0]
      switch strategy {
      case .max:
        var top: Float = -1
        for piece in word where (piece.probabilities.max() ?? 0) > top {
          (top, whole.probabilities) = (piece.probabilities.max() ?? 0, piece.probabilities)
        }
      case .average:
        for column in whole.probabilities.indices {
          let sum = word.reduce(0.0) { $0 + Double($1.probabilities[column]) }
          whole.probabilities[column] = Float(sum / Double(word.count))
        }
      case .none, .simple, .first: break
      }
      whole.word = tokenizer.text(of: word.map(\.word))
      whole.range = Self.whole(word)
      return labelled(whole)
    }
  }

  private static func whole(_ pieces: [Piece]) -> Range<Int> {
    let start = pieces.first?.range.lowerBound ?? 0
    return start..<Swift.max(start, pieces.last?.range.upperBound ?? start)
  }

  /// Neighbours of one label as spans; `B-` begins a new one.
  private func groups(_ pieces: [Piece]) -> [TextSpan] {
    var groups: [[Piece]] = []
    for piece in pieces {
      let (begins, name) = Self.tag(labels[piece.label])
      if let last = groups.last?.last, !begins,
        Self.tag(labels[last.label]).name.elementsEqual(name)
      {
        groups[groups.count - 1].append(piece)
      } else {
        groups.append([piece])
      }
    }
    return groups.map { group in
      let label = labels[group[0].label]
      let dash = label.utf8.firstIndex(of: UInt8(ascii: "-"))
      let range = Self.whole(group)
      let score = group.reduce(0.0) { $0 + Double($1.score) } / Double(group.count)
      return TextSpan(
        label: dash.map { String(label[label.utf8.index(after: $0)...]) } ?? label,
        text: text[range], word: tokenizer.text(of: group.map(\.word)), score: Float(score),
        range: range)
    }
  }

  private static func tag(_ label: String) -> (begins: Bool, name: Substring.UTF8View) {
    for prefix in ["B-", "I-"] where label.utf8.starts(with: prefix.utf8) {
      return (prefix == "B-", label[...].utf8.dropFirst(2))
    }
    return (false, label[...].utf8)
  }

  /// Of spans of several windows that lie over one another, the longest; of those as long, the surest.
  private static func merged(_ spans: [TextSpan]) -> [TextSpan] {
    let sorted = spans.enumerated().sorted {
      ($0.element.range.lowerBound, $0.offset) < ($1.element.range.lowerBound, $1.offset)
    }.map(\.element)
    guard var last = sorted.first else { return [] }
    var merged: [TextSpan] = []
    for span in sorted {
      if last.range.contains(span.range.lowerBound) {
        if (span.range.count, span.score) > (last.range.count, last.score) { last = span }
      } else {
        merged.append(last)
        last = span
      }
    }
    return merged + [last]
  }
}
