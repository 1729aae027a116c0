import JSON

/// The description of the public listener, in OpenAPI 3.1, made from its endpoints.
struct OpenAPIDocument {
  let endpoints: [Endpoint]
  let hasTokens: Bool

  var json: JSONValue {
    var paths = JSONObject()
    for endpoint in endpoints {
      var path = paths[endpoint.template]?.objectValue ?? JSONObject()
      path[endpoint.method.name.lowercased()] = endpoint.operation.json(
        needsToken: hasTokens && !endpoint.isOpen)
      paths[endpoint.template] = .object(path)
    }
    var document: JSONObject = [
      "openapi": "3.1.0",
      "info": [
        "title": "Martlet", "version": "1",
        "description":
          "Predictions of Transformer text models. Answers carry X-Request-Id, which is the key for /feedback.",
        "license": ["name": "Apache-2.0", "identifier": "Apache-2.0"],
      ],
      "servers": [["url": "/"]],
      "tags": .array(tags), "paths": .object(paths), "components": components,
    ]
    if hasTokens { document["security"] = [["bearer": []]] }
    return .object(document)
  }

  private var tags: [JSONValue] {
    let meanings = [
      ("predict", "Martlet's own API."),
      ("models", "What is served."),
      ("open-inference", "The Open Inference Protocol, version 2, of KServe and Triton."),
      ("tensorflow-serving", "TensorFlow Serving's REST API."),
      ("openai", "OpenAI's embeddings."),
      ("text-embeddings-inference", "Hugging Face's text-embeddings-inference."),
      ("rerank", "Rerankers: Cohere, Jina, vLLM and text-embeddings-inference."),
      ("cohere", "Cohere's embeddings."),
      ("vllm", "vLLM's pooling models."),
      ("hugging-face", "Hugging Face's inference API, by task."),
      ("health", "Probes."),
      ("description", "What explains this API."),
    ]
    let used = Set(endpoints.map(\.operation.tag))
    return meanings.filter { used.contains($0.0) }.map {
      ["name": JSONValue($0.0), "description": JSONValue($0.1)]
    }
  }

  private var components: JSONValue {
    var components: JSONObject = [
      "schemas": [
        "Problem": Schema.problem, "MessageError": Schema.messageError,
        "OpenAIError": Schema.openAIError, "TextEmbeddingsError": Schema.textEmbeddingsError,
        "CohereError": Schema.cohereError,
      ],
      "headers": [
        "X-Request-Id": header(
          "The request's id: as it was sent, if it is sane, else made here.",
          ["type": "string", "minLength": 1, "maxLength": 128]),
        "X-Model-Version": header("Which model and version answered.", Schema.string),
        "X-Input-Truncated": header(
          "'true' if a text was longer than the model reads.", Schema.values(["true"])),
        "X-Ignored-Members": header(
          "Members of the request that had no part in the answer.", Schema.string),
        "Retry-After": header(
          "Seconds after which to try again.", ["type": "integer", "minimum": 1]),
        "WWW-Authenticate": header("'Bearer', with what is wrong with the token.", Schema.string),
      ],
    ]
    if hasTokens {
      components["securitySchemes"] = ["bearer": ["type": "http", "scheme": "bearer"]]
    }
    return .object(components)
  }

  private func header(_ description: String, _ schema: JSONValue) -> JSONValue {
    ["description": JSONValue(description), "schema": schema]
  }
}
