import Foundation
import HTTP
import JSON
import Transformer

/// OpenAI's `/v1/embeddings`.
struct OpenAIAPI: Sendable {
  let api: PublicAPI

  private static let example = #"{"model": "NAME", "input": "text"}"#

  /// The names of the models that give embeddings.
  private var names: [String] {
    api.catalog.deployments.map(\.primary.description).filter { $0.task == .embedding }.map(\.name)
  }

  var endpoints: [Endpoint] {
    if names.isEmpty { return [] }
    return [
      Endpoint(method: .post, template: "/v1/embeddings", operation: operation) {
        call throws(Problem) in
        try embeddings(call)
      }
    ]
  }

  private func embeddings(_ call: Call) throws(Problem) -> Response? {
    try api.refuseIfFull()
    let body = try RequestBody(call.request, example: Self.example)
    let name = try body.string("model", maximum: ModelSpecification.maximumNameLength)
    let deployment = try api.deployment(name, pointer: "/model")
    let version = deployment.version(for: call.request)
    let model = version.description
    guard model.task == .embedding else {
      throw Problem(
        status: .badRequest, detail: "The model '\(name)' gives no embeddings.",
        mend: "Use one of: \(names.joined(separator: ", ")).", pointer: "/model")
    }
    let isBase64 = try Self.isBase64(body)
    let dimensions = try body.integer("dimensions", in: 1...model.embeddingDimension)
    if body["input"]?[0]?.intValue != nil || body["input"]?[0]?[0]?.intValue != nil {
      throw body.wrong(
        "input", "a list of token ids, which are another tokenizer's; texts are taken")
    }
    let (inputs, isList) = try body.texts("input", maximum: api.options.maximumTextsPerRequest)
    return try api.predict(
      call, version, shadow: deployment.shadow, inputs: inputs, isList: true,
      pointer: { isList ? "/input/\($0)" : "/input" }
    ) { predictions throws(Problem) in
      .json(.ok, try Self.answer(name, predictions, dimensions: dimensions, isBase64: isBase64))
    }
  }

  private static func isBase64(_ body: RequestBody) throws(Problem) -> Bool {
    guard let value = body["encoding_format"] else { return false }
    switch value.stringValue {
    case "float"?: return false
    case "base64"?: return true
    default: throw body.wrong("encoding_format", "neither 'float' nor 'base64'")
    }
  }

  private static func answer(
    _ name: String, _ predictions: [Prediction], dimensions: Int?, isBase64: Bool
  ) throws(Problem) -> [UInt8] {
    var json = JSONWriter(capacity: 4096 * predictions.count)
    json.raw(#"{"object":"list","data":"#)
    json.list(predictions.enumerated()) { element, json in
      guard case .vector(let whole) = element.element.value else { return json.raw("null") }
      let vector = dimensions.map { Self.shortened(whole, to: $0) } ?? whole
      json.raw(#"{"object":"embedding","index":"#)
      json.integer(element.offset)
      json.raw(#","embedding":"#)
      if isBase64 {
        // Little-endian single precision, as OpenAI's own client reads it.
        let data = vector.withUnsafeBytes { Data($0) }
        json.string(data.base64EncodedString())
      } else {
        json.numbers(vector)
      }
      json.raw("}")
    }
    let tokens = predictions.reduce(0) { $0 + $1.tokenCount }
    json.raw(#","model":"#)
    json.string(name)
    json.raw(#","usage":{"prompt_tokens":"#)
    json.integer(tokens)
    json.raw(#","total_tokens":"#)
    json.integer(tokens)
    json.raw("}}\n")
    return try json.finished()
  }

  /// The first numbers, brought back to the vector's length, as OpenAI shortens its own.
  private static func shortened(_ vector: [Float], to count: Int) -> [Float] {
    if count >= vector.count { return vector }
    func norm(_ values: ArraySlice<Float>) -> Double {
      values.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
    }
    let scale = norm(vector[...]) / max(norm(vector.prefix(count)), 1e-12)
    return vector.prefix(count).map { Float(Double($0) * scale) }
  }

  // MARK: - Description

  private var operation: Operation {
    let maximum = api.options.maximumTextsPerRequest
    let smallest =
      api.catalog.deployments.map(\.primary.description.embeddingDimension).filter { $0 > 0 }.min()
      ?? 1
    let embedding = Schema.object(
      [
        "object": Schema.constant("embedding"), "index": ["type": "integer", "minimum": 0],
        "embedding": Schema.any(Schema.list(Schema.number), Schema.string),
      ], required: ["object", "index", "embedding"])
    let usage = Schema.object(
      ["prompt_tokens": ["type": "integer"], "total_tokens": ["type": "integer"]],
      required: ["prompt_tokens", "total_tokens"])
    return Operation(
      id: "embeddings", tag: "openai", summary: "Embeds one text or several.",
      description:
        "With 'dimensions' a vector is cut short and brought back to its length. Token ids are not taken.",
      parameters: [Schema.timeout],
      body: (
        Schema.object(
          [
            "model": Schema.values(names),
            "input": Schema.any(
              Schema.text, Schema.list(Schema.text, minimum: 1, maximum: maximum)),
            "encoding_format": Schema.values(["float", "base64"]),
            "dimensions": ["type": "integer", "minimum": 1, "maximum": JSONValue(smallest)],
            "user": Schema.string,
          ], required: ["model", "input"]),
        [("two texts", ["model": JSONValue(names[0]), "input": ["How old are you?", "Hello"]])]
      ),
      answers: [
        Operation.Answer(
          schema: Schema.object(
            [
              "object": Schema.constant("list"), "data": Schema.list(embedding),
              "model": Schema.string, "usage": usage,
            ], required: ["object", "data", "model", "usage"]),
          headers: ["X-Model-Version"])
      ],
      errors: [404, 500, 503, 504], shape: .openAI)
  }
}
