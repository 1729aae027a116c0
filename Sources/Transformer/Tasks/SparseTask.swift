import JSON
import Tokenization

/// A weight for each of some words of the vocabulary.
public struct SparseVector: Sendable, Equatable {
  /// Ids of the words, rising.
  public var ids: [Int32]
  /// The words as the vocabulary has them.
  public var tokens: [String]
  /// Their weights, above 0.
  public var weights: [Float]

  /// Words and weights.
  public init(ids: [Int32], tokens: [String], weights: [Float]) {
    (self.ids, self.tokens, self.weights) = (ids, tokens, weights)
  }
}

/// A sparse vector over the vocabulary: SPLADE and its kin.
struct SparseTask: TaskDefinition {
  let name = "sparse-embedding"
  let classSuffixes: [String] = []
  let hasLabels = false
  let member = "sparse_embedding"

  func parameters(_ model: ModelSignature) -> [TaskParameter] {
    TaskParameter.prompts(model) + [
      TaskParameter(
        name: "max_active_dims", kind: .integer(1...1_000_000),
        summary: "How many of the weights are kept, the largest.")
    ]
  }

  func check(_ parameters: TaskParameters, _ model: ModelSignature) throws(InputProblem) {
    try parameters.checkPrompts()
  }

  func encode(
    _ input: TextInput, by model: TextModel
  ) throws(PredictionError) -> EncodedInput {
    guard model.staticWeights != nil, input.parameters.side == .query else {
      return try model.encodeWhole(input)
    }
    let text = model.configuration.prompts.text(for: input.parameters) + input.text
    var encoding = model.tokenizer.encode(
      text, maximumLength: StaticTable.longestText, addsSpecialTokens: false)
    encoding.isRead = false
    return try EncodedInput(input, encoding)
  }

  func head(_ source: HeadSource) throws -> any TaskHead {
    try source.configuration.sparse?.tokenWeights.map { try TokenWeightHead(source, path: $0) }
      ?? SparseHead(source)
  }

  func value(
    _ outputs: [SequenceOutput], of input: EncodedInput, by model: TextModel
  ) -> Prediction.Value {
    let entries: [(id: Int32, weight: Float)]
    if let weights = model.staticWeights, !input.encoding.isRead {
      entries = Set(input.encoding.ids).filter { $0 != model.tokenizer.specialTokens.padding }
        .map { ($0, weights[Int($0)]) }
    } else if model.configuration.sparse?.tokenWeights != nil {
      entries = Self.largest(input.encoding.ids, outputs[0].values, model.tokenizer)
    } else {
      entries = outputs[0].row(0).enumerated().map { (Int32($0.offset), $0.element) }
    }
    var kept = entries.filter { $0.weight != 0 }
    if let count = input.input.parameters.integer("max_active_dims"), count < kept.count {
      kept.sort { ($1.weight, $0.id) < ($0.weight, $1.id) }
      kept.removeLast(kept.count - count)
    }
    kept.sort { $0.id < $1.id }
    return .sparse(
      SparseVector(
        ids: kept.map(\.id), tokens: kept.map { model.tokenizer.token(for: $0.id) ?? "" },
        weights: kept.map(\.weight)))
  }

  /// Of each word the largest of its tokens' weights, special tokens and unknown ones left out.
  private static func largest(
    _ ids: [Int32], _ weights: [Float], _ tokenizer: Tokenizer
  ) -> [(id: Int32, weight: Float)] {
    var largest: [Int32: Float] = [:]
    for (id, weight) in zip(ids, weights)
    where !tokenizer.isFrame(id) && id != tokenizer.specialTokens.unknown
      && id != tokenizer.specialTokens.padding
    {
      largest[id] = max(largest[id] ?? 0, weight)
    }
    return largest.map { ($0.key, $0.value) }
  }

  func schema(_ model: ModelSignature) -> JSONValue {
    Schema.list(
      Schema.object(
        [
          "index": ["type": "integer", "minimum": 0], "token": Schema.string,
          "value": Schema.number,
        ],
        required: ["index", "token", "value"], isClosed: true))
  }

  func outputs(_ model: ModelSignature) -> [TensorOutput] {
    [.json("sparse_embedding", labels: model.labels)]
  }
}

extension ModelTask {
  /// A sparse vector over the vocabulary.
  public static let sparseEmbedding = ModelTask(SparseTask())
}
