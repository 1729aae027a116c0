import HTTP
import JSON
import Transformer

/// OpenAI's `/v1/embeddings`.
struct OpenAIAPI: Sendable {
  let api: PublicAPI

  private static let example = #"{"model": "NAME", "input": "text"}"#

  var endpoints: [Endpoint] {
    if api.names(.embedder).isEmpty { return [] }
    return [
      Endpoint(method: .post, template: "/v1/embeddings", operation: operation) {
        call throws(Problem) in
        try embeddings(call)
      }
    ]
  }

  private func embeddings(_ call: Call) throws(Problem) -> Response? {
    try api.refuseIfFull(call)
    var call = call
    let body = try RequestBody(
      &call, example: Self.example,
      known: ["model", "input", "encoding_format", "dimensions", "user"])
    let name = try body.string("model", maximum: ModelSpecification.maximumNameLength)
    let format = try body.word("encoding_format", as: VectorFormat.self) ?? .float
    if body["input"]?[0]?.intValue != nil || body["input"]?[0]?[0]?.intValue != nil {
      throw Problem(
        status: .unprocessableContent,
        detail: "'input' is a list of token ids, which are another tokenizer's.",
        mend:
          "Send texts. LangChain's OpenAIEmbeddings does with check_embedding_ctx_length=False.",
        pointer: "/input")
    }
    let deployment = try api.deployment(body, .embedder)
    let (inputs, isList) = try body.texts("input", maximum: api.options.maximumTextsPerRequest)
    var request = EmbeddingRequest(
      deployment: deployment, inputs: inputs,
      pointer: { isList ? "/input/\($0)" : "/input" })
    try request.readDimensions(body, "dimensions")
    return try api.embed(call, request) { vectors, tokens throws(Problem) in
      var json = JSONWriter(capacity: 4096 * vectors.count)
      json.raw(#"{"object":"list","data":"#)
      json.list(vectors.enumerated()) { element, json in
        json.raw(#"{"object":"embedding","index":"#)
        json.integer(element.offset)
        json.raw(#","embedding":"#)
        json.vector(element.element, format)
        json.raw("}")
      }
      json.raw(#","model":"#)
      json.string(name)
      json.usage(tokens)
      json.raw("}\n")
      return try json.finished()
    }
  }

  // MARK: - Description

  private var operation: Operation {
    let (names, maximum) = (api.names(.embedder), api.options.maximumTextsPerRequest)
    let embedding = Schema.object(
      [
        "object": Schema.constant("embedding"), "index": ["type": "integer", "minimum": 0],
        "embedding": Schema.any(Schema.list(Schema.number), Schema.string),
      ], required: ["object", "index", "embedding"])
    return Operation(
      id: "embeddings", tag: "openai", summary: "Embeds one text or several.",
      description:
        "With 'dimensions' a vector is cut short and brought back to its length. Token ids are not taken.",
      parameters: [Schema.timeout],
      body: (
        Schema.object(
          [
            "model": Schema.values(names),
            "input": Schema.texts(maximum),
            "encoding_format": Schema.nullable(
              Schema.values(VectorFormat.allCases.map(\.rawValue))),
            "dimensions": Schema.nullable(Schema.integer(from: 1, to: api.smallestDimension)),
            "user": Schema.nullable(Schema.string),
          ], required: ["model", "input"]),
        [("two texts", ["model": JSONValue(names[0]), "input": ["How old are you?", "Hello"]])]
      ),
      answers: [
        Operation.Answer(
          schema: Schema.object(
            [
              "object": Schema.constant("list"), "data": Schema.list(embedding),
              "model": Schema.string, "usage": Schema.usage,
            ], required: ["object", "data", "model", "usage"]),
          headers: ["X-Model-Version", "X-Input-Truncated", "X-Ignored-Members"])
      ],
      errors: [404, 500, 503, 504], shape: .openAI)
  }
}
