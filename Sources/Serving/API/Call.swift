import HTTP

/// A request on its way through the API: what it names, and what every answer to it carries.
struct Call: Sendable {
  let request: Request
  let responder: Responder
  var shape: ErrorShape
  /// What the path's `{model}`, `{version}` and `{task}` matched.
  var model: String?
  var version: String?
  var task: String?
  /// Fields that are added to every answer: CORS, rate limits.
  var fields: [(name: String, value: String)] = []
  /// The token's line, where there are tokens.
  var token: AccessTokens.Entry?

  /// Who shares the workers with others.
  var client: Client { token.map { .token($0.counter) } ?? .peer(request.peer.network) }

  /// Tells the client which of its members have no part in the answer.
  mutating func ignore(_ members: [String]) {
    if members.isEmpty { return }
    let names = members.prefix(16).map { name in
      String(
        decoding: name.utf8.prefix(64).map { (0x21...0x7E).contains($0) ? $0 : UInt8(ascii: "?") },
        as: UTF8.self)
    }
    fields.append(("X-Ignored-Members", names.joined(separator: ", ")))
  }

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
