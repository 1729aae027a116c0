import Foundation
import JSON
import Synchronization

/// Turns text into token ids as the model was trained on them. May be used by several threads at once.
public final class Tokenizer: Sendable {
  /// Ids of the tokens that structure a text; nil where the vocabulary lacks one.
  public struct SpecialTokens: Sendable, Equatable {
    /// Stands for what the vocabulary lacks.
    public var unknown: Int32?
    /// Opens every input.
    public var classification: Int32?
    /// Closes every text.
    public var separator: Int32?
    /// Fills up rows.
    public var padding: Int32?
    /// Hides a token in pre-training.
    public var mask: Int32?
  }

  let pipeline: Pipeline
  let postProcessor: PostProcessor
  let addedTokens: [AddedToken]
  /// The files that this tokenizer was read from; none where it was made in memory.
  let sources: [String]
  /// How tokens become text again; nil where the file does not say.
  let decoder: TokenDecoder?
  /// What `tokenizer.json` is to hold, of a tokenizer with learned merges; nil for others.
  let document: JSONValue?
  /// Whether spaces at both ends of what `decode` gives fall away.
  let trimsTexts: Bool
  /// Tokens that are no part of a text.
  let specialIDs: Set<Int32>
  private let addedTexts: [Int32: String]
  private let addedIDs: [String: Int32]
  private let workspaces = Mutex<[Workspace]>([])
  /// Number of ids: the highest plus one.
  public let vocabularySize: Int
  /// The ids with a role.
  public let specialTokens: SpecialTokens
  /// How `tokenizer.json` cuts long texts. `encode` follows its strategy and side, but cuts to the length that
  /// it is told.
  public let truncation: Truncation?

  init(
    _ pipeline: Pipeline, postProcessor: PostProcessor, addedTokens: [AddedToken],
    truncation: Truncation? = nil, decoder: TokenDecoder? = nil, sources: [String] = [],
    document: JSONValue? = nil, roles: [Int32] = [], trimsTexts: Bool = false,
    knownCount: Int? = nil
  ) {
    self.pipeline = pipeline
    self.trimsTexts = trimsTexts
    specialIDs = Set(addedTokens.filter(\.isSpecial).map(\.id) + roles)
    self.postProcessor = postProcessor
    self.addedTokens = addedTokens
    self.truncation = truncation
    self.decoder = decoder
    self.sources = sources
    self.document = document
    let texts = Dictionary(addedTokens.map { ($0.id, $0.content) }) { first, _ in first }
    let ids = Dictionary(addedTokens.map { ($0.content, $0.id) }) { first, _ in first }
    (addedTexts, addedIDs) = (texts, ids)
    vocabularySize = max(
      knownCount ?? pipeline.vocabulary.count, (addedTokens.map { Int($0.id) + 1 }.max() ?? 0),
      postProcessor.highestID + 1)
    func named(_ names: String...) -> Int32? {
      names.lazy.compactMap { name in
        let id = pipeline.vocabulary.id(name)
        return ids[name] ?? (id >= 0 ? id : nil)
      }.first
    }
    specialTokens = SpecialTokens(
      unknown: pipeline.model.unknown, classification: postProcessor.classification,
      separator: postProcessor.separator, padding: named("[PAD]", "<pad>"),
      mask: named("[MASK]", "<mask>"))
  }

  /// What makes the tokens: "WordPiece", "BPE" or "Unigram".
  public var modelName: String {
    switch pipeline.model {
    case .wordPiece: "WordPiece"
    case .bytePair: "BPE"
    case .unigram: "Unigram"
    }
  }

  /// The token with this id.
  public func token(for id: Int32) -> String? {
    addedTexts[id] ?? pipeline.vocabulary.text(Int(id))
  }

  /// The id of this token.
  public func id(for token: String) -> Int32? {
    if let id = addedIDs[token] { return id }
    let id = pipeline.vocabulary.id(token)
    return id >= 0 ? id : nil
  }

  /// What stands before a token that continues a word; empty for models that mark words otherwise.
  public var continuingPrefix: String {
    if case .wordPiece(let model) = pipeline.model { model.continuingPrefix } else { "" }
  }

  /// Whether this token is found in texts as a whole, as the special ones are, and not made by the model.
  public func isAdded(_ id: Int32) -> Bool { addedTexts[id] != nil }

  /// The same tokenizer with the texts in lower case first, added tokens apart; itself where its normalizer does that already.
  public func lowercasing() -> Tokenizer {
    let normalizers = pipeline.normalizers
    let isLowercase = normalizers.contains { if case .lowercase = $0 { true } else { false } }
    if isLowercase { return self }
    return Tokenizer(
      Pipeline(
        normalizers: [.lowercase] + normalizers, preTokenizers: pipeline.preTokenizers,
        model: pipeline.model, vocabulary: pipeline.vocabulary, addedTokens: addedTokens),
      postProcessor: postProcessor, addedTokens: addedTokens, truncation: truncation,
      decoder: decoder, sources: sources, document: document, roles: Array(specialIDs),
      trimsTexts: trimsTexts, knownCount: vocabularySize)
  }

  /// How many tokens a text begins with that begins with `prompt`; 0 for no prompt.
  public func openingCount(_ prompt: String, maximum: Int) -> Int {
    if prompt.isEmpty { return 0 }
    let ids = encode(prompt, maximumLength: maximum).ids
    let endsInFrame =
      ids.last.map { id in isFrame(id) || addedTokens.contains { $0.id == id && $0.isSpecial } }
      ?? false
    return ids.count - (endsInFrame ? 1 : 0)
  }

  /// How many special tokens are put around one text, or around a pair.
  public func frameCount(isPair: Bool) -> Int { postProcessor.frame(isPair: isPair) }

  /// The highest segment that a token is put into.
  public var highestTokenType: Int { postProcessor.highestType }

  /// Whether the post-processor puts this token around texts.
  public func isFrame(_ id: Int32) -> Bool {
    id == specialTokens.classification || id == specialTokens.separator
  }

  /// Tokens that were made elsewhere, with the special tokens of one text around them.
  public func framing(_ tokens: [Int32]) -> (ids: [Int32], typeIDs: [Int32]) {
    let framed = postProcessor.apply(tokens, nil)
    return (framed.ids, framed.types)
  }

  /// Ids of `text` with the model's special tokens, at most `maximumLength` of them; with `pair`, the second
  /// text follows. Reads no further than it must.
  ///
  /// - Parameter addsSpecialTokens: false leaves the special tokens out.
  public func encode(
    _ text: String, pair: String? = nil, maximumLength: Int = .max, addsSpecialTokens: Bool = true
  ) -> Encoding {
    let frame = addsSpecialTokens ? postProcessor.frame(isPair: pair != nil) : 0
    let room = max(0, maximumLength - frame)
    let cutsLeft = truncation?.cutsLeft ?? false
    var (first, second) = withWorkspace { workspace in
      var first = tokens(text, limit: cutsLeft ? .max : room, &workspace)
      var second = pair == nil ? [] : tokens(pair ?? "", limit: cutsLeft ? .max : room, &workspace)
      if pair != nil && !cutsLeft && room % 2 == 1 && min(first.count, second.count) > room {
        // Both are cut to half, and the odd token goes to the longer: which that is must be known.
        first = tokens(text, limit: .max, &workspace)
        second = tokens(pair ?? "", limit: .max, &workspace)
      }
      return (first, second)
    }

    let isTruncated = first.count + second.count > room
    if isTruncated {
      let kept = (truncation ?? Truncation(maximumLength: maximumLength)).kept(
        first: first.count, second: second.count, room: room)
      Self.cut(&first, to: pair == nil ? room : kept.first, left: cutsLeft)
      Self.cut(&second, to: kept.second, left: cutsLeft)
    }
    var unknownCount = 0
    if let unknown = specialTokens.unknown {
      unknownCount = first.count { $0 == unknown } + second.count { $0 == unknown }
    }
    let processor = addsSpecialTokens ? postProcessor : .plain
    var (ids, types) = processor.apply(first, pair == nil ? nil : second)
    if ids.count > maximumLength {
      // The special tokens alone are too many.
      ids.removeLast(ids.count - max(0, maximumLength))
      types.removeLast(types.count - ids.count)
    }
    return Encoding(
      ids: ids, typeIDs: types, isTruncated: isTruncated, unknownCount: unknownCount)
  }

  /// Lends memory that the next text uses again.
  func withWorkspace<Result>(_ body: (inout Workspace) -> Result) -> Result {
    var workspace = workspaces.withLock { $0.popLast() } ?? Workspace()
    let result = body(&workspace)
    workspace.shrink()
    workspaces.withLock { [workspace] in $0.append(workspace) }
    return result
  }

  /// Tokens of `text`, `limit` and some at most.
  func tokens(_ text: String, limit: Int, _ workspace: inout Workspace) -> [Int32] {
    workspace.output.removeAll(keepingCapacity: true)
    var text = text
    text.withUTF8 { pipeline.run($0.span, limit: limit, &workspace) }
    let ids = Array(workspace.output)
    // Pieces that cut texts, and are no tokens of the model.
    guard vocabularySize < pipeline.vocabulary.count, let unknown = specialTokens.unknown else {
      return ids
    }
    return ids.map { $0 < vocabularySize ? $0 : unknown }
  }

  private static func cut(_ tokens: inout [Int32], to count: Int, left: Bool) {
    if left {
      tokens.removeFirst(max(0, tokens.count - count))
    } else {
      tokens.removeLast(max(0, tokens.count - count))
    }
  }

  /// How many steps the model and regular expressions take for `text`, words seen before not spared: a measure of work
  /// that no clock disturbs.
  public func stepCount(_ text: String) -> Int {
    var workspace = Workspace()
    _ = tokens(text, limit: .max, &workspace)
    return workspace.scratch.steps + workspace.pieces.steps + workspace.sparePieces.steps
  }
}
