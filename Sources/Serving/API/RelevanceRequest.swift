import Foundation
import HTTP
import JSON
import Transformer

/// What every dialect's rerank and score ask: how well texts answer a query. A cross-encoder reads both together; of an embedding
/// model it is the cosine of their vectors, of one of late interaction the sum of the best products of its tokens' vectors.
struct RelevanceRequest: Sendable {
  let deployment: ModelCatalog.Deployment
  /// One for all texts, or one for each.
  let queries: [String]
  let texts: [String]
  /// Where the request has each text.
  let pointer: @Sendable (Int) -> String
  /// Whether a cross-encoder's scores are to be its head's outputs instead of their sigmoid.
  var isRaw = false
  /// Whether a text that is longer than the model reads is refused, instead of cut.
  var refusesLongTexts = false

  /// What is said of all texts of an embedding model, in place of the sides on which they are.
  private var said: JSONObject?

  /// What is done with texts that are longer than the model reads, where the request says so.
  private var long = JSONObject()

  init(
    deployment: ModelCatalog.Deployment, queries: [String], texts: [String],
    pointer: @escaping @Sendable (Int) -> String
  ) {
    (self.deployment, self.queries, self.texts) = (deployment, queries, texts)
    self.pointer = pointer
  }

  private var isPair: Bool { ModelKind.crossEncoder.suits(deployment.primary.description) }

  private func query(_ index: Int) -> Int { queries.count == 1 ? 0 : index }

  /// Takes the sentences for equals, none of which is a query, and says of all what stands in these members of the body.
  mutating func readParameters(_ body: RequestBody, _ names: [String]) {
    var said = JSONObject()
    for name in names { said[name] = body[name] }
    self.said = said
  }

  /// Reads how long texts are to be read: in windows, of which the best counts.
  mutating func readLongText(_ body: RequestBody) {
    for name in ["long_text", "stride"] { long[name] = body[name] }
  }

  /// What the model is asked.
  ///
  /// - Throws: the problem of a parameter that the model does not take.
  func inputs() throws(Problem) -> [TextInput] {
    let model = deployment.primary.description
    let body = RequestBody(object: JSONObject(), example: "")
    if isPair {
      var pairs = texts.indices.map { TextInput(queries[query($0)], pair: texts[$0]) }
      try pairs.say(long, to: model, body)
      return pairs
    }
    var sides = (queries: queries.map { TextInput($0) }, texts: texts.map { TextInput($0) })
    let hasSides = said == nil && model.takes("input_type")
    try sides.queries.say(said ?? (hasSides ? ["input_type": "query"] : [:]), to: model, body)
    var document = said ?? (hasSides ? ["input_type": "document"] : [:])
    for (name, value) in long { document[name] = value }
    try sides.texts.say(document, to: model, body)
    return sides.queries + sides.texts
  }

  /// Where the request has what stands at this place of `inputs()`.
  func place(_ index: Int) -> String {
    isPair ? pointer(index) : index < queries.count ? "/query" : pointer(index - queries.count)
  }

  /// The scores, of what the model says of `inputs()`.
  func scores(_ predictions: [Prediction], _ activation: ScoreActivation) -> [Float] {
    if isPair { return predictions.map { $0.relevance(isRaw: isRaw, activation) } }
    if ModelKind.lateInteraction.suits(deployment.primary.description) {
      let vectors = predictions.map { prediction -> [[Float]] in
        if case .vectors(let vectors) = prediction.value { vectors } else { [] }
      }
      return texts.indices.map {
        LateInteraction.score(query: vectors[query($0)], document: vectors[queries.count + $0])
      }
    }
    let vectors = predictions.map { prediction -> [Float] in
      if case .vector(let vector) = prediction.value { vector } else { [] }
    }
    return texts.indices.map { vectors[query($0)].cosine(vectors[queries.count + $0]) }
  }
}

extension Prediction {
  /// A cross-encoder's output, or its sigmoid, whichever of them the model gives.
  fileprivate func relevance(isRaw: Bool, _ activation: ScoreActivation) -> Float {
    // Two outputs: the second is for, and the softmax of both is the sigmoid of their difference.
    if case .label(_, let both) = value, both.count == 2 {
      let bounded = min(max(Double(both[1]), 1e-38), 1 - 0x1p-25)
      return isRaw ? Float(log(bounded / (1 - bounded))) : both[1]
    }
    guard case .scores(let scores) = value, let score = scores.first else { return 0 }
    let value = Double(score)
    switch (activation, isRaw) {
    case (.identity, true), (.sigmoid, false): return score
    case (.identity, false): return Float(1 / (1 + exp(-value)))
    case (.sigmoid, true):
      // What single precision rounds to 0 or 1 is brought back to its nearest neighbour.
      let bounded = min(max(value, 1e-38), 1 - 0x1p-25)
      return Float(log(bounded / (1 - bounded)))
    }
  }
}

extension PublicAPI {
  /// Scores texts; `answer` makes the answer of the scores and the number of tokens.
  ///
  /// - Returns: nil: the answer comes later.
  func score(
    _ call: Call, _ request: RelevanceRequest,
    answer: @escaping @Sendable ([Float], _ tokens: Int) throws(Problem) -> [UInt8]
  ) throws(Problem) -> Response? {
    let activation = request.deployment.primary.description.scoreActivation
    return try predict(
      call, request.deployment, request.inputs(), refusesLongTexts: request.refusesLongTexts,
      pointer: request.place
    ) { predictions, tokens throws(Problem) in
      try answer(request.scores(predictions, activation), tokens)
    }
  }
}

extension [Float] {
  /// The places of these scores, the best first, equals in the order in which they came.
  var ranking: [Int] { indices.sorted { (self[$1], $0) < (self[$0], $1) } }
}
