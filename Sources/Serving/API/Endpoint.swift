import HTTP
import JSON

/// One method of one path: what does it, and how `/openapi.json` describes it. Routes and description are made from the
/// same list, so neither has what the other lacks.
struct Endpoint: Sendable {
  /// Answers now, or returns nil and answers later through the call.
  typealias Handler = @Sendable (Call) throws(Problem) -> Response?

  let method: Method
  /// A path with `{model}` and `{version}` as holes.
  let template: String
  let operation: Operation
  /// Whether it is answered without a token: health checks, and what explains the API.
  var isOpen = false
  let handler: Handler

  var shape: ErrorShape { operation.shape }

  /// The holes of the template, in order.
  var holes: [String] {
    template.split(separator: "{").dropFirst().compactMap {
      $0.split(separator: "}").first.map { String($0) }
    }
  }
}

extension Router {
  /// Adds an endpoint: its template and, so that a known model is found by one look into a dictionary, the path of each model.
  mutating func add(
    _ endpoint: Endpoint, models: [String],
    access: AccessControl
  ) throws(HTTPError) {
    @Sendable func answer(_ call: Call) -> Response? {
      var call = call
      do throws(Problem) {
        try access.admit(&call, isOpen: endpoint.isOpen)
        return try endpoint.handler(call).map(call.finished)
      } catch {
        return call.refusal(error)
      }
    }
    let (holes, shape) = (endpoint.holes, endpoint.shape)
    if holes == ["model"] {
      for model in models {
        let path = endpoint.template.replacing("{model}", with: model)
        try add(endpoint.method, path) { request, responder in
          answer(Call(request: request, responder: responder, shape: shape, model: model))
        }
      }
    }
    // A name may have `/` in it, as Hugging Face's have.
    let template = endpoint.template.replacing("{model}", with: "{+model}")
    try add(endpoint.method, template) { request, responder in
      var call = Call(request: request, responder: responder, shape: shape)
      for (hole, value) in zip(holes, request.parameters) {
        switch hole {
        case "model": call.model = value
        case "task": call.task = value
        default: call.version = value
        }
      }
      return answer(call)
    }
  }
}
