import HTTP
import JSON

/// What probes ask: `/healthz` and `/readyz`.
struct HealthAPI: Sendable {
  let hooks: ServingHooks

  static let unready = Problem(
    status: .serviceUnavailable, detail: "The pool is not ready, or is being replaced.",
    mend: "Try again in a moment, or ask another host.", retryAfter: 1)

  var endpoints: [Endpoint] {
    let alive = Response.text(.ok, "ok\n")
    let ready = Response.text(.ok, "ready\n")
    return [
      Endpoint(
        method: .get, template: "/healthz",
        operation: Self.operation("live", "Whether the process lives.", "ok\n"), isOpen: true
      ) { _ in alive },
      Endpoint(
        method: .get, template: "/readyz",
        operation: Self.operation("ready", "Whether requests are welcome.", "ready\n", [503]),
        isOpen: true
      ) { call throws(Problem) in
        if hooks.isReady() && !call.responder.isDraining { return ready }
        throw Self.unready
      },
    ]
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
