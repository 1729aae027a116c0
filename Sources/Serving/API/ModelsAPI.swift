import HTTP
import JSON

/// `/v1/models`: the list as OpenAI has it, and one model as both OpenAI and TensorFlow Serving have it.
struct ModelsAPI: Sendable {
  let catalog: ModelCatalog

  var endpoints: [Endpoint] {
    let list = Response.json(
      .ok,
      JSONValue.object([
        "object": "list", "data": .array(catalog.names.compactMap(json)),
      ]).serializedBytes())
    let names = catalog.names
    let answers = names.reduce(into: [:]) { answers, name in
      answers[name] = json(name).map { Response.json(.ok, $0.serializedBytes()) }
    }
    return [
      Endpoint(method: .get, template: "/v1/models", operation: Self.listOperation) { _ in list },
      Endpoint(
        method: .get, template: "/v1/models/{model}", operation: Self.oneOperation(names)
      ) { call throws(Problem) in
        if let name = call.model, let answer = answers[name] { return answer }
        throw Problem(
          status: .notFound, detail: "No model of this name is served.",
          mend: "Use one of: \(names.joined(separator: ", ")).")
      },
    ]
  }

  /// A model by one of its names: OpenAI's members, ours, and TensorFlow Serving's status.
  private func json(_ name: String) -> JSONValue? {
    guard let deployment = catalog[name] else { return nil }
    let model = deployment.primary.description
    var object: JSONObject = [
      "id": JSONValue(name), "object": "model", "created": 0, "owned_by": "martlet",
      "version": JSONValue(model.version), "task": JSONValue(model.task.rawValue),
      "labels": .array(model.labels.map { JSONValue($0) }),
      "maximum_tokens": JSONValue(model.maximumTokens),
    ]
    if model.name != name { object["alias_of"] = JSONValue(model.name) }
    if model.embeddingDimension > 0 {
      object["embedding_dimension"] = JSONValue(model.embeddingDimension)
    }
    if let precision = model.precision { object["precision"] = JSONValue(precision.rawValue) }
    object["model_version_status"] = .array(
      deployment.versions.map {
        [
          "version": JSONValue($0.description.version), "state": "AVAILABLE",
          "status": ["error_code": "OK", "error_message": ""], "role": JSONValue($0.role.name),
        ]
      })
    return .object(object)
  }

  private static var modelSchema: JSONValue {
    Schema.object(
      [
        "id": Schema.string, "object": Schema.constant("model"), "created": ["type": "integer"],
        "owned_by": Schema.string, "version": Schema.string, "task": Schema.string,
        "labels": Schema.list(Schema.string), "maximum_tokens": ["type": "integer"],
        "alias_of": Schema.string, "embedding_dimension": ["type": "integer"],
        "precision": Schema.values(["f32", "bf16", "int8"]),
        "model_version_status": Schema.list(
          Schema.object(
            [
              "version": Schema.string, "state": Schema.constant("AVAILABLE"),
              "status": Schema.object(["error_code": Schema.string, "error_message": Schema.string]
              ),
              "role": Schema.values(["primary", "canary", "shadow"]),
            ], required: ["version", "state", "status"])),
      ],
      required: ["id", "object", "created", "owned_by", "version", "task", "model_version_status"])
  }

  private static var listOperation: Operation {
    Operation(
      id: "listModels", tag: "models", summary: "The models that are served.",
      answers: [
        Operation.Answer(
          schema: Schema.object(
            ["object": Schema.constant("list"), "data": Schema.list(modelSchema)],
            required: ["object", "data"]))
      ])
  }

  private static func oneOperation(_ names: [String]) -> Operation {
    Operation(
      id: "getModel", tag: "models", summary: "One model: task, labels, versions and their state.",
      parameters: [Schema.model(names)], answers: [Operation.Answer(schema: modelSchema)],
      errors: [404], shape: .openAI)
  }
}
