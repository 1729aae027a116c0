import HTTP
import JSON
import Pages
import Transformer

/// `/`: what is served and where to go, as a page for browsers and as JSON for programs.
struct IndexAPI: Sendable {
  let api: PublicAPI

  private static let dialects = [
    "Open Inference Protocol (KServe, Triton)", "TensorFlow Serving", "OpenAI",
    "text-embeddings-inference", "Cohere", "Jina", "vLLM", "Hugging Face",
  ]

  var endpoints: [Endpoint] {
    let models = api.catalog.deployments.map(\.primary.description)
    let json = Response.json(.ok, Self.json(models).serializedBytes() + [UInt8(ascii: "\n")])
    let values = Self.markup(models)
    return [
      Endpoint(method: .get, template: "/", operation: Self.operation, isOpen: true) { call in
        var response = Self.wantsPage(call.request) ? Response.page(.index, values) : json
        response.fields.append(("Vary", "Accept"))
        return response
      }
    ]
  }

  /// Whether the client names HTML among what it accepts, as browsers do and programs do not (RFC 9110 section 12.5.1).
  private static func wantsPage(_ request: Request) -> Bool {
    (request.field("accept") ?? "").split(separator: ",").contains { range in
      let parts = range.split(separator: ";").map { $0.filter { $0 != " " && $0 != "\t" } }
      let isRefused = parts.dropFirst().contains {
        $0.lowercased().hasPrefix("q=") && (Double($0.dropFirst(2)) ?? 1) == 0
      }
      return parts.first?.lowercased() == "text/html" && !isRefused
    }
  }

  private static func path(_ model: ModelDescription) -> String {
    "/models/\(model.name)/predict"
  }

  private static func json(_ models: [ModelDescription]) -> JSONValue {
    [
      "name": "martlet",
      "models": .array(
        models.map { model in
          let form = model.task.definition.input
          var parameters = JSONObject()
          for one in model.task.definition.parameters(model.signature) {
            parameters[one.name] = one.schema
          }
          return [
            "name": JSONValue(model.name), "task": JSONValue(model.task.rawValue),
            "labels": .array(model.labels.map { JSONValue($0) }),
            "input": [JSONValue(form.first), JSONValue(form.second)],
            "parameters": .object(parameters), "predict": JSONValue(path(model)),
          ]
        }),
      "dialects": .array(dialects.map { JSONValue($0) }), "documentation": "/docs",
      "description": "/openapi.json", "ready": "/readyz",
    ]
  }

  /// Names are of bytes that need no escape in markup (`ModelSpecification`).
  private static func markup(_ models: [ModelDescription]) -> [String: String] {
    let rows = models.map {
      "<tr><td>\($0.name)</td><td>\($0.task.rawValue)</td><td><code>POST \(path($0))</code></td></tr>"
    }
    return [
      "models": rows.joined(separator: "\n"), "dialects": dialects.joined(separator: ", "),
      "command":
        "curl -s $ADDRESS/predict -H 'Content-Type: application/json' -d '{\"input\": \"Hello\"}'",
    ]
  }

  private static var operation: Operation {
    Operation(
      id: "index", tag: "description", summary: "What is served and where to go.",
      answers: [
        Operation.Answer(
          schema: Schema.object(
            [
              "name": Schema.constant("martlet"),
              "models": Schema.list(
                Schema.object(
                  ["name": Schema.string, "task": Schema.string, "predict": Schema.string],
                  required: ["name", "task", "predict"])),
              "documentation": Schema.string,
            ], required: ["name", "models", "documentation"]))
      ])
  }
}
