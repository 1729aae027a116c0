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
    try api.refuseIfFull(call)
    let hasScores = try wantsScores(call.request)
    let body = try RequestBody(call.request, example: Self.example)
    if body["inputs"] != nil, body["input"] == nil {
      return try TextEmbeddingsAPI(api: api).predict(call, deployment)
    }
    let several = call.model == nil ? try deployments(body) : nil
    let asked = (several ?? [deployment]).map { deployment in
      ComputeJob.Asked(
        several == nil ? version : deployment.version(for: call.request), shadow: deployment.shadow)
    }
    let (inputs, isList) = try inputs(
      body, asked.map(\.version.description), hasModels: call.model == nil)
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

  /// What is asked of all of `models`: inputs, each with the parameters that stand in `parameters` or beside the inputs.
  private func inputs(
    _ body: RequestBody, _ models: [ModelDescription], hasModels: Bool
  ) throws(Problem) -> (inputs: [TextInput], isList: Bool) {
    let own = Set(["input", "parameters"] + (hasModels ? ["models"] : []))
    var names = Set<String>()
    for model in models {
      names.formUnion(model.task.definition.parameters(model.signature).map(\.name))
    }
    try body.refuseOthers(than: own.union(names))
    guard let form = models.first?.task.definition.input,
      models.allSatisfy({ $0.task.definition.input == form })
    else {
      throw Problem(
        status: .unprocessableContent, detail: "These models do not take the same inputs.",
        mend: "Ask them one by one.", pointer: "/models")
    }
    var (inputs, isList) = try body.texts(
      "input", maximum: api.options.maximumTextsPerRequest, form: form)
    if let parameters = try parameters(body, models, beside: own) {
      for index in inputs.indices { inputs[index].parameters = parameters }
    }
    return (inputs, isList)
  }

  /// What the request says beside its inputs, as all of `models` take it; nil where it says nothing.
  private func parameters(
    _ body: RequestBody, _ models: [ModelDescription], beside own: Set<String>
  ) throws(Problem) -> TaskParameters? {
    let inner = body["parameters"] ?? .null
    guard inner.isNull || inner.objectValue != nil else {
      throw body.wrong("parameters", "\(inner.kind), not an object")
    }
    var beside = JSONObject()
    for (name, value) in zip(body.object.keys, body.object.values) where !own.contains(name) {
      guard inner[name] == nil else {
        throw Problem(
          status: .unprocessableContent, detail: "'\(name)' stands there twice.",
          mend: "Give it once, in 'parameters' or beside 'input'.",
          pointer: "/parameters/\(JSONValue.pointerToken(name))")
      }
      beside[name] = value
    }
    if beside.isEmpty && inner.objectValue?.isEmpty ?? true { return nil }
    var all: TaskParameters?
    for model in models {
      do throws(InputProblem) {
        all = try TaskParameters(
          beside, and: inner.objectValue ?? [:], task: model.task, model: model.signature)
      } catch {
        throw Problem(error, at: "", example: Self.example)
      }
    }
    return all
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
    let forms = models.reduce(into: [InputForm]()) { forms, model in
      let form = model.task.definition.input
      if !forms.contains(form) { forms.append(form) }
    }
    let input = Self.any(forms.map(\.schema))
    let list = Schema.list(input, minimum: 1, maximum: maximum)
    var parameters: [JSONValue] = [
      [
        "name": "scores", "in": "query", "schema": Schema.boolean,
        "description": "Adds the probability of each label, where the model has such.",
      ],
      Schema.timeout,
    ]
    var properties: JSONObject = ["input": Schema.any(input, list)]
    let taken = Self.parameters(models)
    for (name, schema) in zip(taken.keys, taken.values) { properties[name] = schema }
    properties["parameters"] = Schema.object(taken, isClosed: true)
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
    let models = api.catalog.deployments.map(\.primary.description)
    var examples = models.first.map { $0.task.definition.examples($0.signature) } ?? []
    if !named && models.count > 1, models.allSatisfy({ !$0.task.definition.input.isPair }) {
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

  /// The parameters of all of `models`, by name.
  private static func parameters(_ models: [ModelDescription]) -> JSONObject {
    var object = JSONObject()
    for model in models {
      for parameter in model.task.definition.parameters(model.signature)
      where object[parameter.name] == nil {
        object[parameter.name] = parameter.schema
      }
    }
    return object
  }

  private static func any(_ schemas: [JSONValue]) -> JSONValue {
    schemas.count == 1 ? schemas[0] : ["anyOf": .array(schemas)]
  }

  private func answer(_ models: [ModelDescription]) -> JSONValue {
    let one = Self.any(models.map { $0.task.definition.schema($0.signature) })
    let scores: JSONValue = ["type": "object", "additionalProperties": Schema.number]
    return Schema.object(
      [
        "prediction": Schema.any(one, Schema.list(one)),
        "scores": Schema.any(scores, Schema.list(scores)),
        "offset_unit": Schema.constant(.string(Prediction.Value.offsetUnit)),
        "truncated": Schema.any(Schema.boolean, Schema.list(Schema.boolean)),
      ], required: ["prediction"], isClosed: true)
  }
}
