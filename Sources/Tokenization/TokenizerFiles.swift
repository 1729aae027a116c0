import Foundation
import JSON

extension Tokenizer {
  /// Reads `tokenizer.json` in `directory`, or `vocab.txt` (with `do_lower_case` from
  /// `tokenizer_config.json`) where that is missing.
  ///
  /// - Throws: `TokenizationError` naming the file.
  public static func load(directory: String) throws -> Tokenizer {
    let json = directory + "/tokenizer.json"
    if let data = FileManager.default.contents(atPath: json) {
      do {
        return try Tokenizer(json: JSONValue(parsing: data), path: json)
      } catch let error as JSONError {
        throw TokenizationError.malformed(
          path: json, problem: "not JSON: \(error.localizedDescription)")
      }
    }
    let list = directory + "/vocab.txt"
    guard let data = FileManager.default.contents(atPath: list) else {
      throw TokenizationError.noTokenizer(directory: directory)
    }
    guard let text = String(validating: data, as: UTF8.self) else {
      throw TokenizationError.malformed(path: list, problem: "not UTF-8")
    }
    var tokens = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    if tokens.last == "" { tokens.removeLast() }
    var lowercase = true
    if let data = FileManager.default.contents(atPath: directory + "/tokenizer_config.json"),
      let config = try? JSONValue(parsing: data)
    {
      lowercase = config["do_lower_case"]?.boolValue ?? true
    }
    return try Tokenizer(vocabulary: tokens, lowercase: lowercase, path: list)
  }

  /// The tokenizer that a `tokenizer.json` describes; messages call it `path`.
  public convenience init(json: JSONValue, path: String = "tokenizer.json") throws {
    let kind = json["model"]?["type"]?.stringValue
    guard kind == "WordPiece" || (kind == nil && json["model"]?["max_input_chars_per_word"] != nil)
    else {
      throw TokenizationError.unsupported(
        path: path, what: "model type \"\(kind ?? "?")\"", supported: "WordPiece")
    }
    try Self.check(json["normalizer"], "normalizer", ["BertNormalizer"], path)
    try Self.check(json["pre_tokenizer"], "pre_tokenizer", ["BertPreTokenizer"], path)
    try Self.check(
      json["post_processor"], "post_processor", ["TemplateProcessing", "BertProcessing"], path)
    var normalizer = BertNormalizer()
    let flags = json["normalizer"]
    normalizer.cleansText = flags?["clean_text"]?.boolValue ?? true
    normalizer.separatesIdeographs = flags?["handle_chinese_chars"]?.boolValue ?? true
    normalizer.stripsAccents = flags?["strip_accents"]?.boolValue
    normalizer.lowercases = flags?["lowercase"]?.boolValue ?? true

    let added = try Self.addedTokens(json, path)
    let vocabulary = try Self.vocabulary(json, added, path)
    let unknownToken = json["model"]?["unk_token"]?.stringValue ?? "[UNK]"
    guard let unknown = vocabulary.firstIndex(of: unknownToken) else {
      throw TokenizationError.missingToken(path: path, token: unknownToken)
    }
    let model = WordPieceModel(
      vocabulary: vocabulary, unknown: Int32(unknown),
      continuingPrefix: json["model"]?["continuing_subword_prefix"]?.stringValue ?? "##",
      longestWord: json["model"]?["max_input_chars_per_word"]?.intValue ?? 100)
    try self.init(normalizer: normalizer, model: model, addedTokens: added, path: path)
  }

  private static func check(
    _ part: JSONValue?, _ name: String, _ supported: [String], _ path: String
  ) throws {
    let kind = part?["type"]?.stringValue ?? "none"
    guard supported.contains(kind) else {
      throw TokenizationError.unsupported(
        path: path, what: "\(name) \"\(kind)\"", supported: supported.joined(separator: ", "))
    }
  }

  private static func addedTokens(
    _ json: JSONValue, _ path: String
  ) throws -> [(content: String, id: Int32)] {
    try (json["added_tokens"]?.arrayValue ?? []).map { token in
      guard let content = token["content"]?.stringValue, let id = token["id"]?.intValue,
        (0..<4_000_000).contains(id)
      else {
        throw TokenizationError.malformed(path: path, problem: "an added token lacks content or id")
      }
      return (content, Int32(id))
    }
  }

  private static func vocabulary(
    _ json: JSONValue, _ added: [(content: String, id: Int32)], _ path: String
  ) throws -> [String] {
    guard let object = json["model"]?["vocab"]?.objectValue else {
      throw TokenizationError.malformed(path: path, problem: "model.vocab is missing")
    }
    var tokens = [String?](repeating: nil, count: object.count)
    func put(_ token: String, _ id: Int?) throws {
      guard let id, id >= 0, id < object.count + added.count else {
        throw TokenizationError.malformed(
          path: path, problem: "the id of token \"\(token)\" is not below the vocabulary's size")
      }
      while tokens.count <= id { tokens.append(nil) }
      guard tokens[id] == nil || tokens[id] == token else {
        throw TokenizationError.malformed(path: path, problem: "two tokens have the id \(id)")
      }
      tokens[id] = token
    }
    for (token, id) in zip(object.keys, object.values) { try put(token, id.intValue) }
    for token in added { try put(token.content, Int(token.id)) }
    return try tokens.enumerated().map { id, token in
      guard let token else {
        throw TokenizationError.malformed(path: path, problem: "no token has the id \(id)")
      }
      return token
    }
  }

  /// Writes `tokenizer.json`, `vocab.txt` and `tokenizer_config.json`, which Hugging Face's
  /// `tokenizers` and `AutoTokenizer` read.
  public func write(to directory: String) throws {
    var config: JSONValue = [
      "tokenizer_class": "BertTokenizer", "do_lower_case": JSONValue(normalizer.lowercases),
      "unk_token": .string(model.vocabulary[Int(specialTokens.unknown)]), "cls_token": "[CLS]",
      "sep_token": "[SEP]",
    ]
    if case .object(var object) = config {
      if specialTokens.padding != nil { object["pad_token"] = "[PAD]" }
      if specialTokens.mask != nil { object["mask_token"] = "[MASK]" }
      config = .object(object)
    }
    let files: [(String, [UInt8])] = [
      ("tokenizer.json", json.serializedBytes(pretty: true)),
      ("vocab.txt", Array((model.vocabulary.joined(separator: "\n") + "\n").utf8)),
      ("tokenizer_config.json", config.serializedBytes(pretty: true)),
    ]
    do {
      try FileManager.default.createDirectory(
        atPath: directory, withIntermediateDirectories: true)
      for (name, bytes) in files {
        try Data(bytes).write(to: URL(fileURLWithPath: "\(directory)/\(name)"), options: .atomic)
      }
    } catch {
      throw TokenizationError.unreadable(
        path: directory, reason: "cannot be written (\(error.localizedDescription))")
    }
  }

  /// The content of `tokenizer.json`.
  public var json: JSONValue {
    let special = specialTokens
    var vocabulary = JSONObject()
    for (id, token) in model.vocabulary.enumerated() { vocabulary[token] = JSONValue(id) }
    func piece(_ name: String, _ type: Int) -> JSONValue {
      ["SpecialToken": ["id": .string(name), "type_id": JSONValue(type)]]
    }
    func sequence(_ name: String, _ type: Int) -> JSONValue {
      ["Sequence": ["id": .string(name), "type_id": JSONValue(type)]]
    }
    func role(_ name: String, _ id: Int32) -> JSONValue {
      ["id": .string(name), "ids": [JSONValue(Int(id))], "tokens": [.string(name)]]
    }
    return [
      "version": "1.0", "truncation": nil, "padding": nil,
      "added_tokens": .array(
        addedTokens.sorted { $0.id < $1.id }.map { token in
          [
            "id": JSONValue(Int(token.id)),
            "content": .string(String(decoding: token.content, as: UTF8.self)),
            "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
            "special": true,
          ]
        }),
      "normalizer": [
        "type": "BertNormalizer", "clean_text": JSONValue(normalizer.cleansText),
        "handle_chinese_chars": JSONValue(normalizer.separatesIdeographs),
        "strip_accents": normalizer.stripsAccents.map { JSONValue($0) } ?? .null,
        "lowercase": JSONValue(normalizer.lowercases),
      ],
      "pre_tokenizer": ["type": "BertPreTokenizer"],
      "post_processor": [
        "type": "TemplateProcessing",
        "single": [piece("[CLS]", 0), sequence("A", 0), piece("[SEP]", 0)],
        "pair": [
          piece("[CLS]", 0), sequence("A", 0), piece("[SEP]", 0), sequence("B", 1),
          piece("[SEP]", 1),
        ],
        "special_tokens": [
          "[CLS]": role("[CLS]", special.classification),
          "[SEP]": role("[SEP]", special.separator),
        ],
      ],
      "decoder": ["type": "WordPiece", "prefix": .string(model.continuingPrefix), "cleanup": true],
      "model": [
        "type": "WordPiece", "unk_token": .string(model.vocabulary[Int(special.unknown)]),
        "continuing_subword_prefix": .string(model.continuingPrefix),
        "max_input_chars_per_word": JSONValue(model.longestWord), "vocab": .object(vocabulary),
      ],
    ]
  }
}
