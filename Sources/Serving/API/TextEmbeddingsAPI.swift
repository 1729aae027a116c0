import HTTP
import JSON
import Transformer

/// Hugging Face's text-embeddings-inference, by the first model that suits; its `/rerank` and `/predict` stand with ours.
struct TextEmbeddingsAPI: Sendable {
  let api: PublicAPI

  private static let embedExample = #"{"inputs": "text"}"#
  private static let similarityExample =
    #"{"inputs": {"source_sentence": "text", "sentences": ["a", "b"]}}"#

  var endpoints: [Endpoint] {
    var endpoints: [Endpoint] = []
    if !api.names(.embedder).isEmpty {
      endpoints = [
        Endpoint(method: .post, template: "/embed", operation: embedOperation) {
          call throws(Problem) in try embed(call)
        },
        Endpoint(method: .post, template: "/similarity", operation: similarityOperation) {
          call throws(Problem) in try similarity(call)
        },
      ]
    }
    if let served = api.deployments(.embedder).first ?? api.deployments(.crossEncoder).first
      ?? api.deployments(.classifier).first
    {
      let answer = Response.json(.ok, information(served.primary.description).serializedBytes())
      endpoints.append(
        Endpoint(method: .get, template: "/info", operation: informationOperation) { _ in answer })
    }
    return endpoints
  }

  // MARK: - /info

  /// What the protocol's clients ask before they send texts: which model, and how much at once.
  private func information(_ model: ModelDescription) -> JSONValue {
    let kind =
      ModelKind.embedder.suits(model)
      ? "embedding" : ModelKind.crossEncoder.suits(model) ? "reranker" : "classifier"
    var details: JSONObject = [:]
    if kind != "embedding" {
      let numbered = model.labels.enumerated().map { ("\($0)", $1) }
      var (names, numbers) = (JSONObject(), JSONObject())
      for (number, label) in numbered {
        names[number] = JSONValue(label)
        numbers[label] = JSONValue(Int(number) ?? 0)
      }
      details = ["id2label": .object(names), "label2id": .object(numbers)]
    }
    var object: JSONObject = [
      "model_id": JSONValue(model.name), "model_sha": .null,
      "served_model_name": JSONValue(model.name),
      "model_type": .object([kind: .object(details)]),
      "max_concurrent_requests": JSONValue(api.options.maximumQueuedTexts),
      "max_input_length": JSONValue(model.maximumTokens),
      "max_batch_tokens": JSONValue(api.options.maximumBatchTokens),
      "max_batch_requests": JSONValue(api.options.maximumBatchTexts),
      "max_client_batch_size": JSONValue(api.options.maximumTextsPerRequest),
      "auto_truncate": true, "tokenization_workers": 1, "version": JSONValue(model.version),
      "sha": .null, "docker_label": .null,
    ]
    if let precision = model.precision {
      object["model_dtype"] = JSONValue(precision.textEmbeddingsName)
    }
    return .object(object)
  }

  // MARK: - /embed and /similarity

  static let embedMembers: Set = [
    "inputs", "truncate", "truncation_direction", "prompt_name", "normalize", "dimensions", "model",
  ]

  private func embed(_ call: Call) throws(Problem) -> Response? {
    try api.refuseIfFull(call)
    var call = call
    let body = try RequestBody(&call, example: Self.embedExample, known: Self.embedMembers)
    return try embed(call, body, api.deployment(body, .embedder))
  }

  /// The vectors of the texts in `inputs`, for the inference API too.
  func embed(
    _ call: Call, _ body: RequestBody, _ deployment: ModelCatalog.Deployment
  ) throws(Problem) -> Response? {
    let (inputs, isList) = try body.texts("inputs", maximum: api.options.maximumTextsPerRequest)
    var request = EmbeddingRequest(
      deployment: deployment, inputs: inputs,
      pointer: { isList ? "/inputs/\($0)" : "/inputs" })
    try body.refuseCutsOnTheLeft()
    try request.readParameters(body, ["prompt_name"])
    try request.readDimensions(body, "dimensions")
    request.length = try body.bool("normalize", default: true) ? .one : .any
    request.refusesLongTexts = try !body.bool("truncate", default: true)
    return try api.embed(call, request) { vectors, _ throws(Problem) in
      var json = JSONWriter(capacity: 4096 * vectors.count)
      json.list(vectors) { $1.numbers($0) }
      return try json.finished()
    }
  }

  /// The cosine of one sentence with each of others; as a task of the inference API it has the same shape.
  func similarity(_ call: Call, model: String? = nil) throws(Problem) -> Response? {
    try api.refuseIfFull(call)
    var call = call
    let body = try RequestBody(
      &call, example: Self.similarityExample, known: ["inputs", "parameters", "model"])
    guard let inputs = try body.nested("inputs") else { throw body.wrong("inputs", "missing") }
    let parameters = try body.nested("parameters")
    call.ignore(
      inputs.object.keys.filter { !["source_sentence", "sentences"].contains($0) }
        + (parameters?.object.keys ?? []).filter {
          !["truncate", "truncation_direction", "prompt_name"].contains($0)
        })
    let source = try RequestBody.text(
      inputs["source_sentence"] ?? .null, pointer: "/inputs/source_sentence",
      example: Self.similarityExample)
    let (texts, _) = try inputs.texts(
      "sentences", maximum: api.options.maximumTextsPerRequest, acceptsOne: false)
    var request = RelevanceRequest(
      deployment: try api.deployment(body, .embedder, named: model), queries: [source],
      texts: texts.map(\.text),
      pointer: { "/inputs/sentences/\($0)" })
    if let parameters {
      try parameters.refuseCutsOnTheLeft()
      request.refusesLongTexts = try !parameters.bool("truncate", default: true)
      request.readParameters(parameters, ["prompt_name"])
    }
    return try api.score(call, request) { scores, _ throws(Problem) in
      var json = JSONWriter(capacity: 16 * scores.count)
      json.numbers(scores)
      return try json.finished()
    }
  }
}

// MARK: - /predict

extension TextEmbeddingsAPI {
  private static let predictExample =
    #"{"inputs": "text"}, or {"inputs": [["a"], ["b", "b's pair"]]}"#

  /// Their `/predict`, which is ours where the body has `input`: one text or a pair gives a list of labels, several give a list of
  /// such lists.
  func predict(_ call: Call, _ deployment: ModelCatalog.Deployment) throws(Problem) -> Response? {
    var call = call
    call.shape = .textEmbeddings
    do throws(Problem) {
      let body = try RequestBody(
        &call, example: Self.predictExample,
        known: ["inputs", "truncate", "truncation_direction", "raw_scores"])
      let model = deployment.primary.description
      guard ModelKind.classifier.suits(model) else {
        throw Problem(
          status: .badRequest,
          detail: "The model '\(model.name)' is not \(ModelKind.classifier.noun).",
          mend: "Use one of: \(api.names(.classifier).joined(separator: ", ")).")
      }
      try body.refuseCutsOnTheLeft()
      if try body.bool("raw_scores", default: false) {
        throw body.wrong("raw_scores", "true, which is not offered: probabilities are given")
      }
      let (inputs, isList) = try sequences(body)
      return try api.predict(
        call, deployment, inputs, refusesLongTexts: !body.bool("truncate", default: true),
        pointer: { isList ? "/inputs/\($0)" : "/inputs" }
      ) { predictions, _ throws(Problem) in
        var json = JSONWriter(capacity: 64 * predictions.count)
        if isList {
          json.list(predictions) { $1.rankedLabels($0, model.labels) }
        } else if let first = predictions.first {
          json.rankedLabels(first, model.labels)
        }
        return try json.finished()
      }
    } catch {
      return call.refusal(error)
    }
  }

  /// `"text"`, `["text"]`, `["text", "pair"]`, or a list of such lists.
  private func sequences(_ body: RequestBody) throws(Problem) -> (inputs: [TextInput], isList: Bool)
  {
    func sequence(_ value: JSONValue, _ pointer: String) throws(Problem) -> TextInput {
      let parts = value.arrayValue ?? [value]
      guard (1...2).contains(parts.count) else {
        throw Problem(
          status: .unprocessableContent,
          detail: "There are \(parts.count) strings, not a text or a pair.",
          mend: "Send \(Self.predictExample).", pointer: pointer)
      }
      let texts = try parts.map { part throws(Problem) in
        try RequestBody.text(part, pointer: pointer, example: Self.predictExample)
      }
      return TextInput(texts[0], pair: texts.count > 1 ? texts[1] : nil)
    }
    let value = body["inputs"] ?? .null
    guard let values = value.arrayValue, values.first?.arrayValue != nil else {
      return ([try sequence(value, "/inputs")], false)
    }
    if values.count > api.options.maximumTextsPerRequest {
      throw body.wrong("inputs", "more than \(api.options.maximumTextsPerRequest) texts")
    }
    var inputs: [TextInput] = []
    for (index, value) in values.enumerated() {
      inputs.append(try sequence(value, "/inputs/\(index)"))
    }
    return (inputs, true)
  }
}

// MARK: - Description

extension TextEmbeddingsAPI {
  private var maximum: Int { api.options.maximumTextsPerRequest }

  private var embedOperation: Operation {
    Operation(
      id: "embed", tag: "text-embeddings-inference", summary: "Embeds one text or several.",
      description:
        "Texts that are longer than the model reads are cut, or 413 where 'truncate' is false.",
      parameters: [Schema.timeout],
      body: (
        Schema.object(
          [
            "inputs": Schema.texts(maximum), "truncate": Schema.nullable(Schema.boolean),
            "normalize": Schema.nullable(Schema.boolean),
            "dimensions": Schema.nullable(Schema.integer(from: 1, to: api.smallestDimension)),
          ], required: ["inputs"]),
        [("two texts", ["inputs": ["How old are you?", "Hello"]])]
      ),
      answers: [
        Operation.Answer(
          schema: Schema.list(Schema.list(Schema.number)), headers: Self.headers)
      ],
      errors: [404, 422, 500, 503, 504], shape: .textEmbeddings)
  }

  private var informationOperation: Operation {
    let (count, text) = (["type": "integer", "minimum": 1] as JSONValue, Schema.string)
    let kinds = Schema.object([
      "embedding": Schema.object([:]), "reranker": Schema.object([:]),
      "classifier": Schema.object([:]),
    ])
    return Operation(
      id: "textEmbeddingsInformation", tag: "text-embeddings-inference",
      summary: "Which model /embed serves, or /rerank where there is no other, and its limits.",
      answers: [
        Operation.Answer(
          schema: Schema.object(
            [
              "model_id": text, "served_model_name": text, "version": text,
              "model_type": kinds, "max_concurrent_requests": count, "max_input_length": count,
              "max_batch_tokens": count, "max_batch_requests": count,
              "max_client_batch_size": count, "auto_truncate": Schema.boolean,
              "tokenization_workers": count,
              "model_dtype": Schema.values(["float32", "bfloat16", "int8"]),
            ], required: ["model_id", "model_type", "max_input_length", "max_client_batch_size"]))
      ], shape: .textEmbeddings)
  }

  private var similarityOperation: Operation {
    Operation(
      id: "similarity", tag: "text-embeddings-inference",
      summary: "The cosine of one sentence's vector with those of others.",
      parameters: [Schema.timeout],
      body: (
        Schema.object(
          [
            "inputs": Schema.object(
              [
                "source_sentence": Schema.text,
                "sentences": Schema.list(Schema.text, minimum: 1, maximum: maximum),
              ], required: ["source_sentence", "sentences"]),
            "parameters": Schema.nullable(
              Schema.object(["truncate": Schema.nullable(Schema.boolean)])),
          ], required: ["inputs"]),
        [
          (
            "two sentences",
            [
              "inputs": [
                "source_sentence": "How old are you?", "sentences": ["What is your age?", "Hello"],
              ]
            ]
          )
        ]
      ),
      answers: [
        Operation.Answer(schema: Schema.list(Schema.number), headers: Self.headers)
      ],
      errors: [404, 422, 500, 503, 504], shape: .textEmbeddings)
  }

  private static let headers = ["X-Model-Version", "X-Input-Truncated", "X-Ignored-Members"]
}
