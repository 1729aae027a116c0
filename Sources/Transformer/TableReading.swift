import Tokenization

/// How a table without layers reads texts: without special tokens, and as model2vec does where its files say.
struct TableReading: Sendable {
  private let unknown: Int32?
  /// Code points of a text that are read; nil for all.
  private let characters: Int?

  /// As `reading` says, of texts that `tokenizer` takes apart.
  init(_ reading: StaticTable.Reading, _ tokenizer: Tokenizer) {
    unknown = reading.dropsUnknown ? tokenizer.specialTokens.unknown : nil
    characters = reading.cutTokens.map { tokens in
      let lengths = (0..<Int32(tokenizer.vocabularySize)).compactMap { id in
        tokenizer.token(for: id)?.unicodeScalars.count
      }.sorted()
      if lengths.isEmpty { return .max }
      let middle = lengths.count / 2
      let median =
        lengths.count % 2 == 1 ? lengths[middle] : (lengths[middle - 1] + lengths[middle]) / 2
      return tokens * median
    }
  }

  /// The tokens of `text`, `maximum` at most.
  func encode(_ text: String, by tokenizer: Tokenizer, maximum: Int) -> Encoding {
    var (read, isCut) = (text, false)
    if let characters,
      let end = text.unicodeScalars.index(
        text.startIndex, offsetBy: characters, limitedBy: text.endIndex)
    {
      isCut = end < text.endIndex
      read = String(text.unicodeScalars[..<end])
    }
    var encoding = tokenizer.encode(read, maximumLength: maximum, addsSpecialTokens: false)
    encoding.isTruncated = encoding.isTruncated || isCut
    guard let unknown, encoding.ids.contains(unknown) else { return encoding }
    let kept = encoding.ids.indices.filter { encoding.ids[$0] != unknown }
    encoding.ids = kept.map { encoding.ids[$0] }
    encoding.typeIDs = kept.map { encoding.typeIDs[$0] }
    return encoding
  }
}
