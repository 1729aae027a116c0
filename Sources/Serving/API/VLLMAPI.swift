import HTTP
import JSON
import Transformer

/// What vLLM serves of pooling models: `/classify`, `/score`, `/v1/score` and `/pooling`.
struct VLLMAPI: Sendable {
  let api: PublicAPI

  private static let example = #"{"model": "NAME", "input": "text"}"#
  private static let scoreExample =
    #"{"model": "NAME", "queries": "text", "documents": ["a", "b"]}"#
  private static let known: Set = [
    "model", "input", "user", "encoding_format", "dimensions", "truncate_prompt_tokens", "task",
    "add_special_tokens", "use_activation", "activation", "softmax", "normalize", "priority",
    "request_id", "padding",
  ]

  /// What `/pooling` is for.
  private static let pooled = ModelKind(
    noun: "an embedding model or classifier", example: "a text classifier"
  ) { ModelKind.embedder.suits($0) || ModelKind.classifier.suits($0) }

  var endpoints: [Endpoint] {
    var endpoints: [Endpoint] = []
    func add(
      _ path: String, _ kind: ModelKind, _ operation: Operation,
      _ handler: @escaping Endpoint.Handler
    ) {
      if api.names(kind).isEmpty { return }
      endpoints.append(
        Endpoint(method: .post, template: path, operation: operation, handler: handler))
    }
    add("/classify", .classifier, classifyOperation) { call throws(Problem) in try classify(call) }
    add("/pooling", Self.pooled, poolingOperation) { call throws(Problem) in try pool(call) }
    for (path, id) in [("/score", "score"), ("/v1/score", "scoreV1")] {
      add(path, .scorer, scoreOperation(id)) { call throws(Problem) in try score(call) }
    }
    return endpoints
  }

  // MARK: - /classify and /pooling

  private func classify(_ call: Call) throws(Problem) -> Response? {
    let (call, body, deployment) = try start(call, .classifier, Self.known, Self.example)
    let labels = deployment.primary.description.labels
    return try answer(call, body, deployment) { prediction, json in
      let found = prediction.classification
      json.raw(#","label":"#)
      json.string(found.map { labels[$0.labelIndex] } ?? "")
      json.raw(#","probs":"#)
      json.numbers(found?.probabilities ?? [])
      json.raw(#","num_classes":"#)
      json.integer(labels.count)
    }
  }

  private func pool(_ call: Call) throws(Problem) -> Response? {
    let (call, body, deployment) = try start(call, Self.pooled, Self.known, Self.example)
    let isEmbedding = ModelKind.embedder.suits(deployment.primary.description)
    if let task = body["task"], task != (isEmbedding ? "embed" : "classify") {
      throw body.wrong(
        "task",
        isEmbedding ? "not 'embed', which this model does" : "not 'classify', which this model does"
      )
    }
    let format = try body.word("encoding_format", as: VectorFormat.self) ?? .float
    var request = EmbeddingRequest(deployment: deployment, inputs: [], pointer: { "\($0)" })
    if isEmbedding { try request.readDimensions(body, "dimensions") }
    return try answer(call, body, deployment) { [request] prediction, json in
      json.raw(#","object":"pooling","data":"#)
      json.vector(
        isEmbedding ? request.vector(prediction) : prediction.classification?.probabilities ?? [],
        format)
    }
  }

  /// - Parameter write: the members of one text's answer behind its index.
  private func answer(
    _ call: Call, _ body: RequestBody, _ deployment: ModelCatalog.Deployment,
    write: @escaping @Sendable (Prediction, inout JSONWriter) -> Void
  ) throws(Problem) -> Response? {
    if let value = body["input"], value[0]?.intValue != nil || value[0]?[0]?.intValue != nil {
      throw body.wrong("input", "a list of token ids; texts are taken")
    }
    let (inputs, isList) = try body.texts("input", maximum: api.options.maximumTextsPerRequest)
    let (id, name) = (call.request.id, deployment.primary.description.name)
    return try api.predict(
      call, deployment, inputs, refusesLongTexts: try refusesLongTexts(body, deployment),
      pointer: { isList ? "/input/\($0)" : "/input" }
    ) { predictions, tokens throws(Problem) in
      var json = JSONWriter(capacity: 128 * predictions.count)
      json.openList(id, name)
      json.list(predictions.enumerated()) { element, json in
        json.raw(#"{"index":"#)
        json.integer(element.offset)
        write(element.element, &json)
        json.raw("}")
      }
      json.usage(tokens)
      json.raw("}")
      return try json.finished()
    }
  }

  private func start(
    _ call: Call, _ kind: ModelKind, _ known: Set<String>, _ example: String
  ) throws(Problem) -> (Call, RequestBody, ModelCatalog.Deployment) {
    try api.refuseIfFull(call)
    var call = call
    let body = try RequestBody(&call, example: example, known: known)
    for name in ["use_activation", "activation", "softmax", "normalize", "add_special_tokens"] {
      guard try body.bool(name, default: true) else {
        throw body.wrong(name, "false, which is not offered")
      }
    }
    return (call, body, try api.deployment(body, kind))
  }

  /// vLLM refuses long texts unless `truncate_prompt_tokens` says to how many tokens they are cut; -1 is the model's own limit.
  private func refusesLongTexts(
    _ body: RequestBody, _ deployment: ModelCatalog.Deployment
  ) throws(Problem) -> Bool {
    guard let value = body["truncate_prompt_tokens"] else { return true }
    let limit = deployment.primary.description.maximumTokens
    guard let count = value.intValue, count == -1 || count >= limit else {
      throw body.wrong(
        "truncate_prompt_tokens", "neither -1 nor \(limit) and more, the model's own limit")
    }
    return false
  }

  // MARK: - /score

  private func score(_ call: Call) throws(Problem) -> Response? {
    let pairs = [
      ("queries", "documents"), ("queries", "items"), ("text_1", "text_2"), ("data_1", "data_2"),
    ]
    let names = Set(pairs.flatMap { [$0.0, $0.1] })
    let (call, body, deployment) = try start(
      call, .scorer, Self.known.union(names), Self.scoreExample)
    guard let (first, second) = pairs.first(where: { body[$0.0] != nil && body[$0.1] != nil })
    else { throw body.wrong("queries", "missing, or 'documents' beside it is") }
    let maximum = api.options.maximumTextsPerRequest
    let (queries, _) = try body.texts(first, maximum: maximum)
    let (texts, isList) = try body.texts(second, maximum: maximum)
    guard queries.count == 1 || queries.count == texts.count else {
      throw body.wrong(
        second, "\(texts.count) texts; one query, or as many as there are texts, are taken")
    }
    var request = RelevanceRequest(
      deployment: deployment, queries: queries.map(\.text), texts: texts.map(\.text),
      pointer: { isList ? "/\(second)/\($0)" : "/\(second)" })
    request.refusesLongTexts = try refusesLongTexts(body, deployment)
    let (id, name) = (call.request.id, deployment.primary.description.name)
    return try api.score(call, request) { scores, tokens throws(Problem) in
      var json = JSONWriter(capacity: 64 * scores.count + 128)
      json.openList(id, name)
      json.list(scores.enumerated()) { element, json in
        json.raw(#"{"index":"#)
        json.integer(element.offset)
        json.raw(#","object":"score","score":"#)
        json.number(element.element)
        json.raw("}")
      }
      json.usage(tokens)
      json.raw("}")
      return try json.finished()
    }
  }
}

extension JSONWriter {
  /// What stands before the data of vLLM's lists.
  fileprivate mutating func openList(_ id: String, _ model: String) {
    raw(#"{"id":"#)
    string(id)
    raw(#","object":"list","created":0,"model":"#)
    string(model)
    raw(#","data":"#)
  }
}

// MARK: - Description

extension VLLMAPI {
  private var maximum: Int { api.options.maximumTextsPerRequest }

  private func operation(
    _ id: String, _ summary: String, _ kind: ModelKind, properties: JSONObject, required: [String],
    example: JSONObject, datum: JSONObject
  ) -> Operation {
    var (properties, example) = (properties, example)
    let names = api.names(kind)
    properties["model"] = Schema.values(names)
    properties["truncate_prompt_tokens"] = ["const": -1]
    if let name = names.first { example["model"] = JSONValue(name) }
    return Operation(
      id: id, tag: "vllm", summary: summary,
      description:
        "Texts that are longer than the model reads are 413, unless 'truncate_prompt_tokens' is -1.",
      parameters: [Schema.timeout],
      body: (
        Schema.object(properties, required: required), [("two texts", .object(example))]
      ),
      answers: [
        Operation.Answer(
          schema: Schema.object(
            [
              "id": Schema.string, "object": Schema.constant("list"),
              "created": Schema.integer(from: 0),
              "model": Schema.string,
              "data": Schema.list(Schema.object(datum, required: ["index"])),
              "usage": Schema.usage,
            ], required: ["id", "object", "model", "data", "usage"]),
          headers: ["X-Model-Version", "X-Input-Truncated", "X-Ignored-Members"])
      ],
      errors: [404, 500, 503, 504], shape: .openAI)
  }

  private var classifyOperation: Operation {
    operation(
      "classify", "Classifies one text or several.", .classifier,
      properties: ["input": Schema.texts(maximum)], required: ["input"],
      example: ["input": ["How old are you?", "Call now"]],
      datum: [
        "index": Schema.integer(from: 0), "label": Schema.string,
        "probs": Schema.list(Schema.number), "num_classes": Schema.integer(from: 1),
      ])
  }

  private var poolingOperation: Operation {
    operation(
      "pooling", "A text's vector, or its probabilities.", Self.pooled,
      properties: [
        "input": Schema.texts(maximum),
        "encoding_format": Schema.values(VectorFormat.allCases.map(\.rawValue)),
      ], required: ["input"], example: ["input": ["How old are you?", "Hello"]],
      datum: [
        "index": Schema.integer(from: 0), "object": Schema.constant("pooling"),
        "data": Schema.any(Schema.list(Schema.number), Schema.string),
      ])
  }

  private func scoreOperation(_ id: String) -> Operation {
    operation(
      id, "How well each text answers a query.", .scorer,
      properties: ["queries": Schema.text, "documents": Schema.texts(maximum)],
      required: ["queries", "documents"],
      example: [
        "queries": "How many people live in Berlin?",
        "documents": ["Berlin has 3.7 million inhabitants.", "Bread is baked."],
      ],
      datum: [
        "index": Schema.integer(from: 0), "object": Schema.constant("score"),
        "score": Schema.number,
      ])
  }
}
