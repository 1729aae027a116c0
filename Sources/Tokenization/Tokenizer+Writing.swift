import Files
import Foundation
import JSON

extension Tokenizer {
  /// Writes `tokenizer.json`, `vocab.txt` and `tokenizer_config.json`, which Hugging Face's `tokenizers` and
  /// `AutoTokenizer` read. A tokenizer that was read from a directory is copied, file by file.
  ///
  /// - Throws: `FileError`, or `TokenizationError.unreadable` for a file to be copied.
  public func write(to directory: String) throws {
    try Folder.make(directory)
    for (name, bytes) in try files() { try OutputFile.write(bytes, to: "\(directory)/\(name)") }
  }

  private func files() throws -> [(String, [UInt8])] {
    var files: [(String, [UInt8])] = []
    if let learned = LearnedTokenizer(self) {
      files.append(("vocab.txt", Array((learned.tokens.joined(separator: "\n") + "\n").utf8)))
      if sources.isEmpty {
        files.append(("tokenizer.json", learned.json.serializedBytes(pretty: true)))
        files.append(("tokenizer_config.json", learned.settings.serializedBytes(pretty: true)))
      }
    }
    if let document {
      files.append(("tokenizer.json", document.serializedBytes(pretty: true)))
      files.append(
        ("tokenizer_config.json", LearnedPairs.settings.serializedBytes(pretty: true)))
    }
    return try files
      + sources.map { path in
        guard let data = FileManager.default.contents(atPath: path) else {
          throw TokenizationError.unreadable(path: path, reason: "cannot be read again")
        }
        return (URL(fileURLWithPath: path).lastPathComponent, [UInt8](data))
      }
  }

  /// The content of `tokenizer.json` of a tokenizer that was learned; null for any other.
  public var json: JSONValue { document ?? LearnedTokenizer(self)?.json ?? .null }

  /// Byte-pair encoding with BERT's normalisation and `[CLS] A [SEP]`, read back from the document that
  /// `write` would write.
  ///
  /// - Throws: `TokenizationError` where a special token is missing.
  convenience init(
    learned tokens: [String], merges: [(left: String, right: String)], normalizer: BertNormalizer
  ) throws {
    let document = LearnedPairs(tokens: tokens, merges: merges, normalizer: normalizer).json
    let read = try Tokenizer.parse(document.serializedBytes())
    self.init(
      read.pipeline, postProcessor: read.postProcessor, addedTokens: read.addedTokens,
      document: document)
  }
}

/// The parts of `tokenizer.json` that are the same for every learned tokenizer.
private enum LearnedLayout {
  static func vocabulary(_ tokens: [String]) -> JSONValue {
    var vocabulary = JSONObject()
    for (id, token) in tokens.enumerated() { vocabulary[token] = JSONValue(id) }
    return .object(vocabulary)
  }

  static func normalizer(_ normalizer: BertNormalizer) -> JSONValue {
    [
      "type": "BertNormalizer", "clean_text": JSONValue(normalizer.cleansText),
      "handle_chinese_chars": JSONValue(normalizer.separatesIdeographs),
      "strip_accents": normalizer.stripsAccents.map { JSONValue($0) } ?? .null,
      "lowercase": JSONValue(normalizer.lowercases),
    ]
  }

  static func postProcessor(classification: Int, separator: Int) -> JSONValue {
    func piece(_ name: String, _ type: Int) -> JSONValue {
      ["SpecialToken": ["id": .string(name), "type_id": JSONValue(type)]]
    }
    func sequence(_ name: String, _ type: Int) -> JSONValue {
      ["Sequence": ["id": .string(name), "type_id": JSONValue(type)]]
    }
    func role(_ name: String, _ id: Int) -> JSONValue {
      ["id": .string(name), "ids": [JSONValue(id)], "tokens": [.string(name)]]
    }
    return [
      "type": "TemplateProcessing",
      "single": [piece("[CLS]", 0), sequence("A", 0), piece("[SEP]", 0)],
      "pair": [
        piece("[CLS]", 0), sequence("A", 0), piece("[SEP]", 0), sequence("B", 1),
        piece("[SEP]", 1),
      ],
      "special_tokens": [
        "[CLS]": role("[CLS]", classification), "[SEP]": role("[SEP]", separator),
      ],
    ]
  }
}

/// A tokenizer of learned merges, as `tokenizer.json` has it.
private struct LearnedPairs {
  let tokens: [String]
  let merges: [(left: String, right: String)]
  let normalizer: BertNormalizer

  /// The content of `tokenizer_config.json`: transformers is to take `tokenizer.json` as it stands.
  static let settings: JSONValue = [
    "tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "[UNK]", "cls_token": "[CLS]",
    "sep_token": "[SEP]", "pad_token": "[PAD]", "mask_token": "[MASK]",
  ]

  var json: JSONValue {
    let special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    func id(_ token: String) -> Int { tokens.firstIndex(of: token) ?? 0 }
    return [
      "version": "1.0", "truncation": nil, "padding": nil,
      "added_tokens": .array(
        special.map { token in
          [
            "id": JSONValue(id(token)), "content": .string(token), "single_word": false,
            "lstrip": false, "rstrip": false, "normalized": false, "special": true,
          ]
        }),
      "normalizer": LearnedLayout.normalizer(normalizer),
      "pre_tokenizer": ["type": "BertPreTokenizer"],
      "post_processor": LearnedLayout.postProcessor(
        classification: id("[CLS]"), separator: id("[SEP]")),
      "decoder": ["type": "Fuse"],
      "model": [
        "type": "BPE", "dropout": nil, "unk_token": "[UNK]", "continuing_subword_prefix": nil,
        "end_of_word_suffix": nil, "fuse_unk": false, "byte_fallback": false,
        "ignore_merges": false, "vocab": LearnedLayout.vocabulary(tokens),
        "merges": .array(merges.map { [.string($0.left), .string($0.right)] }),
      ],
    ]
  }
}

/// A tokenizer of the one layout that Martlet learns: BERT's normalisation, WordPiece, `[CLS] A [SEP]`.
private struct LearnedTokenizer {
  let tokens: [String]
  private let normalizer: BertNormalizer
  private let model: WordPieceModel
  private let addedTokens: [AddedToken]
  private let special: Tokenizer.SpecialTokens

  init?(_ tokenizer: Tokenizer) {
    guard case .bert(let normalizer)? = tokenizer.pipeline.normalizers.first,
      case .bert? = tokenizer.pipeline.preTokenizers.first,
      tokenizer.pipeline.normalizers.count == 1, tokenizer.pipeline.preTokenizers.count == 1,
      case .wordPiece(let model) = tokenizer.pipeline.model
    else { return nil }
    tokens = (0..<tokenizer.pipeline.vocabulary.count).map {
      tokenizer.pipeline.vocabulary.text($0) ?? ""
    }
    self.normalizer = normalizer
    self.model = model
    addedTokens = tokenizer.addedTokens
    special = tokenizer.specialTokens
  }

  private var unknown: JSONValue { .string(tokens[Int(model.unknown)]) }

  /// The content of `tokenizer_config.json`.
  var settings: JSONValue {
    var settings: JSONObject = [
      "tokenizer_class": "BertTokenizer", "do_lower_case": JSONValue(normalizer.lowercases),
      "unk_token": unknown, "cls_token": "[CLS]", "sep_token": "[SEP]",
    ]
    if special.padding != nil { settings["pad_token"] = "[PAD]" }
    if special.mask != nil { settings["mask_token"] = "[MASK]" }
    return .object(settings)
  }

  /// The content of `tokenizer.json`.
  var json: JSONValue {
    return [
      "version": "1.0", "truncation": nil, "padding": nil,
      "added_tokens": .array(
        addedTokens.sorted { $0.id < $1.id }.map { token in
          [
            "id": JSONValue(Int(token.id)), "content": .string(token.content),
            "single_word": JSONValue(token.isSingleWord), "lstrip": JSONValue(token.stripsLeft),
            "rstrip": JSONValue(token.stripsRight), "normalized": JSONValue(token.isNormalized),
            "special": JSONValue(token.isSpecial),
          ]
        }),
      "normalizer": LearnedLayout.normalizer(normalizer),
      "pre_tokenizer": ["type": "BertPreTokenizer"],
      "post_processor": LearnedLayout.postProcessor(
        classification: Int(special.classification ?? 0), separator: Int(special.separator ?? 0)),
      "decoder": ["type": "WordPiece", "prefix": .string(model.continuingPrefix), "cleanup": true],
      "model": [
        "type": "WordPiece", "unk_token": unknown,
        "continuing_subword_prefix": .string(model.continuingPrefix),
        "max_input_chars_per_word": JSONValue(model.longestWord),
        "vocab": LearnedLayout.vocabulary(tokens),
      ],
    ]
  }
}
