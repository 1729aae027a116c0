import HTTP
import JSON
import Transformer

/// What the API says of the model.
struct ModelDescription: Sendable {
  let name: String
  let task: ModelTask
  let labels: [String]
  let maximumTokens: Int
}

/// The routes of the public listener.
struct PredictionAPI: Sendable {
  let model: ModelDescription
  let compute: ComputeQueue
  let options: ServingOptions
  let hooks: ServingHooks

  static let paths: Set<String> = [
    "/predict", "/feedback", "/healthz", "/readyz", "/v1/models", "/openapi.json",
  ]
  /// An answer with scores can be asked for by this media type too.
  static let scoresType = "application/vnd.martlet.scores+json"

  func router() throws -> Router {
    var router = Router()
    try router.add(.post, "/predict") { request, responder in predict(request, responder) }
    try router.add(.post, "/feedback") { request, _ in feedback(request) }
    let alive = Response.text(.ok, "ok\n")
    try router.add(.get, "/healthz") { _, _ in alive }
    try router.add(.get, "/readyz") { request, responder in
      if hooks.isReady() && !responder.isDraining { return .text(.ok, "ready\n") }
      return Problem(
        status: .serviceUnavailable, detail: "The pool is not ready, or is being replaced.",
        mend: "Try again in a moment, or ask another host.", retryAfter: 1
      ).response(requestID: request.id)
    }
    let models = Response.json(.ok, modelList.serializedBytes())
    try router.add(.get, "/v1/models") { _, _ in models }
    let document = Response.json(.ok, OpenAPIDocument(model: model).json.serializedBytes())
    try router.add(.get, "/openapi.json") { _, _ in document }
    for path in ["/metrics", "/monitor", "/debug"] {
      router.explain(
        path, detail: "This path is served by the admin listener alone, not by the public one.",
        mend: "Ask the admin address (--admin-bind), on the machine itself.")
    }
    return router
  }

  // MARK: - Routes

  private func predict(_ request: Request, _ responder: Responder) -> Response? {
    do throws(Problem) {
      let input = try PredictRequest(request, maximumTexts: options.maximumTextsPerRequest)
      let deadline = try request.arrival + timeout(request)
      let tokens = input.inputs.reduce(0) {
        let bytes = $1.text.utf8.count + ($1.pair?.utf8.count ?? 0)
        return $0 + min(model.maximumTokens, bytes / 4 + 2)
      }
      let job = ComputeQueue.Job(
        request: request, responder: responder, input: input, hasScores: wantsScores(request),
        deadline: deadline, tokenEstimate: tokens)
      if compute.enqueue(job) { return nil }
      throw Problem(
        status: .serviceUnavailable, detail: "Too many texts wait for the model already.",
        mend: "Try again after the seconds in Retry-After.", retryAfter: 1)
    } catch {
      return error.response(requestID: request.id)
    }
  }

  private func wantsScores(_ request: Request) -> Bool {
    if let scores = request.queryParameter("scores") { return scores == "true" || scores == "1" }
    return request.field("accept")?.contains(Self.scoresType) ?? false
  }

  /// Nanoseconds that the client waits: `X-Request-Timeout-Ms`, at most the server's own limit.
  private func timeout(_ request: Request) throws(Problem) -> Int64 {
    let own = Int64(options.requestTimeout * 1e9)
    guard let text = request.field("x-request-timeout-ms") else { return own }
    guard let milliseconds = Int64(text), (0...86_400_000).contains(milliseconds) else {
      throw Problem(
        status: .badRequest, detail: "X-Request-Timeout-Ms is not a number of milliseconds.",
        mend: "Send a whole number from 0 to 86400000, or leave the field out.")
    }
    return min(own, milliseconds * 1_000_000)
  }

  private func feedback(_ request: Request) -> Response {
    do throws(Problem) {
      let example = #"{"request_id": "…", "label": "\#(model.labels.first ?? "…")"}"#
      let object = try requestObject(request, example: example)
      let id = try string("request_id", of: object, example: example)
      let label = try string("label", of: object, example: example)
      guard let index = model.labels.firstIndex(of: label) else {
        throw Problem(
          status: .unprocessableContent, detail: "The model has no such label.",
          mend: model.labels.isEmpty
            ? "This model gives no labels; feedback is for classifiers."
            : "Use one of: \(model.labels.prefix(20).joined(separator: ", ")).",
          pointer: "/label")
      }
      switch hooks.feedback(id, index) {
      case .counted(let wasCorrect):
        return .json(
          Status(202), Array("{\"accepted\":true,\"correct\":\(wasCorrect)}\n".utf8))
      case .alreadyCounted:
        return .json(
          Status(202), Array("{\"accepted\":true,\"already_counted\":true}\n".utf8))
      case .unknownRequest:
        throw Problem(
          status: .notFound, detail: "No recent prediction has this request id.",
          mend: "Send the X-Request-Id of an answer, with /INDEX for a text of a list.",
          pointer: "/request_id")
      }
    } catch {
      return error.response(requestID: request.id)
    }
  }

  private func string(
    _ name: String, of object: JSONObject, example: String
  ) throws(Problem) -> String {
    if let text = object[name]?.stringValue, !text.isEmpty, text.utf8.count <= 256 { return text }
    throw Problem(
      status: .unprocessableContent,
      detail: "The member '\(name)' is missing, or not a string of 1 to 256 bytes.",
      mend: "Send \(example).", pointer: "/\(name)")
  }

  private var modelList: JSONValue {
    [
      "object": "list",
      "data": [
        [
          "id": JSONValue(model.name), "object": "model", "task": .string(model.task.rawValue),
          "labels": .array(model.labels.map { JSONValue($0) }),
          "maximum_tokens": JSONValue(model.maximumTokens),
        ]
      ],
    ]
  }
}
