import HTTP
import JSON

/// What explains the API: `/openapi.json`, and `/docs`, a page to try it from.
struct DescriptionAPI: Sendable {
  let described: [Endpoint]
  let options: ServingOptions

  var endpoints: [Endpoint] {
    let own = [documentEndpoint(Response(.ok)), pageEndpoint]
    let document = OpenAPIDocument(
      endpoints: described + own, hasTokens: options.access.tokens != nil)
    return [documentEndpoint(.json(.ok, document.json.serializedBytes())), pageEndpoint]
  }

  private func documentEndpoint(_ response: Response) -> Endpoint {
    Endpoint(
      method: .get, template: "/openapi.json",
      operation: Operation(
        id: "openapi", tag: "description", summary: "This description, in OpenAPI 3.1.",
        answers: [
          Operation.Answer(
            schema: Schema.object(
              ["openapi": Schema.constant("3.1.0"), "paths": ["type": "object"]],
              required: ["openapi", "info", "paths"]))
        ]),
      isOpen: true
    ) { _ in response }
  }

  private var pageEndpoint: Endpoint {
    Endpoint(
      method: .get, template: "/docs",
      operation: Operation(
        id: "docs", tag: "description", summary: "A page to try each endpoint from.",
        answers: [Operation.Answer(type: "text/html", schema: Schema.string)]),
      isOpen: true
    ) { _ in .page(.documentation) }
  }
}
