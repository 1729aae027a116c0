import HTTP
import JSON
import Transformer

/// Martlet's own API: `/predict` and `/models/{model}/predict`.
struct PredictAPI: Sendable {
  let api: PublicAPI

  /// An answer with scores can be asked for by this media type too.
  static let scoresType = "application/vnd.martlet.scores+json"
  private static let example = #"{"input": "text"} or {"input": ["a", "b"]}"#

  var endpoints: [Endpoint] {
    [
      Endpoint(method: .post, template: "/predict", operation: operation(named: false)) {
        call throws(Problem) in
        try predict(call)
      },
      Endpoint(
        method: .post, template: "/models/{model}/predict", operation: operation(named: true)
      ) { call throws(Problem) in try predict(call) },
    ]
  }

  // MARK: - /predict

  private func predict(_ call: Call) throws(Problem) -> Response? {
    let (version, deployment) = try api.version(call)
    try api.refuseIfFull()
    let hasScores = try wantsScores(call.request)
    let body = try RequestBody(call.request, example: Self.example, members: ["input"])
    let (inputs, isList) = try body.texts(
      "input", maximum: api.options.maximumTextsPerRequest, pairs: true)
    let labels = version.description.labels
    return try api.predict(
      call, version, shadow: deployment.shadow, inputs: inputs, isList: isList,
      pointer: { isList ? "/input/\($0)" : "/input" }
    ) { predictions throws(Problem) in
      try PredictAnswer(
        labels: labels, predictions: predictions, isList: isList, hasScores: hasScores
      ).response()
    }
  }

  private func wantsScores(_ request: Request) throws(Problem) -> Bool {
    switch request.queryParameter("scores") {
    case nil: return request.field("accept")?.contains(Self.scoresType) ?? false
    case "true"?: return true
    case "false"?: return false
    default:
      throw Problem(
        status: .badRequest, detail: "The query parameter 'scores' is neither true nor false.",
        mend: "Write ?scores=true, or leave it out.")
    }
  }
}

// MARK: - Description

extension PredictAPI {
  private func operation(named: Bool) -> Operation {
    let models = api.catalog.deployments.map(\.primary.description)
    let described = named ? models : Array(models.prefix(1))
    let maximum = api.options.maximumTextsPerRequest
    let list = Schema.list(Schema.input, minimum: 1, maximum: maximum)
    var parameters: [JSONValue] = [
      [
        "name": "scores", "in": "query", "schema": Schema.boolean,
        "description": "Adds the probability of each label, where the model has such.",
      ],
      Schema.timeout,
    ]
    if named { parameters.insert(Schema.model(api.modelNames), at: 0) }
    return Operation(
      id: named ? "predictWithModel" : "predict", tag: "predict",
      summary: named
        ? "Predicts with the model of this name."
        : "Predicts for one text, one pair of texts, or several.",
      description: "A list of texts gives a list of predictions in its order.",
      parameters: parameters,
      body: (
        Schema.object(
          ["input": Schema.any(Schema.input, list)], required: ["input"], isClosed: true),
        [
          ("one", ["input": "WINNER! Claim your free prize now, text YES to 80086"]),
          ("list", ["input": ["Are you coming home for dinner?", "Call now to claim your prize"]]),
          ("pair", ["input": ["text": "How old are you?", "text_pair": "What is your age?"]]),
        ]
      ),
      answers: [
        Operation.Answer(
          schema: answer(described),
          headers: ["X-Model-Version", "X-Input-Truncated"])
      ],
      errors: [404, 422, 500, 503, 504])
  }

  private func answer(_ models: [ModelDescription]) -> JSONValue {
    let predictions = models.map(Self.prediction)
    let one: JSONValue = predictions.count == 1 ? predictions[0] : ["anyOf": .array(predictions)]
    let scores: JSONValue = ["type": "object", "additionalProperties": Schema.number]
    return Schema.object(
      [
        "prediction": Schema.any(one, Schema.list(one)),
        "scores": Schema.any(scores, Schema.list(scores)),
        "truncated": Schema.any(Schema.boolean, Schema.list(Schema.boolean)),
      ], required: ["prediction"], isClosed: true)
  }

  /// The prediction for one input, by task.
  private static func prediction(_ model: ModelDescription) -> JSONValue {
    let label = Schema.values(model.labels)
    switch model.task {
    case .classification: return label
    case .multiLabelClassification: return Schema.list(label)
    case .regression:
      return model.labels.count <= 1 ? Schema.number : Schema.list(Schema.number)
    case .embedding: return Schema.list(Schema.number)
    case .tokenClassification:
      return Schema.list(
        Schema.object(
          ["token": Schema.string, "label": label, "score": Schema.number],
          required: ["token", "label", "score"], isClosed: true))
    }
  }
}
