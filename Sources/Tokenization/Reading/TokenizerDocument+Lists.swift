import JSON

// The large lists, read straight into the vocabulary.
extension TokenizerDocument {
  /// A member of `model`.
  func model(_ name: String) -> JSONValue? { json["model"]?[name] }

  private var idLimit: Int {
    // An entry has six bytes at least, so a list cannot name higher ids than this without gaps.
    min(4_000_000, bytes.count)
  }

  /// Reads `model.vocab` as an object of ids by token.
  func vocabularyByToken() throws -> Vocabulary {
    guard let range = vocabulary else {
      throw TokenizationError.malformed(path: path, problem: "model.vocab is missing")
    }
    var result = Vocabulary(tokens: min(range.count / 16, 1 << 18), bytes: range.count / 3)
    var entries = 0
    var highest = -1
    do {
      var cursor = JSONCursor(bytes, range)
      var scratch: [UInt8] = []
      try cursor.expect(UInt8(ascii: "{"))
      if !cursor.take(UInt8(ascii: "}")) {
        repeat {
          let token = try cursor.token(&scratch)
          try cursor.expect(UInt8(ascii: ":"))
          let id = try cursor.index()
          highest = max(highest, id)
          guard id < idLimit else { throw highID(text(Array(token))) }
          guard result.insert(token, id: id) else {
            throw TokenizationError.malformed(
              path: path,
              problem: "two tokens have the id \(id), or \"\(text(Array(token)))\" has two ids")
          }
          entries += 1
        } while cursor.take(UInt8(ascii: ","))
        try cursor.expect(UInt8(ascii: "}"))
      }
    } catch let error as JSONCursor.Failure {
      throw failure(error)
    }
    if highest >= entries + (json["added_tokens"]?.arrayValue?.count ?? 0) {
      throw highID(result.text(highest) ?? "")
    }
    return result
  }

  private func text(_ token: [UInt8]) -> String { String(decoding: token, as: UTF8.self) }

  private func highID(_ token: String) -> TokenizationError {
    .malformed(
      path: path, problem: "the id of token \"\(token)\" is not below the vocabulary's size")
  }

  /// Reads `model.vocab` as a list of tokens with scores, whose place is the id.
  func vocabularyWithScores() throws -> (Vocabulary, [Double]) {
    guard let range = vocabulary else {
      throw TokenizationError.malformed(path: path, problem: "model.vocab is missing")
    }
    var result = Vocabulary(tokens: min(range.count / 32, 1 << 18), bytes: range.count / 3)
    var scores: [Double] = []
    do {
      var cursor = JSONCursor(bytes, range)
      var scratch: [UInt8] = []
      try cursor.expect(UInt8(ascii: "["))
      if !cursor.take(UInt8(ascii: "]")) {
        repeat {
          try cursor.expect(UInt8(ascii: "["))
          let token = try cursor.token(&scratch)
          try cursor.expect(UInt8(ascii: ","))
          let score = try cursor.number()
          try cursor.expect(UInt8(ascii: "]"))
          // Of a token that stands twice the later place counts, as in tokenizers.
          _ = result.insert(token, id: scores.count, repeated: .replaced)
          scores.append(score)
        } while cursor.take(UInt8(ascii: ","))
        try cursor.expect(UInt8(ascii: "]"))
      }
    } catch {
      throw failure(error)
    }
    return (result, scores)
  }

  /// Reads `model.merges` into `model`: strings of two tokens with a space between, or pairs.
  func readMerges(into model: inout BytePairModel, _ vocabulary: Vocabulary) throws {
    guard let range = merges else {
      throw TokenizationError.malformed(path: path, problem: "model.merges is missing")
    }
    model.reserve(range.count / 16)
    do {
      var cursor = JSONCursor(bytes, range)
      var (left, right): ([UInt8], [UInt8]) = ([], [])
      try cursor.expect(UInt8(ascii: "["))
      if !cursor.take(UInt8(ascii: "]")) {
        repeat {
          left.removeAll(keepingCapacity: true)
          right.removeAll(keepingCapacity: true)
          if cursor.take(UInt8(ascii: "[")) {
            try cursor.string(into: &left)
            try cursor.expect(UInt8(ascii: ","))
            try cursor.string(into: &right)
            try cursor.expect(UInt8(ascii: "]"))
          } else {
            try cursor.string(into: &left)
            try Self.split(&left, &right, at: cursor.offset)
          }
          try MergeList.append(left, right, to: &model, vocabulary, path: path)
        } while cursor.take(UInt8(ascii: ","))
        try cursor.expect(UInt8(ascii: "]"))
      }
    } catch let error as JSONCursor.Failure {
      throw failure(error)
    }
  }

  private static func split(
    _ left: inout [UInt8], _ right: inout [UInt8], at offset: Int
  ) throws(JSONCursor.Failure) {
    guard let space = left.firstIndex(of: 0x20), left.lastIndex(of: 0x20) == space else {
      throw JSONCursor.Failure(
        problem: "a merge that is not two tokens with a space between", offset: offset)
    }
    right.append(contentsOf: left[(space + 1)...])
    left.removeSubrange(space...)
  }
}

/// Merges by their tokens.
enum MergeList {
  /// Adds the merge of `left` and `right`, whose tokens and result the vocabulary must have.
  static func append(
    _ left: [UInt8], _ right: [UInt8], to model: inout BytePairModel, _ vocabulary: Vocabulary,
    path: String
  ) throws {
    // As the reference has it, the prefix's length goes whatever stands there.
    let whole = left + right.dropFirst(model.continuingPrefix.count)
    let ids = (vocabulary.id(left.span), vocabulary.id(right.span), vocabulary.id(whole.span))
    for (id, token) in [(ids.0, left), (ids.1, right), (ids.2, whole)] where id < 0 {
      throw TokenizationError.malformed(
        path: path,
        problem: "the merges name \"\(String(decoding: token, as: UTF8.self))\", "
          + "which the vocabulary lacks")
    }
    model.append(left: ids.0, right: ids.1, result: ids.2)
  }
}
