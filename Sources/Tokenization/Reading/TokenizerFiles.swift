import Foundation
import JSON

extension Tokenizer {
  /// Reads the tokenizer in `directory`: `tokenizer.json`, or where that is missing `vocab.json` with
  /// `merges.txt` (RoBERTa), or `vocab.txt` (BERT; `do_lower_case` from `tokenizer_config.json`).
  ///
  /// - Throws: `TokenizationError` naming the file.
  public static func load(directory: String) throws -> Tokenizer {
    let json = directory + "/tokenizer.json"
    if let bytes = contents(json) {
      return try TokenizerReader(document: TokenizerDocument(bytes, path: json))
        .read(sources: sources(directory, "tokenizer.json"))
    }
    if let vocabulary = contents(directory + "/vocab.json"),
      let merges = contents(directory + "/merges.txt")
    {
      return try roberta(directory, vocabulary, merges)
    }
    return try wordPiece(directory)
  }

  /// The tokenizer that a `tokenizer.json` describes; messages call it `path`.
  ///
  /// - Throws: `TokenizationError` naming what is wrong or not supported.
  public static func parse(
    _ bytes: [UInt8], path: String = "tokenizer.json"
  ) throws -> Tokenizer {
    try TokenizerReader(document: TokenizerDocument(bytes, path: path)).read(sources: [])
  }

  /// Whether `load` reads the same bytes in both directories.
  package static func hasSameFiles(_ directory: String, as other: String) -> Bool {
    func mapped(_ directory: String, _ name: String) -> Data? {
      try? Data(contentsOf: URL(fileURLWithPath: directory + "/" + name), options: .alwaysMapped)
    }
    if let own = mapped(directory, "tokenizer.json") {
      return own == mapped(other, "tokenizer.json")
    }
    return ["tokenizer.json", "vocab.json", "merges.txt", "vocab.txt", "tokenizer_config.json"]
      .allSatisfy { mapped(directory, $0) == mapped(other, $0) }
  }

  private static func contents(_ path: String) -> [UInt8]? {
    FileManager.default.contents(atPath: path).map { [UInt8]($0) }
  }

  private static func sources(_ directory: String, _ names: String...) -> [String] {
    (names + ["tokenizer_config.json", "special_tokens_map.json"])
      .map { directory + "/" + $0 }.filter { FileManager.default.fileExists(atPath: $0) }
  }

  private static func settings(_ directory: String) -> JSONValue? {
    contents(directory + "/tokenizer_config.json").flatMap { try? JSONValue(parsing: $0) }
  }

  private static func wordPiece(_ directory: String) throws -> Tokenizer {
    let list = directory + "/vocab.txt"
    guard let bytes = contents(list) else {
      for name in ["sentencepiece.bpe.model", "spiece.model", "tokenizer.model"]
      where FileManager.default.fileExists(atPath: directory + "/" + name) {
        throw TokenizationError.unsupported(
          path: directory + "/" + name, what: "a SentencePiece model without tokenizer.json",
          supported:
            "tokenizer.json, which AutoTokenizer.from_pretrained(DIR).save_pretrained(DIR) "
            + "writes; vocab.json with merges.txt; vocab.txt")
      }
      throw TokenizationError.noTokenizer(directory: directory)
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw TokenizationError.malformed(path: list, problem: "not UTF-8")
    }
    var tokens = text.utf8.split(separator: 0x0A, omittingEmptySubsequences: false).map {
      String(Substring($0.last == 0x0D ? $0.dropLast() : $0))
    }
    if tokens.last == "" { tokens.removeLast() }
    return try Tokenizer(
      vocabulary: tokens, lowercase: settings(directory)?["do_lower_case"]?.boolValue ?? true,
      path: list, sources: sources(directory, "vocab.txt"))
  }

  /// RoBERTa as `transformers` builds it of the two lists.
  private static func roberta(
    _ directory: String, _ vocabulary: [UInt8], _ merges: [UInt8]
  ) throws -> Tokenizer {
    let path = directory + "/vocab.json"
    let head = Array(#"{"model":{"type":"BPE","unk_token":"<unk>","vocab":"#.utf8)
    let document = try TokenizerDocument(head + vocabulary + Array("}}".utf8), path: path)
    let tokens = try document.vocabularyByToken()
    func id(_ token: String) throws -> Int32 {
      let id = tokens.id(token)
      guard id >= 0 else { throw TokenizationError.missingToken(path: path, token: token) }
      return id
    }
    var model = BytePairModel()
    model.unknown = try id("<unk>")
    model.byteCharacters = ByteLevel.characters.map { scalar in
      var token: [UInt8] = []
      token.append(scalar: scalar)
      return tokens.id(token.span)
    }
    for line in merges.split(whereSeparator: { $0 == 0x0A || $0 == 0x0D }) {
      if line.starts(with: Array("#version".utf8)) { continue }
      let parts = line.split(separator: 0x20)
      guard parts.count == 2 else {
        throw TokenizationError.malformed(
          path: directory + "/merges.txt", problem: "a line is not two tokens with a space between")
      }
      try MergeList.append(
        Array(parts[0]), Array(parts[1]), to: &model, tokens, path: directory + "/merges.txt")
    }
    let added = try ["<s>", "<pad>", "</s>", "<unk>", "<mask>"].map { token in
      AddedToken(content: token, id: try id(token), stripsLeft: token == "<mask>")
    }
    let level = ByteLevel(
      addsPrefixSpace: settings(directory)?["add_prefix_space"]?.boolValue ?? false,
      usesExpression: true, keepsBytes: true)
    return Tokenizer(
      Pipeline(
        normalizers: [], preTokenizers: [.byteLevel(level)], model: .bytePair(model),
        vocabulary: tokens, addedTokens: added),
      postProcessor: .roberta(classification: try id("<s>"), separator: try id("</s>")),
      addedTokens: added, sources: sources(directory, "vocab.json", "merges.txt"))
  }

  /// A WordPiece tokenizer with BERT's normalisation over `vocabulary`, whose index is the id.
  ///
  /// - Throws: `TokenizationError` where a special token is missing.
  public convenience init(vocabulary: [String], lowercase: Bool) throws {
    try self.init(vocabulary: vocabulary, lowercase: lowercase, path: "the vocabulary", sources: [])
  }

  private convenience init(
    vocabulary list: [String], lowercase: Bool, path: String, sources: [String]
  ) throws {
    var vocabulary = Vocabulary(tokens: list.count)
    for (id, token) in list.enumerated() {
      // Of a token that stands twice the later line counts, as in transformers.
      _ = vocabulary.insert(Array(token.utf8)[...], id: id, repeated: .replaced)
    }
    func id(_ token: String) throws -> Int32 {
      let id = vocabulary.id(token)
      guard id >= 0 else { throw TokenizationError.missingToken(path: path, token: token) }
      return id
    }
    let model = WordPieceModel(unknown: try id("[UNK]"))
    let added = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"].compactMap { token in
      vocabulary.id(token) < 0 ? nil : AddedToken(content: token, id: vocabulary.id(token))
    }
    var normalizer = BertNormalizer()
    normalizer.lowercases = lowercase
    self.init(
      Pipeline(
        normalizers: [.bert(normalizer)], preTokenizers: [.bert], model: .wordPiece(model),
        vocabulary: vocabulary, addedTokens: added),
      postProcessor: .bert(classification: try id("[CLS]"), separator: try id("[SEP]")),
      addedTokens: added, sources: sources)
  }
}
