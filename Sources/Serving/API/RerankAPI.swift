import HTTP
import JSON
import Transformer

/// Rerankers: `/v1/rerank` and `/v2/rerank` of Cohere, Jina and vLLM, which differ in little, and `/rerank`, which is that of
/// text-embeddings-inference where the body has `texts`, and theirs where it has `documents`.
struct RerankAPI: Sendable {
  let api: PublicAPI

  private static let example = #"{"query": "text", "documents": ["a", "b"]}"#
  private static let textsExample = #"{"query": "text", "texts": ["a", "b"]}"#

  var endpoints: [Endpoint] {
    if api.names(.scorer).isEmpty { return [] }
    return [
      Endpoint(
        method: .post, template: "/rerank",
        operation: operation(
          "rerank", "of text-embeddings-inference (texts), Jina and vLLM (documents)")
      ) { call throws(Problem) in
        try rerank(call, returnsDocuments: true, takesTexts: true)
      },
      Endpoint(
        method: .post, template: "/v1/rerank",
        operation: operation("rerankV1", "of Cohere (v1), Jina and vLLM")
      ) { call throws(Problem) in try rerank(call, returnsDocuments: true) },
      Endpoint(
        method: .post, template: "/v2/rerank", operation: operation("rerankV2", "of Cohere (v2)")
      ) { call throws(Problem) in try rerank(call, returnsDocuments: false) },
    ]
  }

  // MARK: - Cohere, Jina, vLLM

  /// - Parameters:
  ///   - returnsDocuments: whether results have their documents where the request does not say.
  ///   - takesTexts: whether a body with `texts` is text-embeddings-inference's.
  private func rerank(
    _ call: Call, returnsDocuments: Bool, takesTexts: Bool = false
  ) throws(Problem) -> Response? {
    try api.refuseIfFull(call)
    var call = call
    let body = try RequestBody(
      &call, example: Self.example,
      known: [
        "model", "query", "documents", "top_n", "return_documents", "rank_fields", "truncation",
        "user",
        "long_text", "stride", "texts", "truncate", "truncation_direction", "raw_scores",
        "return_text",
      ])
    if takesTexts, body["documents"] == nil { return try rerankTexts(call, body) }
    if let fields = body["rank_fields"], fields != ["text"] {
      throw body.wrong("rank_fields", #"not ["text"], which is all that is ranked here"#)
    }
    let query = try query(body)
    let documents = try documents(body)
    let top = try top(body)
    let returnsDocuments = try body.bool("return_documents", default: returnsDocuments)
    var request = RelevanceRequest(
      deployment: try api.deployment(body, .scorer), queries: [query], texts: documents,
      pointer: { "/documents/\($0)" })
    request.refusesLongTexts = try !body.bool("truncation", default: true)
    request.readLongText(body)
    let (id, name) = (call.request.id, request.deployment.primary.description.name)
    return try api.score(call, request) { scores, tokens throws(Problem) in
      var json = JSONWriter(capacity: 64 * scores.count + 256)
      json.raw(#"{"id":"#)
      json.string(id)
      json.raw(#","model":"#)
      json.string(name)
      json.raw(#","results":"#)
      json.list(scores.ranking.prefix(top)) { index, json in
        json.raw(#"{"index":"#)
        json.integer(index)
        json.raw(#","relevance_score":"#)
        json.number(scores[index])
        if returnsDocuments {
          json.raw(#","document":{"text":"#)
          json.string(documents[index])
          json.raw("}")
        }
        json.raw("}")
      }
      json.usage(tokens)
      json.raw(#","meta":{"api_version":{"version":"2"},"billed_units":{"search_units":1}}}"#)
      return try json.finished()
    }
  }

  /// The documents: strings, or objects with the member `text`.
  private func documents(_ body: RequestBody) throws(Problem) -> [String] {
    guard let values = body["documents"]?.arrayValue else {
      throw body.wrong("documents", "missing, or not a list")
    }
    let maximum = api.options.maximumTextsPerRequest
    guard (1...maximum).contains(values.count) else {
      throw body.wrong("documents", "\(values.count) texts; from 1 to \(maximum) are taken")
    }
    var texts: [String] = []
    for (index, value) in values.enumerated() {
      let object = value.objectValue
      let pointer = "/documents/\(index)" + (object == nil ? "" : "/text")
      texts.append(
        try RequestBody.text(
          object.map { $0["text"] ?? .null } ?? value, pointer: pointer, example: Self.example))
    }
    return texts
  }

  /// How many results are wanted; vLLM's clients send 0 for all.
  private func top(_ body: RequestBody) throws(Problem) -> Int {
    let top = try body.integer("top_n", in: 0...Int(Int32.max)) ?? 0
    return top == 0 ? .max : top
  }

  private func query(_ body: RequestBody) throws(Problem) -> String {
    let value = body["query"] ?? .null
    return try RequestBody.text(
      value.objectValue?["text"] ?? value, pointer: "/query", example: Self.example)
  }

  // MARK: - text-embeddings-inference

  private func rerankTexts(_ call: Call, _ body: RequestBody) throws(Problem) -> Response? {
    let body = RequestBody(object: body.object, example: Self.textsExample)
    let query = try query(body)
    let top = try top(body)
    let returnsText = try body.bool("return_text", default: false)
    let (texts, _) = try body.texts(
      "texts", maximum: api.options.maximumTextsPerRequest, acceptsOne: false)
    var request = RelevanceRequest(
      deployment: try api.deployment(body, .scorer), queries: [query], texts: texts.map(\.text),
      pointer: { "/texts/\($0)" })
    try body.refuseCutsOnTheLeft()
    request.isRaw = try body.bool("raw_scores", default: false)
    request.refusesLongTexts = try !body.bool("truncate", default: true)
    request.readLongText(body)
    return try api.score(call, request) { scores, _ throws(Problem) in
      var json = JSONWriter(capacity: 48 * scores.count)
      json.list(scores.ranking.prefix(top)) { index, json in
        json.raw(#"{"index":"#)
        json.integer(index)
        json.raw(#","score":"#)
        json.number(scores[index])
        if returnsText {
          json.raw(#","text":"#)
          json.string(texts[index].text)
        }
        json.raw("}")
      }
      return try json.finished()
    }
  }
}

// MARK: - Description

extension RerankAPI {
  private func operation(_ id: String, _ whose: String) -> Operation {
    let maximum = api.options.maximumTextsPerRequest
    let texts = Schema.list(Schema.text, minimum: 1, maximum: maximum)
    let document = Schema.any(Schema.text, Schema.object(["text": Schema.text], required: ["text"]))
    let documents = Schema.list(document, minimum: 1, maximum: maximum)
    let ofDocuments = Schema.object(
      [
        "model": Schema.values(api.names(.scorer)), "query": Schema.text, "documents": documents,
        "top_n": Schema.nullable(Schema.integer(from: 0, to: Int(Int32.max))),
        "long_text": Schema.longText, "stride": Schema.integer(from: 0, to: 65536),
        "return_documents": Schema.nullable(Schema.boolean),
      ], required: ["query", "documents"])
    let result = Schema.object(
      [
        "index": Schema.integer(from: 0), "relevance_score": Schema.number,
        "document": Schema.object(["text": Schema.string], required: ["text"]),
      ], required: ["index", "relevance_score"])
    let answer = Schema.object(
      [
        "id": Schema.string, "model": Schema.string, "results": Schema.list(result),
        "usage": Schema.usage, "meta": ["type": "object"],
      ], required: ["id", "results"])
    let query: JSONValue = "How many people live in Berlin?"
    let both: JSONValue = ["Berlin has 3.7 million inhabitants.", "Bread is baked."]
    var examples: [(name: String, value: JSONValue)] = [
      ("documents", ["query": query, "documents": both, "top_n": 1])
    ]
    var (asked, answered) = (ofDocuments, answer)
    if id == "rerank" {
      asked = Schema.any(
        ofDocuments,
        Schema.object(
          [
            "query": Schema.text, "texts": texts, "truncate": Schema.nullable(Schema.boolean),
            "long_text": Schema.longText, "stride": Schema.integer(from: 0, to: 65536),
            "raw_scores": Schema.boolean, "return_text": Schema.boolean,
          ], required: ["query", "texts"]))
      answered = Schema.any(
        answer,
        Schema.list(
          Schema.object(
            ["index": Schema.integer(from: 0), "score": Schema.number, "text": Schema.string],
            required: ["index", "score"], isClosed: true)))
      examples.insert(("texts", ["query": query, "texts": both, "return_text": true]), at: 0)
    }
    return Operation(
      id: id, tag: "rerank", summary: "Orders texts by how well they answer a query: \(whose).",
      description:
        "A cross-encoder reads query and text together; of an embedding model it is the cosine of their vectors.",
      parameters: [Schema.timeout], body: (asked, examples),
      answers: [
        Operation.Answer(
          schema: answered, headers: ["X-Model-Version", "X-Input-Truncated", "X-Ignored-Members"])
      ],
      errors: [404, 422, 500, 503, 504], shape: .cohere)
  }
}
