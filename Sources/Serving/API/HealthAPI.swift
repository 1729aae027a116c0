import HTTP
import JSON

/// What probes ask: `/healthz`, `/readyz` and `/health`.
struct HealthAPI: Sendable {
  let hooks: ServingHooks

  static let unready = Problem(
    status: .serviceUnavailable, detail: "The pool is not ready, or is being replaced.",
    mend: "Try again in a moment, or ask another host.", retryAfter: 1)

  var endpoints: [Endpoint] {
    let alive = Response.text(.ok, "ok\n")
    let ready = Response.text(.ok, "ready\n")
    let live = Endpoint(
      method: .get, template: "/healthz",
      operation: Self.operation("live", "Whether the process lives.", "ok\n"), isOpen: true
    ) { _ in alive }
    // `/health` is what text-embeddings-inference and vLLM call it.
    let readiness = [("/readyz", "ready"), ("/health", "health")].map { path, id in
      Endpoint(
        method: .get, template: path,
        operation: Self.operation(id, "Whether requests are welcome.", "ready\n", [503]),
        isOpen: true
      ) { call throws(Problem) in
        if hooks.isReady() && !call.responder.isDraining { return ready }
        throw Self.unready
      }
    }
    return [live] + readiness
  }

  private static func operation(
    _ id: String, _ summary: String, _ text: String, _ errors: [Int] = []
  ) -> Operation {
    Operation(
      id: id, tag: "health", summary: summary,
      answers: [
        Operation.Answer(type: "text/plain", schema: Schema.constant(JSONValue(text)))
      ],
      errors: errors)
  }
}
