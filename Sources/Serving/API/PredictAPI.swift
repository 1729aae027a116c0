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
    let body = try RequestBody(
      call.request, example: Self.example,
      members: call.model == nil ? ["input", "models"] : ["input"])
    let several = try deployments(body)
    let asked = (several ?? [deployment]).map { deployment in
      ComputeJob.Asked(
        several == nil ? version : deployment.version(for: call.request), shadow: deployment.shadow)
    }
    let (inputs, isList) = try body.texts(
      "input", maximum: api.options.maximumTextsPerRequest, pairs: true)
    let models = asked.map(\.version.description)
    return try api.predict(
      call, asked, inputs: inputs, isList: isList,
      pointer: { isList ? "/input/\($0)" : "/input" }
    ) { predictions throws(Problem) in
      let answers = zip(models, predictions).map { model, own in
        (
          name: model.name,
          answer: PredictAnswer(
            labels: model.labels, predictions: own, isList: isList, hasScores: hasScores)
        )
      }
      if several == nil, let (_, answer) = answers.first { return try answer.response() }
      return try PredictAnswer.response(answers)
    }
  }

  /// The models that the member `models` names; nil where it is not there.
  private func deployments(_ body: RequestBody) throws(Problem) -> [ModelCatalog.Deployment]? {
    guard let value = body["models"] else { return nil }
    guard let names = value.arrayValue, !names.isEmpty else {
      throw Problem(
        status: .unprocessableContent,
        detail: value.arrayValue == nil
          ? "'models' is \(value.kind), not a list of names." : "'models' names no model.",
        mend: "Name one or more of: \(api.modelNames.joined(separator: ", ")).",
        pointer: "/models")
    }
    var deployments: [ModelCatalog.Deployment] = []
    for (index, value) in names.enumerated() {
      let pointer = "/models/\(index)"
      guard let name = value.stringValue else {
        throw Problem(
          status: .unprocessableContent, detail: "The model's name is \(value.kind), not a string.",
          mend: "Use one of: \(api.modelNames.joined(separator: ", ")).", pointer: pointer)
      }
      let deployment = try api.deployment(name, pointer: pointer)
      guard !deployments.contains(where: { $0.primary === deployment.primary }) else {
        throw Problem(
          status: .unprocessableContent, detail: "The model '\(name)' is named twice.",
          mend: "Name each model once.", pointer: pointer)
      }
      deployments.append(deployment)
    }
    return deployments
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
    var properties: JSONObject = ["input": Schema.any(Schema.input, list)]
    if named {
      parameters.insert(Schema.model(api.modelNames), at: 0)
    } else {
      properties["models"] = [
        "type": "array", "items": Schema.values(api.modelNames), "minItems": 1, "uniqueItems": true,
        "description": "Which models are asked; the default one alone where this is left out.",
      ]
    }
    return Operation(
      id: named ? "predictWithModel" : "predict", tag: "predict",
      summary: named
        ? "Predicts with the model of this name."
        : "Predicts for one text, one pair of texts, or several.",
      description: named
        ? "A list of texts gives a list of predictions in its order."
        : "A list of texts gives a list of predictions in its order. With `models`, each of these models is asked, and the answer is "
          + "`predictions` by name; models over one encoder share its work.",
      parameters: parameters,
      body: (
        Schema.object(properties, required: ["input"], isClosed: true), examples(named: named)
      ),
      answers: [
        Operation.Answer(
          schema: named ? answer(described) : Schema.any(answer(described), answersByName(models)),
          headers: ["X-Model-Version", "X-Input-Truncated"])
      ],
      errors: [404, 422, 500, 503, 504])
  }

  private func examples(named: Bool) -> [(name: String, value: JSONValue)] {
    var examples: [(name: String, value: JSONValue)] = [
      ("one", ["input": "WINNER! Claim your free prize now, text YES to 80086"]),
      ("list", ["input": ["Are you coming home for dinner?", "Call now to claim your prize"]]),
      ("pair", ["input": ["text": "How old are you?", "text_pair": "What is your age?"]]),
    ]
    if !named && api.modelNames.count > 1 {
      let names = api.modelNames.prefix(3).map { JSONValue($0) }
      examples.append(
        ("several models", ["input": "Call now to claim your prize", "models": .array(names)]))
    }
    return examples
  }

  private func answersByName(_ models: [ModelDescription]) -> JSONValue {
    var properties = JSONObject()
    for model in models { properties[model.name] = answer([model]) }
    return Schema.object(
      ["predictions": Schema.object(properties, isClosed: true)], required: ["predictions"],
      isClosed: true)
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
