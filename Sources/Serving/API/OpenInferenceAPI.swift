import HTTP
import JSON
import Transformer

/// The Open Inference Protocol, version 2 (KServe, Triton): health, metadata and inference over tensors of texts.
struct OpenInferenceAPI: Sendable {
  let api: PublicAPI

  var endpoints: [Endpoint] {
    let live = Response.json(.ok, Array(#"{"live":true}"#.utf8))
    let ready = Response.json(.ok, Array(#"{"ready":true}"#.utf8))
    let server = Response.json(
      .ok, Array(#"{"name":"martlet","version":"1","extensions":["binary_tensor_data"]}"#.utf8))
    let health = [
      Endpoint(
        method: .get, template: "/v2/health/live",
        operation: operation("v2Live", "Whether the server lives.", flag("live")), isOpen: true
      ) { _ in live },
      Endpoint(
        method: .get, template: "/v2/health/ready",
        operation: operation("v2Ready", "Whether requests are welcome.", flag("ready"), [503]),
        isOpen: true
      ) { call throws(Problem) in
        if api.hooks.isReady() && !call.responder.isDraining { return ready }
        throw HealthAPI.unready
      },
      Endpoint(
        method: .get, template: "/v2", operation: operation("v2Server", "The server.", serverSchema)
      ) { _ in server },
    ]
    return health + ["", "/versions/{version}"].flatMap(modelEndpoints)
  }

  private func modelEndpoints(_ infix: String) -> [Endpoint] {
    let path = "/v2/models/{model}" + infix
    let suffix = infix.isEmpty ? "" : "Version"
    var parameters = [Schema.model(api.modelNames)]
    if !infix.isEmpty { parameters.append(Schema.version(api.versionNames)) }
    func described(
      _ id: String, _ summary: String, _ schema: JSONValue, _ errors: [Int] = [404]
    ) -> Operation {
      var operation = operation(id + suffix, summary, schema, errors)
      operation.parameters = parameters
      return operation
    }
    var infer = described(
      "v2Infer", "Predicts for a tensor of texts.", answerSchema, [404, 500, 503, 504])
    infer.parameters.append(Schema.timeout)
    infer.description =
      "BYTES in JSON, or by the binary tensor extension with Inference-Header-Content-Length."
    infer.body = (requestSchema, examples)
    infer.answers[0].headers = ["X-Model-Version"]
    return [
      Endpoint(
        method: .get, template: path,
        operation: described("v2Model", "A model's inputs and outputs.", metadataSchema)
      ) { call throws(Problem) in
        let (version, deployment) = try stated(call)
        return .json(.ok, Self.metadata(version.description, deployment).serializedBytes())
      },
      Endpoint(
        method: .get, template: path + "/ready",
        operation: described(
          "v2ModelReady", "Whether a model is ready.",
          Schema.object(
            ["name": Schema.string, "ready": Schema.boolean], required: ["name", "ready"]))
      ) { call throws(Problem) in
        let version = try stated(call).version
        let json: JSONValue = ["name": JSONValue(version.description.name), "ready": true]
        return .json(.ok, json.serializedBytes())
      },
      Endpoint(method: .post, template: path + "/infer", operation: infer) { call throws(Problem) in
        try self.infer(call)
      },
    ]
  }

  /// The version whose description is asked for: the path's, or the primary.
  private func stated(
    _ call: Call
  ) throws(Problem) -> (version: ServedVersion, deployment: ModelCatalog.Deployment) {
    let (version, deployment) = try api.version(call)
    return (call.version == nil ? deployment.primary : version, deployment)
  }

  private func infer(_ call: Call) throws(Problem) -> Response? {
    let (version, deployment) = try api.version(call)
    try api.refuseIfFull(call)
    let request = try InferRequest(
      call.request, maximumTexts: api.options.maximumTextsPerRequest, model: version.description)
    let known = version.description.outputs.map(\.name)
    for (name, _) in request.outputs ?? [] where !known.contains(name) {
      throw Problem(
        status: .badRequest, detail: "The model has no output of the name '\(name.prefix(64))'.",
        mend: "Use: \(known.joined(separator: ", ")).", pointer: "/outputs")
    }
    let model = version.description
    return try api.predict(
      call, version, shadow: deployment.shadow, inputs: request.inputs, isList: true,
      pointer: { request.pointer($0) }
    ) { predictions throws(Problem) in
      try InferAnswer(model: model, request: request, predictions: predictions).response()
    }
  }

  private static func metadata(
    _ model: ModelDescription, _ deployment: ModelCatalog.Deployment
  ) -> JSONValue {
    [
      "name": JSONValue(model.name),
      "versions": .array(deployment.versions.map { JSONValue($0.description.version) }),
      "platform": "martlet",
      "inputs": .array(
        model.task.definition.input.tensors.map {
          ["name": .string($0), "datatype": "BYTES", "shape": [-1]]
        }),
      "outputs": .array(
        model.outputs.map {
          [
            "name": JSONValue($0.name), "datatype": JSONValue($0.datatype),
            "shape": .array([-1] + ($0.width.map { [JSONValue($0)] } ?? [])),
          ]
        }),
    ]
  }
}

// MARK: - Description

extension OpenInferenceAPI {
  /// The tensors of the first model.
  private var tensors: [String] {
    (api.catalog.defaultDeployment?.primary.description.task.definition.input ?? .text).tensors
  }

  private var examples: [(name: String, value: JSONValue)] {
    let inputs = tensors.map { name -> JSONValue in
      [
        "name": .string(name), "shape": [2], "datatype": "BYTES",
        "data": ["Are you coming home for dinner?", "Call now to claim your prize"],
      ]
    }
    return [("two texts", ["id": "42", "inputs": .array(inputs)])]
  }

  private func operation(
    _ id: String, _ summary: String, _ schema: JSONValue, _ errors: [Int] = []
  ) -> Operation {
    Operation(
      id: id, tag: "open-inference", summary: summary, answers: [Operation.Answer(schema: schema)],
      errors: errors, shape: .message)
  }

  private func flag(_ name: String) -> JSONValue {
    Schema.object([name: Schema.boolean], required: [name])
  }

  private var serverSchema: JSONValue {
    Schema.object(
      ["name": Schema.string, "version": Schema.string, "extensions": Schema.list(Schema.string)],
      required: ["name", "version", "extensions"])
  }

  private var metadataSchema: JSONValue {
    let tensor = Schema.object(
      [
        "name": Schema.string, "datatype": Schema.string,
        "shape": Schema.list(["type": "integer", "minimum": -1]),
      ], required: ["name", "datatype", "shape"])
    return Schema.object(
      [
        "name": Schema.string, "versions": Schema.list(Schema.string), "platform": Schema.string,
        "inputs": Schema.list(tensor), "outputs": Schema.list(tensor),
      ], required: ["name", "platform", "inputs", "outputs"])
  }

  private var answerSchema: JSONValue {
    let tensor = Schema.object(
      [
        "name": Schema.string, "datatype": Schema.values(["BYTES", "FP32", "BOOL"]),
        "shape": Schema.list(["type": "integer", "minimum": 0]), "data": ["type": "array"],
        "parameters": ["type": "object"],
      ], required: ["name", "datatype", "shape"])
    return Schema.object(
      [
        "model_name": Schema.string, "model_version": Schema.string, "id": Schema.string,
        "outputs": Schema.list(tensor),
      ], required: ["model_name", "outputs"])
  }

  /// One text in this schema, which a schema can say exactly: that as many data come as the shape says, it cannot.
  private var requestSchema: JSONValue {
    let data: JSONValue = Schema.list(Schema.text, minimum: 1, maximum: 1)
    let shape: JSONValue = ["enum": [[1], [1, 1]]]
    let tensor = Schema.object(
      [
        "name": Schema.values(tensors), "shape": shape, "datatype": Schema.constant("BYTES"),
        "data": data, "parameters": ["type": "object", "maxProperties": 0],
      ], required: ["name", "shape", "datatype", "data"])
    return Schema.object(
      [
        "id": ["type": "string", "minLength": 1, "maxLength": 256],
        "parameters": ["type": "object", "maxProperties": 0],
        "inputs": Schema.list(tensor, minimum: tensors.count, maximum: tensors.count),
      ], required: ["inputs"])
  }
}
