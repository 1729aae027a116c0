import HTTP
import JSON
import Transformer

/// Cohere's `/v1/embed` and `/v2/embed`.
struct CohereAPI: Sendable {
  let api: PublicAPI

  private static let example =
    #"{"model": "NAME", "texts": ["a", "b"], "input_type": "search_document"}"#

  /// What is done with a text that is longer than the model reads.
  private enum Truncation: String, CaseIterable {
    case none = "NONE"
    case start = "START"
    case end = "END"
  }

  /// What the vectors are for.
  private enum InputType: String, CaseIterable {
    case document = "search_document"
    case query = "search_query"
    case classification, clustering

    /// The side of a search, in our words.
    var side: String? {
      switch self {
      case .document: "document"
      case .query: "query"
      case .classification, .clustering: nil
      }
    }
  }

  var endpoints: [Endpoint] {
    if api.names(.embedder).isEmpty { return [] }
    return [
      Endpoint(method: .post, template: "/v1/embed", operation: operation(1)) {
        call throws(Problem) in try embed(call, version: 1)
      },
      Endpoint(method: .post, template: "/v2/embed", operation: operation(2)) {
        call throws(Problem) in try embed(call, version: 2)
      },
    ]
  }

  private func embed(_ call: Call, version: Int) throws(Problem) -> Response? {
    try api.refuseIfFull(call)
    var call = call
    let body = try RequestBody(
      &call, example: Self.example,
      known: [
        "model", "texts", "inputs", "images", "input_type", "embedding_types", "output_dimension",
        "truncate",
        "priority",
      ])
    let inputs = try texts(body)
    var request = EmbeddingRequest(
      deployment: try api.deployment(body, .embedder), inputs: inputs.texts, pointer: inputs.pointer
    )
    try request.readSide(body.word("input_type", as: InputType.self)?.side)
    switch try body.word("truncate", as: Truncation.self) ?? .end {
    case .none: request.refusesLongTexts = true
    case .start: throw body.wrong("truncate", "'START'; texts are cut at their end here")
    case .end: break
    }
    try request.readDimensions(body, "output_dimension")
    let formats = try formats(body)
    let id = call.request.id
    return try api.embed(call, request) { [texts = inputs.texts] vectors, tokens throws(Problem) in
      var json = JSONWriter(capacity: 4096 * vectors.count)
      json.raw(#"{"id":"#)
      json.string(id)
      // The older version gives floats alone where no types are asked for.
      let isPlain = version == 1 && formats == nil
      json.raw(
        isPlain
          ? #","response_type":"embeddings_floats""# : #","response_type":"embeddings_by_type""#)
      json.raw(#","texts":"#)
      json.strings(texts.map(\.text))
      json.raw(#","embeddings":"#)
      if isPlain {
        json.list(vectors) { $1.numbers($0) }
      } else {
        json.raw("{")
        for (index, format) in (formats ?? [.float]).enumerated() {
          if index > 0 { json.raw(",") }
          json.string(format.rawValue)
          json.raw(":")
          json.list(vectors) { $1.vector($0, format) }
        }
        json.raw("}")
      }
      json.raw(
        version == 1
          ? #","meta":{"api_version":{"version":"1"}"# : #","meta":{"api_version":{"version":"2"}"#)
      json.raw(#","billed_units":{"input_tokens":"#)
      json.integer(tokens)
      json.raw("}}}")
      return try json.finished()
    }
  }

  /// `texts`, or `inputs` whose contents are one text each.
  private func texts(
    _ body: RequestBody
  ) throws(Problem) -> (texts: [TextInput], pointer: @Sendable (Int) -> String) {
    if body["images"] != nil { throw body.wrong("images", "not for models of texts") }
    guard body["texts"] == nil, let values = body["inputs"]?.arrayValue else {
      let (texts, _) = try body.texts(
        "texts", maximum: api.options.maximumTextsPerRequest, acceptsOne: false)
      return (texts, { "/texts/\($0)" })
    }
    let maximum = api.options.maximumTextsPerRequest
    guard (1...maximum).contains(values.count) else {
      throw body.wrong("inputs", "\(values.count) texts; from 1 to \(maximum) are taken")
    }
    var texts: [TextInput] = []
    for (index, value) in values.enumerated() {
      let content = value["content"]?.arrayValue ?? []
      guard content.count == 1, let text = content[0]["text"] else {
        throw body.wrong("inputs/\(index)", #"not {"content": [{"type": "text", "text": …}]}"#)
      }
      texts.append(
        TextInput(
          try RequestBody.text(
            text, pointer: "/inputs/\(index)/content/0/text", example: Self.example)))
    }
    return (texts, { "/inputs/\($0)/content/0/text" })
  }

  private func formats(_ body: RequestBody) throws(Problem) -> [VectorFormat]? {
    guard let value = body["embedding_types"] else { return nil }
    var formats: [VectorFormat] = []
    for value in value.arrayValue ?? [] {
      guard let format = value.stringValue.flatMap(VectorFormat.init(rawValue:)) else {
        throw body.wrong(
          "embedding_types",
          "not a list of \(VectorFormat.allCases.map(\.rawValue).joined(separator: ", "))")
      }
      if !formats.contains(format) { formats.append(format) }
    }
    if formats.isEmpty { throw body.wrong("embedding_types", "not a list of types") }
    return formats
  }
}

// MARK: - Description

extension CohereAPI {
  private func operation(_ version: Int) -> Operation {
    let names = api.names(.embedder)
    let types = VectorFormat.allCases.map(\.rawValue)
    let vector = Schema.any(Schema.list(Schema.number), Schema.string)
    var byType = JSONObject()
    for type in types { byType[type] = Schema.list(vector) }
    return Operation(
      id: "cohereEmbedV\(version)", tag: "cohere",
      summary: "Embeds texts, as Cohere's v\(version).",
      parameters: [Schema.timeout],
      body: (
        Schema.object(
          [
            "model": Schema.values(names),
            "texts": Schema.list(
              Schema.text, minimum: 1, maximum: api.options.maximumTextsPerRequest),
            "input_type": Schema.values(InputType.allCases.map(\.rawValue)),
            "embedding_types": Schema.list(Schema.values(types), minimum: 1),
            "output_dimension": Schema.integer(
              from: 1, to: api.smallestDimension),
            "truncate": Schema.values([Truncation.none.rawValue, Truncation.end.rawValue]),
          ], required: ["texts"]),
        [
          (
            "two texts",
            [
              "model": JSONValue(names[0]), "texts": ["How old are you?", "Hello"],
              "input_type": "search_document", "embedding_types": ["float"],
            ]
          )
        ]
      ),
      answers: [
        Operation.Answer(
          schema: Schema.object(
            [
              "id": Schema.string, "response_type": Schema.string,
              "texts": Schema.list(Schema.string),
              "embeddings": Schema.any(
                Schema.object(byType), Schema.list(Schema.list(Schema.number))),
              "meta": ["type": "object"],
            ], required: ["id", "embeddings"]),
          headers: ["X-Model-Version", "X-Input-Truncated", "X-Ignored-Members"])
      ],
      errors: [404, 422, 500, 503, 504], shape: .cohere)
  }
}
