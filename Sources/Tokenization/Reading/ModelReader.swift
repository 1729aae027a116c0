import JSON

/// Makes the model of what the member `model` of a `tokenizer.json` says.
struct ModelReader {
  let document: TokenizerDocument

  private var path: String { document.path }

  /// - Throws: `TokenizationError` naming the setting.
  func read() throws -> (TokenModel, Vocabulary) {
    // Old files do not name the type; the members tell.
    let named = document.model("type")?.stringValue
    let kind =
      named
      ?? (document.model("max_input_chars_per_word") != nil
        ? "WordPiece" : document.merges != nil ? "BPE" : "?")
    switch kind {
    case "WordPiece": return try wordPiece()
    case "BPE": return try bytePair()
    case "Unigram": return try unigram()
    default:
      throw TokenizationError.unsupported(
        path: path, what: "model type \"\(kind)\"", supported: "WordPiece, BPE, Unigram")
    }
  }

  private func wordPiece() throws -> (TokenModel, Vocabulary) {
    let vocabulary = try document.vocabularyByToken()
    let token = document.model("unk_token")?.stringValue ?? "[UNK]"
    let unknown = vocabulary.id(token)
    guard unknown >= 0 else { throw TokenizationError.missingToken(path: path, token: token) }
    let model = WordPieceModel(
      unknown: unknown,
      continuingPrefix: document.model("continuing_subword_prefix")?.stringValue ?? "##",
      longestWord: document.model("max_input_chars_per_word")?.intValue ?? 100)
    return (.wordPiece(model), vocabulary)
  }

  private func bytePair() throws -> (TokenModel, Vocabulary) {
    if let dropout = document.model("dropout")?.doubleValue, dropout != 0 {
      throw TokenizationError.unsupported(
        path: path, what: "model.dropout \(dropout), which makes tokens a matter of chance,",
        supported: "null and 0")
    }
    let vocabulary = try document.vocabularyByToken()
    var model = BytePairModel()
    if let token = document.model("unk_token")?.stringValue {
      model.unknown = vocabulary.id(token)
      guard vocabulary.id(token) >= 0 else {
        throw TokenizationError.missingToken(path: path, token: token)
      }
    }
    model.fusesUnknown = document.model("fuse_unk")?.boolValue ?? false
    model.ignoresMerges = document.model("ignore_merges")?.boolValue ?? false
    if document.model("byte_fallback")?.boolValue ?? false {
      model.byteTokens = Self.byteTokens(vocabulary)
    }
    model.continuingPrefix = Array(
      (document.model("continuing_subword_prefix")?.stringValue ?? "").utf8)
    model.wordSuffix = Array((document.model("end_of_word_suffix")?.stringValue ?? "").utf8)
    try document.readMerges(into: &model, vocabulary)
    return (.bytePair(model), vocabulary)
  }

  private func unigram() throws -> (TokenModel, Vocabulary) {
    let (vocabulary, scores) = try document.vocabularyWithScores()
    guard let unknown = document.model("unk_id")?.intValue, scores.indices.contains(unknown) else {
      throw TokenizationError.malformed(
        path: path, problem: "model.unk_id is missing or no id of the vocabulary")
    }
    let falls = document.model("byte_fallback")?.boolValue ?? false
    let model = UnigramModel(
      vocabulary: vocabulary, scores: scores, unknown: Int32(unknown),
      byteTokens: falls ? Self.byteTokens(vocabulary) : nil)
    return (.unigram(model), vocabulary)
  }

  /// The ids of `<0x00>` to `<0xFF>`, -1 for a missing one.
  private static func byteTokens(_ vocabulary: Vocabulary) -> [Int32] {
    (0..<256).map { (byte: Int) in
      let digits = String(byte, radix: 16, uppercase: true)
      return vocabulary.id("<0x\(digits.count < 2 ? "0" : "")\(digits)>")
    }
  }
}
