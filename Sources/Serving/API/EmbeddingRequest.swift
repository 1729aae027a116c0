import Foundation
import HTTP
import JSON
import Transformer

/// What every dialect asks of an embedding model.
struct EmbeddingRequest: Sendable {
  /// How long the vectors are to be.
  enum Length: Sendable {
    /// As the model gives them; what is cut short is brought back to that, as OpenAI does.
    case ofModel
    /// 1.
    case one
    /// Whatever is left.
    case any
  }

  let deployment: ModelCatalog.Deployment
  private(set) var inputs: [TextInput]
  /// Where the request has each text.
  let pointer: @Sendable (Int) -> String
  /// How many of the numbers are wanted, the first ones; nil for all.
  var dimensions: Int?
  var length = Length.ofModel
  /// Whether a text that is longer than the model reads is refused, instead of cut.
  var refusesLongTexts = false

  init(
    deployment: ModelCatalog.Deployment, inputs: [TextInput],
    pointer: @escaping @Sendable (Int) -> String
  ) {
    (self.deployment, self.inputs, self.pointer) = (deployment, inputs, pointer)
  }

  /// Says of all inputs what stands in these members of the body, by the names of the task's parameters.
  mutating func readParameters(_ body: RequestBody, _ names: [String]) throws(Problem) {
    var said = JSONObject()
    for name in names { said[name] = body[name] }
    try inputs.say(said, to: deployment.primary.description, body)
  }

  /// Says on which side of a search the texts are; models that know no sides read all texts alike.
  mutating func readSide(_ side: String?) throws(Problem) {
    let model = deployment.primary.description
    guard let side, model.takes("input_type") else { return }
    try inputs.say(
      ["input_type": JSONValue(side)], to: model, RequestBody(object: JSONObject(), example: ""))
  }

  /// Reads `dimensions`, by whatever name the dialect has for it.
  mutating func readDimensions(_ body: RequestBody, _ name: String) throws(Problem) {
    dimensions = try body.integer(
      name, in: 1...max(1, deployment.primary.description.embeddingDimension))
  }

  /// The vector that is asked for, of the one that the model gives.
  func vector(_ prediction: Prediction) -> [Float] {
    guard case .vector(let whole) = prediction.value else { return [] }
    let vector = dimensions.map { Array(whole.prefix($0)) } ?? whole
    switch length {
    case .any: return vector
    case .ofModel: return vector.count == whole.count ? whole : vector.scaled(to: whole.length)
    // A vector that has the length already keeps its bits.
    case .one: return abs(vector.length - 1) < 5e-6 ? vector : vector.scaled(to: 1)
    }
  }
}

extension [TextInput] {
  /// Gives all inputs parameters of the model's task, which stand at `body`.
  mutating func say(
    _ said: JSONObject, to model: ModelDescription, _ body: RequestBody
  ) throws(Problem) {
    if said.isEmpty { return }
    do throws(InputProblem) {
      let parameters = try TaskParameters(said, task: model.task, model: model.signature)
      for index in indices { self[index].parameters = parameters }
    } catch {
      throw Problem(error, at: body.pointer, example: body.example)
    }
  }
}

extension ModelDescription {
  /// Whether a request may say this of its inputs.
  func takes(_ parameter: String) -> Bool {
    task.definition.parameters(signature).contains { $0.name.utf8.elementsEqual(parameter.utf8) }
  }
}

extension [Float] {
  /// The Euclidean length.
  var length: Double { reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot() }

  /// The vector of this direction and another length.
  func scaled(to length: Double) -> [Float] {
    let scale = length / Swift.max(self.length, 1e-12)
    return map { Float(Double($0) * scale) }
  }

  /// The cosine of the angle to another vector.
  func cosine(_ other: [Float]) -> Float {
    let product = zip(self, other).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
    return Float(product / Swift.max(length * other.length, 1e-12))
  }
}

extension PublicAPI {
  /// The numbers that the vectors of every embedding model have.
  var smallestDimension: Int {
    deployments(.embedder).map(\.primary.description.embeddingDimension).min() ?? 1
  }

  /// Embeds; `answer` makes the answer of the vectors and the number of tokens.
  ///
  /// - Returns: nil: the answer comes later.
  func embed(
    _ call: Call, _ request: EmbeddingRequest,
    answer: @escaping @Sendable ([[Float]], _ tokens: Int) throws(Problem) -> [UInt8]
  ) throws(Problem) -> Response? {
    try predict(
      call, request.deployment, request.inputs, refusesLongTexts: request.refusesLongTexts,
      pointer: request.pointer
    ) { predictions, tokens throws(Problem) in
      try answer(predictions.map(request.vector), tokens)
    }
  }

  /// Predicts for the texts of another server's dialect; `answer` makes JSON of what the model says and the number of tokens.
  /// Texts that had to be cut are told in `X-Input-Truncated`, or refused.
  ///
  /// - Returns: nil: the answer comes later.
  func predict(
    _ call: Call, _ deployment: ModelCatalog.Deployment, _ inputs: [TextInput],
    refusesLongTexts: Bool, pointer: @escaping @Sendable (Int) -> String,
    answer: @escaping @Sendable ([Prediction], _ tokens: Int) throws(Problem) -> [UInt8]
  ) throws(Problem) -> Response? {
    let version = deployment.version(for: call.request)
    let limit = version.description.maximumTokens
    return try predict(
      call, version, shadow: deployment.shadow, inputs: inputs, isList: true, pointer: pointer
    ) { predictions throws(Problem) in
      let cut = predictions.firstIndex(where: \.isTruncated)
      if let cut, refusesLongTexts {
        throw Problem(
          status: .contentTooLarge,
          detail: "Text \(cut) has more than the \(limit) tokens that the model reads.",
          mend: "Send it in parts, or let it be cut: leave out what forbids that.",
          pointer: pointer(cut))
      }
      var response = Response.json(
        .ok, try answer(predictions, predictions.reduce(0) { $0 + $1.tokenCount }))
      if cut != nil { response.fields.append(("X-Input-Truncated", "true")) }
      return response
    }
  }
}
