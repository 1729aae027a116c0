import Foundation
import HTTP
import JSON
import Transformer

/// TensorFlow Serving's REST API: `:predict` in its row form (`instances`) and its column form (`inputs`), and metadata.
struct TensorFlowServingAPI: Sendable {
  let api: PublicAPI

  private static let signature = "serving_default"
  private static let example = #"{"instances": ["text", "another"]}"#

  var endpoints: [Endpoint] {
    let models = "/v1/models/{model}"
    return ["", "/versions/{version}"].flatMap { infix -> [Endpoint] in
      let suffix = infix.isEmpty ? "" : "Version"
      var parameters = [Schema.model(api.modelNames)]
      if !infix.isEmpty { parameters.append(Schema.version(api.versionNames)) }
      return [
        Endpoint(
          method: .post, template: models + infix + ":predict",
          operation: predictOperation("tfPredict" + suffix, parameters)
        ) { call throws(Problem) in try predict(call) },
        Endpoint(
          method: .get, template: models + infix + "/metadata",
          operation: metadataOperation("tfMetadata" + suffix, parameters)
        ) { call throws(Problem) in try metadata(call) },
      ]
    }
  }

  // MARK: - :predict

  private func predict(_ call: Call) throws(Problem) -> Response? {
    let (version, deployment) = try api.version(call)
    try api.refuseIfFull(call)
    let body = try RequestBody(call.request, example: Self.example)
    if let signature = body["signature_name"], signature.stringValue != Self.signature {
      throw body.wrong("signature_name", "not '\(Self.signature)', the one that there is")
    }
    let (rows, columns) = (body["instances"], body["inputs"])
    if (rows == nil) == (columns == nil) {
      throw Problem(
        status: .badRequest, detail: "There has to be one of 'instances' and 'inputs'.",
        mend: "Send \(Self.example).", pointer: "")
    }
    let inputs: [TextInput]
    if let rows {
      inputs = try self.rows(rows, version.description.task.definition.input)
    } else {
      inputs = try self.columns(columns ?? .null, version.description.task.definition.input)
    }
    let outputs = version.description.outputs
    let isRowForm = rows != nil
    let first = version.description.task.definition.input.first
    let place =
      isRowForm ? "/instances" : columns?.objectValue == nil ? "/inputs" : "/inputs/\(first)"
    return try api.predict(
      call, version, shadow: deployment.shadow, inputs: inputs, isList: true,
      pointer: { "\(place)/\($0)" }
    ) { predictions throws(Problem) in
      .json(
        .ok,
        isRowForm
          ? try Self.rowAnswer(outputs, predictions) : try Self.columnAnswer(outputs, predictions))
    }
  }

  /// Row form: each instance is a text, or an object of named inputs.
  private func rows(_ value: JSONValue, _ form: InputForm) throws(Problem) -> [TextInput] {
    let instances = try list(value, "/instances")
    var inputs: [TextInput] = []
    inputs.reserveCapacity(instances.count)
    for (index, instance) in instances.enumerated() {
      let place = "/instances/\(index)"
      guard let object = instance.objectValue, object["b64"] == nil else {
        if form.isPair { throw Self.noPair(form, place) }
        inputs.append(TextInput(try text(instance, place)))
        continue
      }
      try RequestBody(object: object, pointer: place, example: Self.example)
        .refuseOthers(than: [form.first, form.second])
      var pair: String?
      if let value = object[form.second] { pair = try text(value, "\(place)/\(form.second)") }
      if pair == nil && form.isPair { throw Self.noPair(form, place) }
      let first = try text(object[form.first] ?? .null, "\(place)/\(form.first)")
      inputs.append(TextInput(first, pair: pair))
    }
    return inputs
  }

  /// Column form: a list of texts, or a list for each named input.
  private func columns(_ value: JSONValue, _ form: InputForm) throws(Problem) -> [TextInput] {
    guard let object = value.objectValue, object["b64"] == nil else {
      if form.isPair { throw Self.noPair(form, "/inputs") }
      return try texts(value, "/inputs").map { TextInput($0) }
    }
    try RequestBody(object: object, pointer: "/inputs", example: Self.example)
      .refuseOthers(than: [form.first, form.second])
    let first = try texts(object[form.first] ?? .null, "/inputs/\(form.first)")
    guard let value = object[form.second] else {
      if form.isPair { throw Self.noPair(form, "/inputs") }
      return first.map { TextInput($0) }
    }
    let pairs = try texts(value, "/inputs/\(form.second)")
    if pairs.count != first.count {
      throw Problem(
        status: .badRequest,
        detail: "'\(form.first)' has \(first.count) rows and '\(form.second)' \(pairs.count).",
        mend: "Send as many of each.", pointer: "/inputs/\(form.second)")
    }
    return zip(first, pairs).map { TextInput($0, pair: $1) }
  }

  private static func noPair(_ form: InputForm, _ pointer: String) -> Problem {
    Problem(
      status: .badRequest, detail: "This model takes '\(form.first)' and '\(form.second)'.",
      mend: "Send both, by name.", pointer: pointer)
  }

  private func texts(_ value: JSONValue, _ pointer: String) throws(Problem) -> [String] {
    var texts: [String] = []
    for (index, element) in try list(value, pointer).enumerated() {
      // A column of rows of one value each is a column too.
      let one = element.arrayValue.flatMap { $0.count == 1 ? $0[0] : nil } ?? element
      texts.append(try text(one, "\(pointer)/\(index)"))
    }
    return texts
  }

  private func list(_ value: JSONValue, _ pointer: String) throws(Problem) -> [JSONValue] {
    let maximum = api.options.maximumTextsPerRequest
    guard let list = value.arrayValue, (1...maximum).contains(list.count) else {
      throw Problem(
        status: .badRequest, detail: "This is not a list of 1 to \(maximum) texts.",
        mend: "Send \(Self.example), and long lists in parts.", pointer: pointer)
    }
    return list
  }

  /// A string, or `{"b64": "…"}`, which is how this protocol writes bytes.
  private func text(_ value: JSONValue, _ pointer: String) throws(Problem) -> String {
    guard let object = value.objectValue else {
      return try RequestBody.text(value, pointer: pointer, example: Self.example)
    }
    guard object.count == 1, let encoded = object["b64"]?.stringValue,
      let data = Data(base64Encoded: encoded), !data.isEmpty,
      let text = String(validating: data, as: UTF8.self)
    else {
      throw Problem(
        status: .badRequest, detail: "This is neither a text nor {\"b64\": …} of UTF-8 text.",
        mend: "Send \(Self.example).", pointer: pointer)
    }
    return text
  }

  /// `{"predictions": […]}`: a value for each instance, or an object where there are several outputs.
  private static func rowAnswer(
    _ outputs: [TensorOutput], _ predictions: [Prediction]
  ) throws(Problem) -> [UInt8] {
    var json = JSONWriter(capacity: 64 * predictions.count + 32)
    json.raw(#"{"predictions":"#)
    json.list(predictions) { prediction, json in
      if outputs.count == 1 { return json.row(outputs[0], prediction) }
      json.raw("{")
      for (index, output) in outputs.enumerated() {
        if index > 0 { json.raw(",") }
        json.string(output.name)
        json.raw(":")
        json.row(output, prediction)
      }
      json.raw("}")
    }
    json.raw("}\n")
    return try json.finished()
  }

  /// `{"outputs": …}`: a list for each output, without its name where there is one alone.
  private static func columnAnswer(
    _ outputs: [TensorOutput], _ predictions: [Prediction]
  ) throws(Problem) -> [UInt8] {
    var json = JSONWriter(capacity: 64 * predictions.count + 32)
    json.raw(#"{"outputs":"#)
    if outputs.count > 1 { json.raw("{") }
    for (index, output) in outputs.enumerated() {
      if index > 0 { json.raw(",") }
      if outputs.count > 1 {
        json.string(output.name)
        json.raw(":")
      }
      json.list(predictions) { $1.row(output, $0) }
    }
    if outputs.count > 1 { json.raw("}") }
    json.raw("}\n")
    return try json.finished()
  }

  // MARK: - /metadata

  private func metadata(_ call: Call) throws(Problem) -> Response? {
    let (chosen, deployment) = try api.version(call)
    let model = (call.version == nil ? deployment.primary : chosen).description
    func tensor(_ name: String, _ type: String, _ width: Int?) -> JSONValue {
      let sizes = ["-1"] + (width.map { ["\($0)"] } ?? [])
      return [
        "dtype": JSONValue(type), "name": JSONValue(name),
        "tensor_shape": [
          "dim": .array(sizes.map { ["size": JSONValue($0), "name": ""] }), "unknown_rank": false,
        ],
      ]
    }
    var (inputs, outputs) = (JSONObject(), JSONObject())
    for name in model.task.definition.input.tensors {
      inputs[name] = tensor(name, "DT_STRING", nil)
    }
    let types = ["BYTES": "DT_STRING", "FP32": "DT_FLOAT", "BOOL": "DT_BOOL"]
    for output in model.outputs {
      outputs[output.name] = tensor(
        output.name, types[output.datatype] ?? "DT_STRING", output.width)
    }
    let definition: JSONValue = [
      "inputs": .object(inputs), "outputs": .object(outputs),
      "method_name": "tensorflow/serving/predict",
    ]
    let json: JSONValue = [
      "model_spec": [
        "name": JSONValue(model.name), "signature_name": "", "version": JSONValue(model.version),
      ],
      "metadata": ["signature_def": ["signature_def": ["serving_default": definition]]],
    ]
    return .json(.ok, json.serializedBytes())
  }
}

// MARK: - Description

extension TensorFlowServingAPI {
  private func predictOperation(_ id: String, _ parameters: [JSONValue]) -> Operation {
    let maximum = api.options.maximumTextsPerRequest
    let form = api.catalog.defaultDeployment?.primary.description.task.definition.input ?? .text
    let rows = Schema.object(
      [
        "signature_name": Schema.constant(JSONValue(Self.signature)),
        "instances": Schema.list(form.schema, minimum: 1, maximum: maximum),
        "inputs": false,
      ], required: ["instances"])
    let column = Schema.list(Schema.text, minimum: 1, maximum: maximum)
    var named = JSONObject()
    for name in form.tensors { named[name] = column }
    let byName = Schema.object(named, required: form.tensors, isClosed: true)
    let columns = Schema.object(
      [
        "signature_name": Schema.constant(JSONValue(Self.signature)),
        "inputs": form.isPair ? byName : Schema.any(column, byName),
        "instances": false,
      ], required: ["inputs"])
    return Operation(
      id: id, tag: "tensorflow-serving",
      summary: "Predicts in the row form (instances) or the column form (inputs).",
      description:
        "Several outputs are named; one alone stands without its name. Strings may be {\"b64\": …}.",
      parameters: parameters + [Schema.timeout],
      body: (
        Schema.any(rows, columns),
        examples(form)
      ),
      answers: [
        Operation.Answer(
          schema: Schema.any(
            Schema.object(["predictions": ["type": "array"]], required: ["predictions"]),
            Schema.object(["outputs": ["type": ["array", "object"]]], required: ["outputs"])),
          headers: ["X-Model-Version"])
      ],
      errors: [404, 500, 503, 504], shape: .message)
  }

  private func examples(_ form: InputForm) -> [(name: String, value: JSONValue)] {
    var (row, columns) = (JSONObject(), JSONObject())
    for name in form.tensors {
      row[name] = "Are you coming home?"
      columns[name] = ["Are you coming home?"]
    }
    let rows: JSONValue =
      form.isPair ? [.object(row)] : ["Are you coming home?", "Call now to claim your prize"]
    return [("rows", ["instances": rows]), ("columns", ["inputs": .object(columns)])]
  }

  private func metadataOperation(_ id: String, _ parameters: [JSONValue]) -> Operation {
    Operation(
      id: id, tag: "tensorflow-serving", summary: "A model's inputs and outputs.",
      parameters: parameters,
      answers: [
        Operation.Answer(
          schema: Schema.object(
            [
              "model_spec": Schema.object(
                ["name": Schema.string, "signature_name": Schema.string, "version": Schema.string],
                required: ["name", "version"]),
              "metadata": ["type": "object"],
            ], required: ["model_spec", "metadata"]))
      ],
      errors: [404], shape: .message)
  }
}
