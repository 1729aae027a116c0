/// What makes tokens of a piece of text.
enum TokenModel: Sendable {
  case wordPiece(WordPieceModel)
  case bytePair(BytePairModel)
  case unigram(UnigramModel)

  /// Stands for what the vocabulary lacks; nil where a model leaves it out.
  var unknown: Int32? {
    switch self {
    case .wordPiece(let model): model.unknown
    case .bytePair(let model): model.unknown
    case .unigram(let model): model.unknown
    }
  }

  /// The token that `text[word]` is as a whole, whatever else the model would make of it; nil where there is none.
  @inline(__always)
  func wholeToken(
    _ text: Span<UInt8>, _ word: Range<Int>, _ vocabulary: Vocabulary
  ) -> Int32? {
    if case .bytePair(let model) = self {
      model.wholeToken(text, word, vocabulary)
    } else {
      nil
    }
  }

  /// Appends the tokens of `text[word]`, which is not empty and no `wholeToken`.
  func append(
    _ text: Span<UInt8>, _ word: Range<Int>, _ vocabulary: Vocabulary,
    _ scratch: inout ModelScratch,
    to output: inout [Int32]
  ) {
    scratch.steps += word.count
    switch self {
    case .wordPiece(let model): model.append(text, word, vocabulary, &scratch, to: &output)
    case .bytePair(let model): model.append(text, word, vocabulary, &scratch, to: &output)
    case .unigram(let model): model.append(text, word, vocabulary, &scratch, to: &output)
    }
  }

  /// Where words fall into parts; nil where they must stay whole.
  var borders: MergeBorders? {
    if case .bytePair(let model) = self { model.borders } else { nil }
  }
}
