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

  /// Appends the tokens of `text[word]`, which is not empty.
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
}
