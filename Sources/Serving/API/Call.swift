import HTTP

/// A request on its way through the API: what it names, and what every answer to it carries.
struct Call: Sendable {
  let request: Request
  let responder: Responder
  let shape: ErrorShape
  /// What the path's `{model}` and `{version}` matched.
  var model: String?
  var version: String?
  /// Fields that are added to every answer: CORS, rate limits.
  var fields: [(name: String, value: String)] = []

  /// The answer with the fields that every answer to this call has.
  func finished(_ response: Response) -> Response {
    if fields.isEmpty { return response }
    var response = response
    response.fields += fields
    return response
  }

  /// The answer that tells of a problem.
  func refusal(_ problem: Problem) -> Response {
    finished(shape.response(problem, requestID: request.id))
  }

  /// Answers, from any queue.
  func respond(_ response: Response) { responder.respond(finished(response)) }

  /// Refuses, from any queue.
  func refuse(_ problem: Problem) { responder.respond(refusal(problem)) }
}
