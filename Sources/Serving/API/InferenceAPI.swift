import HTTP
import JSON
import Transformer

/// The shape of Hugging Face's inference API and endpoints, `{"inputs": …, "parameters": {…}}`, answered by the model's task as
/// `transformers`' pipelines do: at `/` by the default model, at `/models/{model}` by name, and at both paths that the hub's
/// clients make with a task in them.
struct InferenceAPI: Sendable {
  let api: PublicAPI

  private static let example = #"{"inputs": "text", "parameters": {}}"#

  var endpoints: [Endpoint] {
    let paths = [
      ("/", "infer"), ("/models/{model}", "inferWithModel"),
      ("/models/{model}/pipeline/{task}", "inferTask"),
      ("/pipeline/{task}/{model}", "inferTaskWithModel"),
    ]
    return paths.map { path, id in
      Endpoint(method: .post, template: path, operation: operation(path, id)) {
        call throws(Problem) in try infer(call)
      }
    }
  }

  private func infer(_ call: Call) throws(Problem) -> Response? {
    try api.refuseIfFull(call)
    let deployment = try api.deployment(call.model)
    let model = deployment.primary.description
    if let task = call.task, !model.pipelines.contains(task) {
      throw Problem(
        status: .badRequest, detail: "The model '\(model.name)' does not do '\(task.prefix(64))'.",
        mend: "It does: \(model.pipelines.joined(separator: ", ")).")
    }
    var call = call
    let body = try RequestBody(
      &call, example: Self.example,
      known: TextEmbeddingsAPI.embedMembers.union(["parameters", "options"]))
    if body["inputs"]?["source_sentence"] != nil {
      return try TextEmbeddingsAPI(api: api).similarity(call, model: model.name)
    }
    if ModelKind.embedder.suits(model) {
      call.ignore(
        (try body.nested("parameters")?.object.keys ?? []).filter {
          !TextEmbeddingsAPI.embedMembers.contains($0)
        })
      return try TextEmbeddingsAPI(api: api).embed(call, body.merging("parameters"), deployment)
    }
    let parameters = try body.nested("parameters")
    let known = model.task.definition.parameters(model.signature).map(\.name)
    var asked = JSONObject()
    var unknown: [String] = []
    for (name, value) in parameters?.object ?? [:] {
      // The only name that differs.
      let own = name == "aggregation_strategy" ? "aggregation" : name
      if known.contains(own) { asked[own] = value } else { unknown.append(name) }
    }
    var own: Set<String> = []
    var top: Int?
    if asked.isEmpty && (ModelKind.classifier.suits(model) || model.task == .regression) {
      own = ["top_k", "function_to_apply"]
      top = try parameters?.integer("top_k", in: 1...Int(Int32.max))
      try checkFunction(parameters, model)
    }
    call.ignore(unknown.filter { !own.contains($0) })
    let (read, isList) = try body.texts(
      "inputs", maximum: api.options.maximumTextsPerRequest, form: model.task.definition.input)
    var inputs = read
    do throws(InputProblem) {
      let said = try TaskParameters(asked, task: model.task, model: model.signature)
      for index in inputs.indices { inputs[index].parameters = said }
    } catch {
      throw Problem(error, at: "/parameters", example: Self.example)
    }
    return try api.predict(
      call, deployment, inputs, refusesLongTexts: false,
      pointer: { isList ? "/inputs/\($0)" : "/inputs" }
    ) { [own, top] predictions, _ throws(Problem) in
      var json = JSONWriter(capacity: 64 * predictions.count)
      if !own.isEmpty {
        json.list(predictions) { $1.rankedLabels($0, model.labels, top: top) }
      } else if isList {
        json.list(predictions) { $1.pipeline($0.value, model.labels) }
      } else if let first = predictions.first {
        json.pipeline(first.value, model.labels)
      }
      return try json.finished()
    }
  }

  /// Refuses another function on the head's outputs than the model's.
  private func checkFunction(
    _ parameters: RequestBody?, _ model: ModelDescription
  ) throws(Problem) {
    let function = model.task == .classification ? "softmax" : "sigmoid"
    guard let parameters, let asked = parameters["function_to_apply"] else { return }
    if asked.stringValue != function {
      throw parameters.wrong(
        "function_to_apply", "not '\(function)', which is what this model's head ends in")
    }
  }
}

extension ModelDescription {
  /// The names of `transformers`' pipelines that this model can answer for.
  var pipelines: [String] {
    switch task {
    case .multiLabelClassification, .regression: ["text-classification"]
    case .embedding: ["feature-extraction", "sentence-similarity"]
    default: [task.rawValue]
    }
  }
}

extension JSONWriter {
  /// Labels with their scores as pipelines write them, the best first: `[{"label": …, "score": …}]`.
  mutating func rankedLabels(_ prediction: Prediction, _ labels: [String], top: Int? = nil) {
    let scores: [Float] =
      switch prediction.value {
      case .label(_, let all), .labels(_, let all), .scores(let all): all
      default: []
      }
    list(scores.ranking.prefix(top ?? .max)) { index, json in
      json.raw(#"{"label":"#)
      json.string(index < labels.count ? labels[index] : "LABEL_\(index)")
      json.raw(#","score":"#)
      json.number(scores[index])
      json.raw("}")
    }
  }
}

extension JSONWriter {
  /// An answer as pipelines write it, where that is not as we do.
  fileprivate mutating func pipeline(_ value: Prediction.Value, _ labels: [String]) {
    switch value {
    case .spans(let spans):
      list(spans) { span, json in
        json.entity(
          "entity_group", span.label ?? "", span.score, span.word ?? span.text, span.range)
      }
    case .tokens(let tokens):
      list(tokens) { token, json in
        json.entity(
          "entity", labels[token.labelIndex], token.probability, token.token, token.range ?? 0..<0)
      }
    case .ranking(let names, let scores):
      list(zip(names, scores)) { one, json in
        json.raw(#"{"label":"#)
        json.string(one.0)
        json.raw(#","score":"#)
        json.number(one.1)
        json.raw("}")
      }
    default: value.write(to: &self, labels: labels)
    }
  }

  private mutating func entity(
    _ kind: StaticString, _ label: String, _ score: Float, _ word: String, _ range: Range<Int>
  ) {
    raw("{\"")
    raw(kind)
    raw(#"":"#)
    string(label)
    raw(#","score":"#)
    number(score)
    raw(#","word":"#)
    string(word)
    raw(#","start":"#)
    integer(range.lowerBound)
    raw(#","end":"#)
    integer(range.upperBound)
    raw("}")
  }
}

// MARK: - Description

extension InferenceAPI {
  private func operation(_ path: String, _ id: String) -> Operation {
    var parameters = [Schema.timeout]
    if path.contains("{model}") { parameters.append(Schema.model(api.modelNames)) }
    if path.contains("{task}") {
      parameters.append([
        "name": "task", "in": "path", "required": true, "schema": Schema.string,
        "description": "What the model does, such as text-classification.",
      ])
    }
    return Operation(
      id: id, tag: "hugging-face", summary: "Answers as the pipeline of the model's task.",
      parameters: parameters,
      body: (
        Schema.object(
          [
            "inputs": Schema.any(
              Schema.texts(api.options.maximumTextsPerRequest), ["type": "object"]),
            "parameters": Schema.nullable(["type": "object"]),
          ], required: ["inputs"]),
        []
      ),
      answers: [
        Operation.Answer(
          schema: ["type": ["array", "object"]],
          headers: ["X-Model-Version", "X-Input-Truncated", "X-Ignored-Members"])
      ],
      errors: [404, 422, 500, 503, 504], shape: .textEmbeddings)
  }
}
