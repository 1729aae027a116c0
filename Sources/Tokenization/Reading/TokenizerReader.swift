import JSON

/// Makes a tokenizer of what a `tokenizer.json` says. What is not supported is refused by name.
struct TokenizerReader {
  let document: TokenizerDocument
  /// How many regular expressions have been read.
  private var expressions = 0

  private static let mostExpressions = 16

  init(document: TokenizerDocument) { self.document = document }

  private var json: JSONValue { document.json }
  private var path: String { document.path }

  /// - Throws: `TokenizationError` naming the component.
  mutating func read(sources: [String]) throws -> Tokenizer {
    let normalizers = try normalizers(json["normalizer"])
    var preTokenizers = try preTokenizers(json["pre_tokenizer"])
    try checkGrowth(normalizers, preTokenizers)
    var (model, vocabulary) = try ModelReader(document: document).read()
    let added = try addedTokens(vocabulary)
    if case .bytePair(var bytePair) = model {
      if case .byteLevel(var level)? = preTokenizers.last, bytePair.hasPlainCharacters {
        bytePair.byteCharacters = ByteLevel.tokens(vocabulary)
        level.keepsBytes = true
        preTokenizers[preTokenizers.count - 1] = .byteLevel(level)
      }
      bytePair.findBorders(vocabulary)
      model = .bytePair(bytePair)
    }
    let pipeline = Pipeline(
      normalizers: normalizers, preTokenizers: preTokenizers, model: model, vocabulary: vocabulary,
      addedTokens: added)
    return Tokenizer(
      pipeline, postProcessor: try postProcessor(json["post_processor"]), addedTokens: added,
      truncation: try truncation(), decoder: try decoder(json["decoder"]), sources: sources)
  }

  /// Steps that make a text longer, one upon the other, could fill any memory.
  private func checkGrowth(_ normalizers: [Normalizer], _ preTokenizers: [PreTokenizer]) throws {
    var growth = 1
    for step in normalizers where growth <= Self.mostGrowth {
      let (product, overflows) = growth.multipliedReportingOverflow(by: step.growth)
      growth = overflows ? .max : product
    }
    guard growth <= Self.mostGrowth else {
      throw unsupported(
        "a normalizer that can make a text \(growth) times as long",
        "what makes it \(Self.mostGrowth) times as long at most")
    }
    let rewriting = preTokenizers.count { step in
      switch step {
      case .byteLevel, .metaspace: true
      default: false
      }
    }
    guard rewriting <= Self.mostRewriting else {
      throw unsupported(
        "a pre_tokenizer with \(rewriting) of ByteLevel and Metaspace",
        "\(Self.mostRewriting) of them")
    }
  }

  private static let mostGrowth = 4096
  private static let mostRewriting = 4

  private func unsupported(_ what: String, _ supported: String) -> TokenizationError {
    .unsupported(path: path, what: what, supported: supported)
  }

  private func malformed(_ problem: String) -> TokenizationError {
    .malformed(path: path, problem: problem)
  }

  /// The added tokens under the ids that `tokenizers` gives them: the model's own for what its vocabulary has, and
  /// the next free one for what it has not. A sound file says the same.
  private func addedTokens(_ vocabulary: Vocabulary) throws -> [AddedToken] {
    var known: [String: Int32] = [:]
    var highest: Int32 = -1
    return try (json["added_tokens"]?.arrayValue ?? []).map { token in
      guard let content = token["content"]?.stringValue, let id = token["id"]?.intValue,
        (0..<4_000_000).contains(id)
      else { throw malformed("an added token lacks content or id") }
      let own = vocabulary.id(content)
      let next = max(highest + 1, Int32(vocabulary.tokenCount))
      let settled = own >= 0 ? own : known[content] ?? next
      known[content] = settled
      highest = max(highest, settled)
      return AddedToken(
        content: content, id: settled, isSpecial: token["special"]?.boolValue ?? false,
        isSingleWord: token["single_word"]?.boolValue ?? false,
        stripsLeft: token["lstrip"]?.boolValue ?? false,
        stripsRight: token["rstrip"]?.boolValue ?? false,
        isNormalized: token["normalized"]?.boolValue ?? true)
    }
  }

  private func truncation() throws -> Truncation? {
    guard let settings = json["truncation"], !settings.isNull else { return nil }
    guard let length = settings["max_length"]?.intValue, length >= 0 else {
      throw malformed("truncation.max_length is no whole number")
    }
    let name = settings["strategy"]?.stringValue ?? "LongestFirst"
    guard let strategy = Truncation.Strategy(rawValue: name) else {
      throw unsupported(
        "truncation strategy \"\(name)\"",
        Truncation.Strategy.allCases.map(\.rawValue).joined(separator: ", "))
    }
    return Truncation(
      maximumLength: length, strategy: strategy,
      cutsLeft: settings["direction"]?.stringValue == "Left")
  }

  // MARK: Normalizers

  private static let supportedNormalizers =
    "Sequence, BertNormalizer, NFC, NFD, NFKC, NFKD, Lowercase, StripAccents, Strip, Replace, "
    + "Prepend, Nmt, Precompiled"

  private mutating func normalizers(_ json: JSONValue?) throws -> [Normalizer] {
    guard let json, !json.isNull else { return [] }
    let kind = json["type"]?.stringValue ?? json.kind
    if let form = UnicodeForm(rawValue: kind) { return [.form(form)] }
    switch kind {
    case "Sequence":
      return try (json["normalizers"]?.arrayValue ?? []).flatMap { try normalizers($0) }
    case "BertNormalizer":
      return [
        .bert(
          BertNormalizer(
            cleansText: json["clean_text"]?.boolValue ?? true,
            separatesIdeographs: json["handle_chinese_chars"]?.boolValue ?? true,
            stripsAccents: json["strip_accents"]?.boolValue,
            lowercases: json["lowercase"]?.boolValue ?? true))
      ]
    case "Lowercase": return [.lowercase]
    case "StripAccents": return [.stripAccents]
    case "Nmt": return [.nmt]
    case "Strip":
      return [
        .strip(
          left: json["strip_left"]?.boolValue ?? true,
          right: json["strip_right"]?.boolValue ?? true)
      ]
    case "Prepend": return [.prepend(Array((json["prepend"]?.stringValue ?? "").utf8))]
    case "Replace":
      guard let content = json["content"]?.stringValue else {
        throw malformed("a Replace normalizer lacks its content")
      }
      return [.replace(try pattern(json["pattern"], "Replace"), with: Array(content.utf8))]
    case "Precompiled":
      guard let base64 = json["precompiled_charsmap"]?.stringValue,
        let map = CharacterMap(base64: base64)
      else { throw malformed("precompiled_charsmap is no character map in base64") }
      return [.precompiled(map)]
    default: throw unsupported("normalizer \"\(kind)\"", Self.supportedNormalizers)
    }
  }

  private mutating func pattern(_ json: JSONValue?, _ user: String) throws -> TextPattern {
    if let text = json?["String"]?.stringValue ?? json?.stringValue, !text.isEmpty {
      return .text(Array(text.utf8))
    }
    guard let expression = json?["Regex"]?.stringValue else {
      throw malformed("\(user) has no pattern")
    }
    expressions += 1
    guard expressions <= Self.mostExpressions else {
      throw unsupported(
        "a tokenizer with more than \(Self.mostExpressions) regular expressions",
        "\(Self.mostExpressions) of them")
    }
    do {
      return .expression(try ExpressionAutomaton(expression))
    } catch {
      throw unsupported(
        "\(user) with the expression \"\(expression)\": \(error.what)",
        ExpressionParser.supported)
    }
  }

  // MARK: Pre-tokenizers

  private static let supportedPreTokenizers =
    "Sequence, BertPreTokenizer, ByteLevel, Metaspace, Whitespace, WhitespaceSplit, Punctuation, "
    + "Digits, Split, CharDelimiterSplit"

  private mutating func preTokenizers(_ json: JSONValue?) throws -> [PreTokenizer] {
    guard let json, !json.isNull else { return [] }
    let kind = json["type"]?.stringValue ?? json.kind
    switch kind {
    case "Sequence":
      return try (json["pretokenizers"]?.arrayValue ?? []).flatMap { try preTokenizers($0) }
    case "BertPreTokenizer": return [.bert]
    case "Whitespace": return [.whitespace]
    case "WhitespaceSplit": return [.whitespaceSplit]
    case "Digits": return [.digits(individual: json["individual_digits"]?.boolValue ?? false)]
    case "Punctuation": return [.punctuation(try behavior(json["behavior"] ?? "Isolated"))]
    case "ByteLevel":
      return [
        .byteLevel(
          ByteLevel(
            addsPrefixSpace: json["add_prefix_space"]?.boolValue ?? true,
            pattern: json["use_regex"]?.boolValue ?? true
              ? try pattern(["Regex": .string(ByteLevel.expression)], kind) : nil))
      ]
    case "Metaspace": return [.metaspace(try metaspace(json))]
    case "Split":
      return [
        .split(
          try pattern(json["pattern"], "Split"), try behavior(json["behavior"]),
          inverts: json["invert"]?.boolValue ?? false)
      ]
    case "CharDelimiterSplit":
      guard let delimiter = json["delimiter"]?.stringValue, !delimiter.isEmpty else {
        throw malformed("CharDelimiterSplit has no delimiter")
      }
      return [.split(.text(Array(delimiter.utf8)), .removed, inverts: false)]
    default: throw unsupported("pre_tokenizer \"\(kind)\"", Self.supportedPreTokenizers)
    }
  }

  private func behavior(_ json: JSONValue?) throws -> SplitBehavior {
    let name = json?.stringValue ?? "?"
    guard let behavior = SplitBehavior(rawValue: name) else {
      throw unsupported(
        "split behavior \"\(name)\"",
        SplitBehavior.allCases.map(\.rawValue).joined(separator: ", "))
    }
    return behavior
  }

  private func metaspace(_ json: JSONValue) throws -> Metaspace {
    let mark = json["replacement"]?.stringValue ?? "\u{2581}"
    guard mark.unicodeScalars.count == 1 else {
      throw malformed("the replacement of Metaspace is not one character")
    }
    // Before prepend_scheme there was add_prefix_space.
    let old = (json["add_prefix_space"]?.boolValue ?? true) ? "always" : "never"
    let name = json["prepend_scheme"]?.stringValue ?? old
    guard let scheme = Metaspace.PrependScheme(rawValue: name) else {
      throw unsupported(
        "prepend_scheme \"\(name)\"",
        Metaspace.PrependScheme.allCases.map(\.rawValue).joined(separator: ", "))
    }
    return Metaspace(
      mark: Array(mark.utf8), scheme: scheme, splits: json["split"]?.boolValue ?? true)
  }

  // MARK: Decoders

  private static let supportedDecoders =
    "WordPiece, ByteLevel, Metaspace, BPEDecoder, ByteFallback, Fuse, Replace, Strip, Sequence"

  /// What `decoder` says; nil where it says nothing.
  private mutating func decoder(_ json: JSONValue?) throws -> TokenDecoder? {
    guard let json, !json.isNull else { return nil }
    return TokenDecoder(steps: try decoderSteps(json))
  }

  private mutating func decoderSteps(_ json: JSONValue) throws -> [TokenDecoder.Step] {
    func bytes(_ key: String, _ usual: String) -> [UInt8] {
      Array((json[key]?.stringValue ?? usual).utf8)
    }
    let kind = json["type"]?.stringValue ?? json.kind
    switch kind {
    case "Sequence":
      return try (json["decoders"]?.arrayValue ?? []).flatMap { try decoderSteps($0) }
    case "WordPiece":
      return [
        .wordPiece(prefix: bytes("prefix", "##"), cleansUp: json["cleanup"]?.boolValue ?? true)
      ]
    case "ByteLevel": return [.byteLevel]
    case "Metaspace":
      let metaspace = try metaspace(json)
      return [.metaspace(mark: metaspace.mark, dropsFirst: metaspace.scheme != .never)]
    case "BPEDecoder": return [.suffix(bytes("suffix", "</w>"))]
    case "ByteFallback": return [.byteFallback]
    case "Fuse": return [.fuse]
    case "Replace":
      return [.replace(try pattern(json["pattern"], "Replace"), with: bytes("content", ""))]
    case "Strip":
      return [
        .strip(
          bytes("content", " "), start: json["start"]?.intValue ?? 0,
          end: json["stop"]?.intValue ?? 0)
      ]
    default: throw unsupported("decoder \"\(kind)\"", Self.supportedDecoders)
    }
  }

  // MARK: Post-processors

  private static let supportedPostProcessors =
    "TemplateProcessing, BertProcessing, RobertaProcessing, ByteLevel, and Sequence of them with one "
    + "that adds tokens"

  private func postProcessor(_ json: JSONValue?) throws -> PostProcessor {
    guard let json, !json.isNull else { return .plain }
    let kind = json["type"]?.stringValue ?? json.kind
    switch kind {
    // Moves offsets alone.
    case "ByteLevel":
      var plain = PostProcessor.plain
      plain.trimmings = trimmings(json)
      return plain
    case "Sequence":
      let all = try (json["processors"]?.arrayValue ?? []).map(postProcessor)
      let parts = all.filter { !$0.isPlain }
      guard parts.count < 2 else {
        throw unsupported("post_processor \"Sequence\"", Self.supportedPostProcessors)
      }
      var processor = parts.first ?? .plain
      processor.trimmings = all.flatMap(\.trimmings)
      return processor
    case "BertProcessing", "RobertaProcessing":
      guard let classification = json["cls"]?[1]?.intValue.flatMap(Int32.init(exactly:)),
        let separator = json["sep"]?[1]?.intValue.flatMap(Int32.init(exactly:)),
        classification >= 0, separator >= 0
      else { throw malformed("\(kind) lacks the ids of cls and sep") }
      if kind == "BertProcessing" {
        return .bert(classification: classification, separator: separator)
      }
      var roberta = PostProcessor.roberta(classification: classification, separator: separator)
      roberta.trimmings = trimmings(json)
      return roberta
    case "TemplateProcessing":
      return PostProcessor(
        single: try template(json["single"], json["special_tokens"], texts: [0]),
        // Files of models that were never given a pair leave its template empty.
        pair: json["pair"]?.arrayValue?.isEmpty ?? true
          ? PostProcessor.plain.pair
          : try template(json["pair"], json["special_tokens"], texts: [0, 1]))
    default: throw unsupported("post_processor \"\(kind)\"", Self.supportedPostProcessors)
    }
  }

  private func trimmings(_ json: JSONValue) -> [PostProcessor.Trimming] {
    guard json["trim_offsets"]?.boolValue ?? true else { return [] }
    return [PostProcessor.Trimming(addsPrefixSpace: json["add_prefix_space"]?.boolValue ?? true)]
  }

  private func template(
    _ json: JSONValue?, _ tokens: JSONValue?, texts: [Int]
  ) throws -> [PostProcessor.Part] {
    var found: [Int] = []
    let parts = try (json?.arrayValue ?? []).map { part in
      let content = part["SpecialToken"] ?? part["Sequence"]
      guard let name = content?["id"]?.stringValue,
        let type = content?["type_id"]?.intValue.flatMap(Int32.init(exactly:)), type >= 0
      else { throw malformed("a part of TemplateProcessing lacks id or type_id") }
      if part["Sequence"] != nil {
        let index = name == "A" ? 0 : 1
        found.append(index)
        return PostProcessor.Part.sequence(index, type: type)
      }
      guard let ids = tokens?[name]?["ids"]?.arrayValue?.map({ $0.intValue ?? -1 }),
        ids.allSatisfy({ (0..<4_000_000).contains($0) })
      else { throw malformed("TemplateProcessing does not say the ids of \"\(name)\"") }
      return .special(ids.map { Int32($0) }, type: type)
    }
    guard found.sorted() == texts else {
      throw malformed("a template of TemplateProcessing does not hold each text once")
    }
    return parts
  }
}
