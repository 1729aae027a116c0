import JSON
import Tokenization

/// A word in the place of a mask.
public struct FilledWord: Sendable, Equatable {
  /// Its share of the softmax over the vocabulary.
  public var score: Float
  /// Its id.
  public var token: Int32
  /// The word as text.
  public var text: String
  /// The input with the word in the mask's place, without special tokens where there is no other mask.
  public var sequence: String
  /// What was asked for, where the word is the first token of it alone.
  public var target: String?
}

/// Words in the places of masks: `FillMaskPipeline` of transformers.
struct MaskedWordsTask: TaskDefinition {
  let name = "fill-mask"
  let classSuffixes = ["ForMaskedLM"]
  let hasLabels = false

  private static let standardCount = 5

  func parameters(_ model: ModelSignature) -> [TaskParameter] {
    [
      TaskParameter(
        name: "top_k", kind: .integer(1...10_000),
        summary: "How many words are given for each mask; \(Self.standardCount) without."),
      TaskParameter(
        name: "targets", kind: .texts(1...1000),
        summary:
          "The words that are meant; of one that is several tokens the first is taken, and 'target' "
          + "says so."),
    ]
  }

  func encode(
    _ input: TextInput, by model: TextModel
  ) throws(PredictionError) -> EncodedInput {
    let encoded = try model.encodeWhole(input)
    guard let mask = model.tokenizer.specialTokens.mask, encoded.encoding.ids.contains(mask) else {
      let name = model.tokenizer.specialTokens.mask.flatMap { model.tokenizer.token(for: $0) }
      throw .noMask(name ?? "")
    }
    if let targets = input.parameters.texts("targets"), model.targetIDs(targets).isEmpty {
      throw .noTargets
    }
    return encoded
  }

  func head(_ source: HeadSource) throws -> any TaskHead { try MaskedWordHead(source) }

  func value(
    _ outputs: [SequenceOutput], of input: EncodedInput, by model: TextModel
  ) -> Prediction.Value {
    let parameters = input.input.parameters
    let targets = parameters.texts("targets").map { model.targetIDs($0) }
    let ids = input.encoding.ids
    let places = ids.indices.filter { ids[$0] == model.tokenizer.specialTokens.mask }
    let count = parameters.integer("top_k") ?? Self.standardCount
    return .words(
      places.enumerated().map { row, place in
        let scores = HeadFunction.softmax(Array(outputs[0].row(row)))
        let candidates = targets.map { $0.map { Int($0.id) } } ?? Array(scores.indices)
        return Self.best(count, of: candidates, scores).map { id in
          var tokens = ids
          tokens[place] = Int32(id)
          return FilledWord(
            score: scores[id], token: Int32(id), text: model.text([Int32(id)]),
            sequence: model.text(tokens, skipsSpecial: places.count == 1),
            target: targets?.first { $0.id == id }?.target)
        }
      })
  }

  /// The ids with the largest scores, the largest first, equals by id.
  private static func best(_ count: Int, of ids: [Int], _ scores: [Float]) -> [Int] {
    var best: [Int] = []
    for id in ids {
      if best.count == count, let last = best.last, scores[id] <= scores[last] { continue }
      let place = best.firstIndex { scores[$0] < scores[id] } ?? best.count
      best.insert(id, at: place)
      if best.count > count { best.removeLast() }
    }
    return best
  }

  func schema(_ model: ModelSignature) -> JSONValue {
    let words = Schema.list(
      Schema.object(
        [
          "score": Schema.number, "token": ["type": "integer"], "token_str": Schema.string,
          "sequence": Schema.string, "target": Schema.string,
        ], required: ["score", "token", "token_str", "sequence"], isClosed: true))
    return Schema.any(words, Schema.list(words))
  }

  func outputs(_ model: ModelSignature) -> [TensorOutput] {
    [.json("words", labels: model.labels)]
  }
}

extension ModelTask {
  /// Words in the places of masks.
  public static let maskedWords = ModelTask(MaskedWordsTask())
}

extension TextModel {
  /// The ids of some words, each once, and what was asked for where that is more than the one token. Words without a token are left
  /// out.
  func targetIDs(_ targets: [String]) -> [(id: Int32, target: String?)] {
    var found: [(id: Int32, target: String?)] = []
    for target in targets {
      let whole = tokenizer.id(for: target)
      let first = tokenizer.encode(target, maximumLength: 1, addsSpecialTokens: false).ids.first
      guard let id = whole ?? first, !found.contains(where: { $0.id == id }) else { continue }
      found.append((id, whole == nil ? target : nil))
    }
    return found.sorted { $0.id < $1.id }
  }

  /// The text that `ids` stand for, without padding.
  fileprivate func text(_ ids: [Int32], skipsSpecial: Bool = false) -> String {
    tokenizer.text(
      of: ids.filter { ids.count == 1 || $0 != tokenizer.specialTokens.padding }
        .filter { !skipsSpecial || !tokenizer.isSpecial($0) }
        .compactMap { tokenizer.token(for: $0) })
  }
}
