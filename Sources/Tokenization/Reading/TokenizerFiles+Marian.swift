import Foundation
import JSON

extension Tokenizer {
  /// Marian's tokenizer as its models have it: `source.spm` cuts texts into pieces, `vocab.json` gives each its id for both
  /// languages, and pieces of the target's are joined again.
  ///
  /// Source: `MarianTokenizer` of transformers.
  static func marian(
    _ directory: String, vocabulary bytes: [UInt8], source: [UInt8], sources: [String]
  ) throws -> Tokenizer {
    let path = directory + "/vocab.json"
    let file = try SentencePieceFile(source, path: directory + "/source.spm")
    guard file.model == 1 else {
      throw TokenizationError.unsupported(
        path: directory + "/source.spm", what: "a SentencePiece model of another kind",
        supported: "unigram models")
    }
    guard let listed = try JSONValue(parsing: Data(bytes)).objectValue else {
      throw TokenizationError.malformed(path: path, problem: "is no object of ids by token")
    }
    var (vocabulary, known) = (Vocabulary(tokens: listed.count), [[UInt8]: Int32]())
    for (token, value) in listed {
      guard let id = value.intValue, (0..<4_000_000).contains(id),
        vocabulary.insert(ArraySlice(token.utf8), id: id)
      else {
        throw TokenizationError.malformed(
          path: path, problem: "the id of \"\(token.prefix(100))\" is none, or another token's")
      }
      known[Array(token.utf8)] = Int32(id)
    }
    func required(_ token: String) throws -> Int32 {
      guard let id = known[Array(token.utf8)] else {
        throw TokenizationError.missingToken(path: path, token: token)
      }
      return id
    }
    let (unknown, end) = (try required("<unk>"), try required("</s>"))
    // Pieces that the list lacks take part in cutting, and are unknown then.
    let count = vocabulary.count
    var scores = [Double](repeating: .nan, count: count)
    for piece in file.pieces where piece.kind == .normal || piece.kind == .userDefined {
      if let id = known[piece.text] {
        scores[Int(id)] = Double(piece.score)
      } else if vocabulary.insert(piece.text[...], id: vocabulary.count) {
        scores.append(Double(piece.score))
      }
    }
    var normalizers: [Normalizer] = []
    if !file.characterMap.isEmpty {
      guard let map = CharacterMap(base64: Data(file.characterMap).base64EncodedString()) else {
        throw TokenizationError.malformed(
          path: directory + "/source.spm", problem: "its character map cannot be read")
      }
      normalizers.append(.precompiled(map))
    }
    if file.removesSpaces {
      normalizers += [
        .strip(left: true, right: true),
        .replace(.expression(try ExpressionAutomaton(" {2,}")), with: [0x20]),
      ]
    }
    let mark = Array("\u{2581}".utf8)
    let added = listed.keys.filter { $0.hasPrefix(">>") && $0.hasSuffix("<<") }
      .compactMap { token in
        known[Array(token.utf8)].map { AddedToken(content: token, id: $0, isSpecial: false) }
      }
    let roles = ["<unk>", "</s>", "<pad>"].compactMap { known[Array($0.utf8)] }
    return Tokenizer(
      Pipeline(
        normalizers: normalizers,
        preTokenizers: [
          .metaspace(
            Metaspace(mark: mark, scheme: file.addsPrefix ? .always : .never, splits: true))
        ],
        model: .unigram(
          UnigramModel(
            vocabulary: vocabulary, scores: scores, unknown: unknown, byteTokens: nil)),
        vocabulary: vocabulary, addedTokens: added),
      postProcessor: PostProcessor(
        single: [.sequence(0, type: 0), .special([end], type: 0)],
        pair: [.sequence(0, type: 0), .sequence(1, type: 0), .special([end], type: 0)]),
      addedTokens: added,
      decoder: TokenDecoder(steps: [.metaspace(mark: mark, dropsFirst: true)]), sources: sources,
      roles: roles, trimsTexts: true, knownCount: count)
  }
}
