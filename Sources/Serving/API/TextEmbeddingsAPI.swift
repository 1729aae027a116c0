import Foundation
import HTTP
import JSON
import Transformer

/// Hugging Face's text-embeddings-inference: `/embed` by the first embedding model, `/rerank` by the first cross-encoder.
struct TextEmbeddingsAPI: Sendable {
  let api: PublicAPI

  private static let embedExample = #"{"inputs": "text"}"#
  private static let rerankExample = #"{"query": "text", "texts": ["a", "b"]}"#

  private var embedder: ModelCatalog.Deployment? { api.catalog.first(.embedding) }

  private var reranker: ModelCatalog.Deployment? {
    api.catalog.deployments.first {
      $0.primary.description.task == .regression && $0.primary.description.labels.count <= 1
    }
  }

  var endpoints: [Endpoint] {
    var endpoints: [Endpoint] = []
    if let embedder {
      endpoints.append(
        Endpoint(method: .post, template: "/embed", operation: embedOperation) {
          call throws(Problem) in
          try embed(call, embedder)
        })
    }
    if let reranker {
      endpoints.append(
        Endpoint(method: .post, template: "/rerank", operation: rerankOperation) {
          call throws(Problem) in
          try rerank(call, reranker)
        })
    }
    if let served = embedder ?? reranker {
      let answer = Response.json(.ok, information(served.primary.description).serializedBytes())
      endpoints.append(
        Endpoint(method: .get, template: "/info", operation: informationOperation) { _ in answer })
    }
    return endpoints
  }

  // MARK: - /info

  /// What the protocol's clients ask before they send texts: which model, and how much at once.
  private func information(_ model: ModelDescription) -> JSONValue {
    let kind = model.task == .embedding ? "embedding" : "reranker"
    var object: JSONObject = [
      "model_id": JSONValue(model.name), "model_sha": .null,
      "served_model_name": JSONValue(model.name),
      "model_type": .object([kind: [:]]),
      "max_concurrent_requests": JSONValue(api.options.maximumQueuedTexts),
      "max_input_length": JSONValue(model.maximumTokens),
      "max_batch_tokens": JSONValue(api.options.maximumBatchTokens),
      "max_batch_requests": JSONValue(api.options.maximumBatchTexts),
      "max_client_batch_size": JSONValue(api.options.maximumTextsPerRequest),
      "auto_truncate": false, "tokenization_workers": 1, "version": JSONValue(model.version),
      "sha": .null, "docker_label": .null,
    ]
    if let precision = model.precision {
      object["model_dtype"] = JSONValue(precision.textEmbeddingsName)
    }
    return .object(object)
  }

  // MARK: - /embed

  private func embed(
    _ call: Call, _ deployment: ModelCatalog.Deployment
  ) throws(Problem) -> Response? {
    try api.refuseIfFull()
    let body = try RequestBody(call.request, example: Self.embedExample)
    let truncates = try body.bool("truncate", default: false)
    let normalizes = try body.bool("normalize", default: true)
    let (inputs, isList) = try body.texts("inputs", maximum: api.options.maximumTextsPerRequest)
    let version = deployment.version(for: call.request)
    let limit = version.description.maximumTokens
    let pointer = { @Sendable (index: Int) in isList ? "/inputs/\(index)" : "/inputs" }
    return try api.predict(
      call, version, shadow: deployment.shadow, inputs: inputs, isList: true, pointer: pointer
    ) { predictions throws(Problem) in
      try Self.refuseTruncated(predictions, truncates, limit, pointer)
      var json = JSONWriter(capacity: 4096 * predictions.count)
      json.list(predictions) { prediction, json in
        guard case .vector(let vector) = prediction.value else { return json.raw("null") }
        json.numbers(normalizes ? Self.normalized(vector) : vector)
      }
      return .json(.ok, try json.finished())
    }
  }

  /// At length 1; a vector that has it already stays as it is.
  private static func normalized(_ vector: [Float]) -> [Float] {
    let squares = vector.reduce(0.0) { $0 + Double($1) * Double($1) }
    if abs(squares - 1) < 1e-5 { return vector }
    let scale = 1 / max(squares.squareRoot(), 1e-12)
    return vector.map { Float(Double($0) * scale) }
  }

  /// This protocol refuses long texts unless it is asked to cut them.
  private static func refuseTruncated(
    _ predictions: [Prediction], _ truncates: Bool, _ limit: Int,
    _ pointer: (Int) -> String
  ) throws(Problem) {
    guard !truncates, let index = predictions.firstIndex(where: \.isTruncated) else { return }
    throw Problem(
      status: .contentTooLarge,
      detail: "Text \(index) has more than the \(limit) tokens that the model reads.",
      mend: "Send it in parts, or \"truncate\": true.", pointer: pointer(index))
  }

  // MARK: - /rerank

  private func rerank(
    _ call: Call, _ deployment: ModelCatalog.Deployment
  ) throws(Problem) -> Response? {
    try api.refuseIfFull()
    let body = try RequestBody(call.request, example: Self.rerankExample)
    let query = try RequestBody.text(
      body["query"] ?? .null, pointer: "/query", example: Self.rerankExample)
    let truncates = try body.bool("truncate", default: false)
    let isRaw = try body.bool("raw_scores", default: false)
    let returnsText = try body.bool("return_text", default: false)
    let (texts, _) = try body.texts(
      "texts", maximum: api.options.maximumTextsPerRequest, acceptsOne: false)
    let version = deployment.version(for: call.request)
    let model = version.description
    let inputs = texts.map { TextInput(query, pair: $0.text) }
    let pointer = { @Sendable (index: Int) in "/texts/\(index)" }
    return try api.predict(
      call, version, shadow: deployment.shadow, inputs: inputs, isList: true, pointer: pointer
    ) { predictions throws(Problem) in
      try Self.refuseTruncated(predictions, truncates, model.maximumTokens, pointer)
      let scores = predictions.map { Self.score($0, isRaw: isRaw, model.scoreActivation) }
      return .json(.ok, try Self.ranking(scores, texts: returnsText ? texts.map(\.text) : nil))
    }
  }

  /// The head's output, or its sigmoid, whichever of them the model gives.
  private static func score(
    _ prediction: Prediction, isRaw: Bool, _ activation: ScoreActivation
  ) -> Float {
    guard case .scores(let scores) = prediction.value, let score = scores.first else { return 0 }
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

  /// The best first, equals in the order in which they came.
  private static func ranking(_ scores: [Float], texts: [String]?) throws(Problem) -> [UInt8] {
    let order = scores.indices.sorted { (scores[$1], $0) < (scores[$0], $1) }
    var json = JSONWriter(capacity: 48 * scores.count)
    json.list(order) { index, json in
      json.raw(#"{"index":"#)
      json.integer(index)
      json.raw(#","score":"#)
      json.number(scores[index])
      if let texts {
        json.raw(#","text":"#)
        json.string(texts[index])
      }
      json.raw("}")
    }
    return try json.finished()
  }
}

// MARK: - Description

extension TextEmbeddingsAPI {
  private var maximum: Int { api.options.maximumTextsPerRequest }

  private var embedOperation: Operation {
    Operation(
      id: "embed", tag: "text-embeddings-inference", summary: "Embeds one text or several.",
      description: "Texts that are longer than the model reads are 413, unless 'truncate' is true.",
      parameters: [Schema.timeout],
      body: (
        Schema.object(
          [
            "inputs": Schema.any(
              Schema.text, Schema.list(Schema.text, minimum: 1, maximum: maximum)),
            "truncate": Schema.boolean, "normalize": Schema.boolean,
          ], required: ["inputs"]),
        [("two texts", ["inputs": ["How old are you?", "Hello"]])]
      ),
      answers: [
        Operation.Answer(
          schema: Schema.list(Schema.list(Schema.number)), headers: ["X-Model-Version"])
      ],
      errors: [422, 500, 503, 504], shape: .textEmbeddings)
  }

  private var informationOperation: Operation {
    let (count, text) = (["type": "integer", "minimum": 1] as JSONValue, Schema.string)
    let kinds = Schema.object(["embedding": Schema.object([:]), "reranker": Schema.object([:])])
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

  private var rerankOperation: Operation {
    Operation(
      id: "rerank", tag: "text-embeddings-inference",
      summary: "Orders texts by how well they answer a query.", parameters: [Schema.timeout],
      body: (
        Schema.object(
          [
            "query": Schema.text, "texts": Schema.list(Schema.text, minimum: 1, maximum: maximum),
            "truncate": Schema.boolean, "raw_scores": Schema.boolean, "return_text": Schema.boolean,
          ], required: ["query", "texts"]),
        [
          (
            "two texts",
            [
              "query": "How many people live in Berlin?",
              "texts": ["Berlin has 3.7 million inhabitants.", "Bread is baked."],
              "return_text": true,
            ]
          )
        ]
      ),
      answers: [
        Operation.Answer(
          schema: Schema.list(
            Schema.object(
              ["index": ["type": "integer"], "score": Schema.number, "text": Schema.string],
              required: ["index", "score"], isClosed: true)), headers: ["X-Model-Version"])
      ],
      errors: [422, 500, 503, 504], shape: .textEmbeddings)
  }
}
