import Tokenization
import Transformer

/// A record whose words are tokenised one by one, so that each word's first token is known.
public struct EncodedRecord: Sendable {
  /// What the model reads.
  public let encoding: Encoding
  /// For each word that fits, the place of its first token among the tokens between the frame.
  public let firstTokens: [Int]

  /// The words of `record`, each tokenised by itself.
  public init(words record: Record, model: TextModel) {
    let tokenizer = model.tokenizer
    let room = max(0, model.maximumTokens - tokenizer.framing([]).ids.count)
    var pieces: [Int32] = []
    var firstTokens: [Int] = []
    for (word, _) in record.words {
      let inner = tokenizer.encode(
        word, maximumLength: model.maximumTokens, addsSpecialTokens: false
      ).ids
      guard !inner.isEmpty, pieces.count + inner.count <= room else { break }
      firstTokens.append(pieces.count)
      pieces += inner
    }
    self.firstTokens = firstTokens
    let framed = tokenizer.framing(pieces)
    encoding = Encoding(
      ids: framed.ids, typeIDs: framed.typeIDs,
      isTruncated: firstTokens.count < record.words.count,
      unknownCount: pieces.count { $0 == tokenizer.specialTokens.unknown })
  }
}
