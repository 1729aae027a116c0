import Foundation
import JSON

extension Tokenizer {
  /// Reads the tokenizer in `directory`: `tokenizer.json`, or where that is missing `vocab.json` with
  /// `source.spm` (Marian) or `merges.txt` (RoBERTa), or `vocab.txt` (BERT; `do_lower_case` from `tokenizer_config.json`).
  ///
  /// - Throws: `TokenizationError` naming the file.
  public static func load(directory: String) throws -> Tokenizer {
    let json = directory + "/tokenizer.json"
    if let bytes = contents(json) {
      if className(settings(directory)) == "RoFormerTokenizer" {
        // Its tokenizer.json says BERT's pre-tokenizer, and transformers puts jieba in its place.
        throw TokenizationError.unsupported(
          path: directory + "/tokenizer_config.json",
          what: "RoFormerTokenizer, which cuts Chinese into words with jieba,",
          supported: "what tokenizer.json alone describes")
      }
      return try read(bytes, path: json, sources: sources(directory, "tokenizer.json"))
    }
    if let vocabulary = contents(directory + "/vocab.json"),
      let source = contents(directory + "/source.spm")
    {
      return try marian(
        directory, vocabulary: vocabulary, source: source,
        sources: sources(directory, "vocab.json", "source.spm", "target.spm"))
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
    try read(bytes, path: path, sources: [])
  }

  private static func read(
    _ bytes: [UInt8], path: String, sources: [String]
  ) throws -> Tokenizer {
    var reader = TokenizerReader(document: try TokenizerDocument(bytes, path: path))
    return try reader.read(sources: sources)
  }

  /// Whether `load` reads the same bytes in both directories.
  package static func hasSameFiles(_ directory: String, as other: String) -> Bool {
    func mapped(_ directory: String, _ name: String) -> Data? {
      try? Data(contentsOf: URL(fileURLWithPath: directory + "/" + name), options: .alwaysMapped)
    }
    if let own = mapped(directory, "tokenizer.json") {
      return own == mapped(other, "tokenizer.json")
    }
    return [
      "tokenizer.json", "vocab.json", "merges.txt", "source.spm", "vocab.txt",
      "tokenizer_config.json",
    ]
    .allSatisfy { mapped(directory, $0) == mapped(other, $0) }
  }

  private static func contents(_ path: String) -> [UInt8]? {
    FileManager.default.contents(atPath: path).map { [UInt8]($0) }
  }

  private static func sources(_ directory: String, _ names: String...) -> [String] {
    (names + ["tokenizer_config.json", "special_tokens_map.json"])
      .map { directory + "/" + $0 }.filter { FileManager.default.fileExists(atPath: $0) }
  }

  /// How to make the file that is always read.
  static let mend =
    "tokenizer.json, which AutoTokenizer.from_pretrained(DIR).save_pretrained(DIR) writes"

  private static func settings(_ directory: String) -> JSONValue? {
    contents(directory + "/tokenizer_config.json").flatMap { try? JSONValue(parsing: $0) }
  }

  private static func wordPiece(_ directory: String) throws -> Tokenizer {
    let list = directory + "/vocab.txt"
    guard let bytes = contents(list) else {
      for name in ["sentencepiece.bpe.model", "spiece.model", "spm.model", "tokenizer.model"]
      where FileManager.default.fileExists(atPath: directory + "/" + name) {
        throw TokenizationError.unsupported(
          path: directory + "/" + name, what: "a SentencePiece model without tokenizer.json",
          supported: "\(mend); vocab.json with merges.txt; vocab.txt")
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
    return try listed(
      tokens, settings: settings(directory), path: list, sources: sources(directory, "vocab.txt"))
  }

  /// Classes whose two lists are read.
  private static let likeRoBERTa: Set = [
    "RobertaTokenizer", "LongformerTokenizer", "BartTokenizer", "LEDTokenizer",
    "PreTrainedTokenizer",
  ]

  /// RoBERTa as `transformers` builds it of the two lists.
  private static func roberta(
    _ directory: String, _ vocabulary: [UInt8], _ merges: [UInt8]
  ) throws -> Tokenizer {
    let path = directory + "/vocab.json"
    let settings = settings(directory)
    if let name = className(settings), !likeRoBERTa.contains(name) {
      throw TokenizationError.unsupported(
        path: path, what: "a vocab.json of \(name) without tokenizer.json",
        supported: "vocab.json with merges.txt of RobertaTokenizer and its kin, and \(mend)")
    }
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
    model.byteCharacters = ByteLevel.tokens(tokens)
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
    model.findBorders(tokens)
    let added = try ["<s>", "<pad>", "</s>", "<unk>", "<mask>"].map { token in
      AddedToken(content: token, id: try id(token), stripsLeft: token == "<mask>")
    }
    let level = ByteLevel(
      addsPrefixSpace: settings?["add_prefix_space"]?.boolValue ?? false,
      pattern: .expression(try ExpressionAutomaton(ByteLevel.expression)), keepsBytes: true)
    var processor = PostProcessor.roberta(
      classification: try id("<s>"), separator: try id("</s>"))
    processor.trimmings = [PostProcessor.Trimming(addsPrefixSpace: level.addsPrefixSpace)]
    return Tokenizer(
      Pipeline(
        normalizers: [], preTokenizers: [.byteLevel(level)], model: .bytePair(model),
        vocabulary: tokens, addedTokens: added),
      postProcessor: processor,
      addedTokens: added, sources: sources(directory, "vocab.json", "merges.txt"))
  }

  /// A WordPiece tokenizer with BERT's normalisation over `vocabulary`, whose index is the id.
  ///
  /// - Throws: `TokenizationError` where a special token is missing.
  public static func wordPiece(vocabulary: [String], lowercase: Bool) throws -> Tokenizer {
    try bert(
      vocabulary, .bert, settings: ["do_lower_case": .bool(lowercase)], path: "the vocabulary",
      sources: [])
  }
}
