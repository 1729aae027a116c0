import JSON

// Tokenizers of a list of tokens, one a line, as `transformers` builds them by the class that
// `tokenizer_config.json` names.
extension Tokenizer {
  /// Classes that are BERT's in all but their name.
  private static let likeBERT: Set = [
    "BertTokenizer", "DistilBertTokenizer", "ElectraTokenizer",
    "ConvBertTokenizer", "MobileBertTokenizer", "SqueezeBertTokenizer", "LayoutLMTokenizer",
    "RetriBertTokenizer", "LxmertTokenizer", "DPRQuestionEncoderTokenizer",
    "DPRContextEncoderTokenizer", "NomicBertTokenizer", "PreTrainedTokenizer",
  ]

  /// - Parameter settings: what `tokenizer_config.json` says.
  /// - Throws: `TokenizationError`, which names the class where it is not supported.
  static func listed(
    _ tokens: [String], settings: JSONValue?, path: String, sources: [String]
  ) throws -> Tokenizer {
    switch className(settings) {
    case "EsmTokenizer": return try esm(tokens, path: path, sources: sources)
    case "MPNetTokenizer":
      return try bert(tokens, .mpnet, settings: settings, path: path, sources: sources)
    case let name where name == nil || likeBERT.contains(name ?? ""):
      return try bert(tokens, .bert, settings: settings, path: path, sources: sources)
    case let name:
      throw TokenizationError.unsupported(
        path: path, what: "a vocab.txt of \(name ?? "") without tokenizer.json",
        supported:
          "vocab.txt of BertTokenizer and its kin, MPNetTokenizer and EsmTokenizer, and \(mend) "
          + "for most classes")
    }
  }

  /// The class of `transformers` that a model names; `Fast` behind it says nothing of its tokens.
  static func className(_ settings: JSONValue?) -> String? {
    guard let name = settings?["tokenizer_class"]?.stringValue else { return nil }
    return name.hasSuffix("Fast") ? String(name.dropLast(4)) : name
  }

  /// What BERT's kin call the tokens that have a role.
  struct RoleNames {
    var classification: String
    var separator: String
    var padding: String
    var mask: String

    static var bert: RoleNames {
      RoleNames(
        classification: "[CLS]", separator: "[SEP]", padding: "[PAD]", mask: "[MASK]")
    }
    static var mpnet: RoleNames {
      RoleNames(classification: "<s>", separator: "</s>", padding: "<pad>", mask: "<mask>")
    }
  }

  private static func vocabulary(_ tokens: [String]) -> Vocabulary {
    var vocabulary = Vocabulary(tokens: tokens.count)
    for (id, token) in tokens.enumerated() {
      // Of a token that stands twice the later line counts, as in transformers.
      _ = vocabulary.insert(Array(token.utf8)[...], id: id, repeated: .replaced)
    }
    return vocabulary
  }

  private static func id(
    _ token: String, _ vocabulary: Vocabulary, path: String
  ) throws -> Int32 {
    let id = vocabulary.id(token)
    guard id >= 0 else { throw TokenizationError.missingToken(path: path, token: token) }
    return id
  }

  /// WordPiece behind BERT's normalisation.
  static func bert(
    _ tokens: [String], _ names: RoleNames, settings: JSONValue?, path: String, sources: [String]
  ) throws -> Tokenizer {
    let vocabulary = vocabulary(tokens)
    let isMPNet = names.classification == "<s>"
    let added = ["[UNK]", names.classification, names.separator, names.padding, names.mask]
      .compactMap { token in
        vocabulary.id(token) < 0
          ? nil
          : AddedToken(
            content: token, id: vocabulary.id(token), stripsLeft: isMPNet && token == names.mask)
      }
    let model = WordPieceModel(unknown: try id("[UNK]", vocabulary, path: path))
    let normalizer = BertNormalizer(
      separatesIdeographs: settings?["tokenize_chinese_chars"]?.boolValue ?? true,
      stripsAccents: settings?["strip_accents"]?.boolValue,
      lowercases: settings?["do_lower_case"]?.boolValue ?? true)
    let classification = try id(names.classification, vocabulary, path: path)
    let separator = try id(names.separator, vocabulary, path: path)
    return Tokenizer(
      Pipeline(
        normalizers: [.bert(normalizer)], preTokenizers: [.bert], model: .wordPiece(model),
        vocabulary: vocabulary, addedTokens: added),
      postProcessor: isMPNet
        ? .roberta(classification: classification, separator: separator)
        : .bert(classification: classification, separator: separator),
      addedTokens: added, sources: sources)
  }

  /// ESM (Lin et al., 2023): a token for each amino acid, and one for what stands between white space and is none.
  private static func esm(
    _ tokens: [String], path: String, sources: [String]
  ) throws -> Tokenizer {
    let vocabulary = vocabulary(tokens)
    let unknown = try id("<unk>", vocabulary, path: path)
    let classification = try id("<cls>", vocabulary, path: path)
    let end = try id("<eos>", vocabulary, path: path)
    let special: Set = ["<unk>", "<cls>", "<eos>", "<pad>", "<mask>"]
    let added = tokens.enumerated().filter { $0.element.unicodeScalars.count > 1 }.map {
      AddedToken(
        content: $0.element, id: vocabulary.id($0.element), isSpecial: special.contains($0.element))
    }
    var model = BytePairModel()
    model.unknown = unknown
    model.fusesUnknown = true
    return Tokenizer(
      Pipeline(
        normalizers: [], preTokenizers: [.whitespaceSplit], model: .bytePair(model),
        vocabulary: vocabulary, addedTokens: added),
      postProcessor: PostProcessor(
        single: [
          .special([classification], type: 0), .sequence(0, type: 0), .special([end], type: 0),
        ],
        pair: [
          .special([classification], type: 0), .sequence(0, type: 0), .special([end], type: 0),
          .sequence(1, type: 0), .special([end], type: 0),
        ]),
      addedTokens: added, sources: sources)
  }
}
