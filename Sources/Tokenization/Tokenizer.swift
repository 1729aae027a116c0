import Foundation
import JSON

/// Turns text into token ids as the model was trained on them.
public final class Tokenizer: Sendable {
  /// Ids of the tokens that structure a text; nil where the vocabulary lacks one.
  public struct SpecialTokens: Sendable, Equatable {
    /// Stands for what the vocabulary lacks.
    public var unknown: Int32
    /// Opens every input.
    public var classification: Int32
    /// Closes every text.
    public var separator: Int32
    /// Fills up rows.
    public var padding: Int32?
    /// Hides a token in pre-training.
    public var mask: Int32?
  }

  let normalizer: BertNormalizer
  let model: WordPieceModel
  /// Tokens found in raw text before it is normalised, such as `[SEP]`.
  let addedTokens: [(content: [UInt8], id: Int32)]
  /// The ids with a role.
  public let specialTokens: SpecialTokens

  init(
    normalizer: BertNormalizer, model: WordPieceModel, addedTokens: [(content: String, id: Int32)],
    path: String
  ) throws {
    func id(_ token: String) throws -> Int32 {
      guard let id = model.ids[token] else {
        throw TokenizationError.missingToken(path: path, token: token)
      }
      return id
    }
    self.normalizer = normalizer
    self.model = model
    self.addedTokens = addedTokens.map { (Array($0.content.utf8), $0.id) }
      .filter { !$0.0.isEmpty }.sorted { $0.0.count > $1.0.count }
    specialTokens = SpecialTokens(
      unknown: model.unknown, classification: try id("[CLS]"), separator: try id("[SEP]"),
      padding: model.ids["[PAD]"], mask: model.ids["[MASK]"])
  }

  /// A WordPiece tokenizer with BERT's normalisation over `vocabulary`, whose index is the id.
  public convenience init(vocabulary: [String], lowercase: Bool) throws {
    try self.init(vocabulary: vocabulary, lowercase: lowercase, path: "the vocabulary")
  }

  convenience init(vocabulary: [String], lowercase: Bool, path: String) throws {
    guard let unknown = vocabulary.firstIndex(of: "[UNK]") else {
      throw TokenizationError.missingToken(path: path, token: "[UNK]")
    }
    var normalizer = BertNormalizer()
    normalizer.lowercases = lowercase
    let model = WordPieceModel(vocabulary: vocabulary, unknown: Int32(unknown))
    let special = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"].compactMap { token in
      model.ids[token].map { (content: token, id: $0) }
    }
    try self.init(normalizer: normalizer, model: model, addedTokens: special, path: path)
  }

  /// Number of ids.
  public var vocabularySize: Int { model.vocabulary.count }

  /// The token with this id.
  public func token(for id: Int32) -> String? {
    model.vocabulary.indices.contains(Int(id)) ? model.vocabulary[Int(id)] : nil
  }

  /// The id of this token.
  public func id(for token: String) -> Int32? { model.ids[token] }

  /// Ids of `text`, between the classification and the separator token, at most `maximumLength` of
  /// them; with `pair`, the second text follows as segment 1. Reads no further than it must.
  public func encode(_ text: String, pair: String? = nil, maximumLength: Int) -> Encoding {
    let frame = pair == nil ? 2 : 3
    let room = max(0, maximumLength - frame)
    var (first, isTruncated) = pieces(text, limit: room)
    var second: [Int32] = []
    if let pair {
      let (pieces, cut) = pieces(pair, limit: room)
      second = pieces
      isTruncated = isTruncated || cut
      // Longest first, as the reference truncates a pair.
      while first.count + second.count > room {
        isTruncated = true
        if first.count > second.count { first.removeLast() } else { second.removeLast() }
      }
    }
    let unknownCount = (first + second).reduce(0) { $0 + ($1 == specialTokens.unknown ? 1 : 0) }
    var ids = [specialTokens.classification] + first + [specialTokens.separator]
    var types = [Int32](repeating: 0, count: ids.count)
    if pair != nil {
      ids += second + [specialTokens.separator]
      types += [Int32](repeating: 1, count: second.count + 1)
    }
    return Encoding(
      ids: ids, typeIDs: types, isTruncated: isTruncated, unknownCount: unknownCount)
  }

  private func pieces(_ text: String, limit: Int) -> ([Int32], Bool) {
    var text = text
    return text.withUTF8 { buffer in
      var output: [Int32] = []
      var start = 0
      for (range, id) in addedTokenRanges(buffer.span) {
        append(buffer.span.extracting(start..<range.lowerBound), limit: limit, to: &output)
        if output.count > limit { break }
        output.append(id)
        start = range.upperBound
      }
      if output.count <= limit {
        append(buffer.span.extracting(start..<buffer.count), limit: limit, to: &output)
      }
      let isTruncated = output.count > limit
      return (isTruncated ? Array(output.prefix(limit)) : output, isTruncated)
    }
  }

  private func append(_ bytes: Span<UInt8>, limit: Int, to output: inout [Int32]) {
    normalizer.forEachWord(bytes) { word in
      model.append(word, to: &output)
      return output.count <= limit
    }
  }

  /// Where added tokens stand in raw text, leftmost first and of those the longest.
  private func addedTokenRanges(_ bytes: Span<UInt8>) -> [(Range<Int>, Int32)] {
    var ranges: [(Range<Int>, Int32)] = []
    let firstBytes = Set(addedTokens.map { $0.content[0] })
    var index = 0
    scan: while index < bytes.count {
      if firstBytes.count == 1 || firstBytes.contains(bytes[index]) {
        for (content, id) in addedTokens
        where bytes[index] == content[0] && index + content.count <= bytes.count {
          if content.indices.allSatisfy({ bytes[index + $0] == content[$0] }) {
            ranges.append((index..<index + content.count, id))
            index += content.count
            continue scan
          }
        }
      }
      index += 1
    }
    return ranges
  }
}
