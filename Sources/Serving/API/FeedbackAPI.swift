import HTTP
import Health
import JSON
import Transformer

/// `/feedback`: true labels, one or many, for the predictions of any model with classes.
struct FeedbackAPI: Sendable {
  /// A model with classes.
  private struct Model: Sendable {
    var name: String
    var isDefault: Bool
    var labels: [String]
    var places: [ExactString: Int]
  }

  /// Labels in one request at most.
  static let maximumLabels = 10_000
  private static let lineTypes = [
    "application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines",
    "application/json-lines",
  ]
  private let hooks: ServingHooks
  private let models: [Model]
  private let example: String

  init(api: PublicAPI) {
    hooks = api.hooks
    models = api.catalog.deployments.enumerated().compactMap { index, deployment in
      let description = deployment.primary.description
      guard description.hasProbabilities else { return nil }
      return Model(
        name: description.name, isDefault: index == 0, labels: description.labels,
        places: ExactString.places(in: description.labels))
    }
    let label = JSONValue(models.first?.labels.first ?? "…").serialized()
    example = #"{"request_id": "…", "label": \#(label)}"#
  }

  var endpoints: [Endpoint] {
    if models.isEmpty { return [] }
    return [
      Endpoint(method: .post, template: "/feedback", operation: operation) {
        call throws(Problem) in
        try feedback(call)
      }
    ]
  }

  // MARK: - Requests

  private func feedback(_ call: Call) throws(Problem) -> Response? {
    if isLines(call.request) { return try take(lines: call) }
    let body = try RequestBody(call.request, example: example)
    guard let list = body["feedback"] else { return try takeOne(call, body) }
    try body.refuseOthers(than: ["feedback", "model"])
    let model = try body.optionalString("model")
    if let model { try checkModel(model, pointer: "/model") }
    guard let values = list.arrayValue else {
      throw body.wrong("feedback", "\(list.kind), not a list")
    }
    try checkCount(values.count, pointer: "/feedback")
    let items = values.enumerated().map { index, value -> Result<FeedbackItem, Problem> in
      read(value, pointer: "/feedback/\(index)", model: model)
    }
    return takeMany(call, items, ids: values.map { $0["request_id"]?.stringValue })
  }

  private func isLines(_ request: Request) -> Bool {
    guard let type = request.field("content-type") else { return false }
    let name = type.lowercased().prefix { $0 != ";" && $0 != " " }
    return Self.lineTypes.contains(String(name))
  }

  private func checkCount(_ count: Int, pointer: String) throws(Problem) {
    guard (1...Self.maximumLabels).contains(count) else {
      throw Problem(
        status: .unprocessableContent,
        detail: "There are \(count) labels; from 1 to \(Self.maximumLabels) are taken.",
        mend: "Send at least one label, and long lists in parts.", pointer: pointer)
    }
  }

  private func checkModel(_ name: String, pointer: String) throws(Problem) {
    if models.contains(where: { $0.name == name }) { return }
    throw Problem(
      status: .notFound, detail: "No model with labels has this name.",
      mend: "Use one of: \(models.map(\.name).joined(separator: ", ")).", pointer: pointer)
  }

  /// One label a line; empty lines are skipped.
  private func take(lines call: Call) throws(Problem) -> Response? {
    let lines = call.request.body.split(separator: UInt8(ascii: "\n")).filter { line in
      line.contains { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\r") }
    }
    try checkCount(lines.count, pointer: "")
    var (items, ids) = ([Result<FeedbackItem, Problem>](), [String?]())
    for (index, line) in lines.enumerated() {
      do throws(Problem) {
        let body = try RequestBody(bytes: line, example: example)
        ids.append(body["request_id"]?.stringValue)
        items.append(read(.object(body.object), pointer: "/\(index)", model: nil))
      } catch {
        if ids.count == items.count { ids.append(nil) }
        items.append(.failure(error))
      }
    }
    return takeMany(call, items, ids: ids)
  }

  private func read(
    _ value: JSONValue, pointer: String, model: String?
  ) -> Result<FeedbackItem, Problem> {
    guard let object = value.objectValue else {
      return .failure(
        Problem(
          status: .unprocessableContent, detail: "The item is \(value.kind), not a JSON object.",
          mend: "Send \(example).", pointer: pointer))
    }
    do throws(Problem) {
      let body = RequestBody(object: object, pointer: pointer, example: example)
      return .success(try item(body, model: model))
    } catch {
      return .failure(error)
    }
  }

  private func item(_ body: RequestBody, model: String?) throws(Problem) -> FeedbackItem {
    try body.refuseOthers(than: ["request_id", "label", "model"])
    let id = try body.string("request_id")
    let label = try body.string("label", maximum: 1024)
    let name = try body.optionalString("model") ?? model
    if let name { try checkModel(name, pointer: "\(body.pointer)/model") }
    let asked = models.filter { name == nil || $0.name == name }
    let candidates = asked.map {
      FeedbackItem.Candidate(
        model: $0.isDefault ? nil : $0.name, label: $0.places[ExactString(label)])
    }
    if candidates.allSatisfy({ $0.label == nil }) {
      throw unknownLabel(asked.flatMap(\.labels), pointer: "\(body.pointer)/label")
    }
    return FeedbackItem(requestID: id, candidates: candidates)
  }

  private func unknownLabel(_ labels: [String], pointer: String) -> Problem {
    let known = ExactString.unique(labels).prefix(20).joined(separator: ", ")
    return Problem(
      status: .unprocessableContent, detail: "The model has no such label.",
      mend: "Use one of: \(known).", pointer: pointer)
  }

  // MARK: - Answers

  private func takeOne(_ call: Call, _ body: RequestBody) throws(Problem) -> Response? {
    let item = try item(body, model: nil)
    hooks.feedback([item]) { answers in
      guard let answer = answers.first else { return }
      if let problem = problem(answer, item, pointer: "") { return call.refuse(problem) }
      call.respond(.json(Status(202), accepted(answer, item).serializedBytes() + [0x0A]))
    }
    return nil
  }

  private func accepted(_ answer: FeedbackAnswer, _ item: FeedbackItem) -> JSONValue {
    switch answer.outcome {
    case .counted(let isRight): return ["accepted": true, "correct": JSONValue(isRight)]
    case .replaced(let previous, let isRight):
      let labels = model(item.candidates[answer.candidate].model)?.labels ?? []
      let name = labels.indices.contains(previous) ? labels[previous] : "\(previous)"
      return ["accepted": true, "correct": JSONValue(isRight), "replaced": JSONValue(name)]
    default: return ["accepted": true, "already_counted": true]
    }
  }

  private func model(_ name: String?) -> Model? {
    models.first { name == nil ? $0.isDefault : $0.name == name }
  }

  private func problem(
    _ answer: FeedbackAnswer, _ item: FeedbackItem, pointer: String
  ) -> Problem? {
    switch answer.outcome {
    case .counted, .alreadyCounted, .replaced: return nil
    case .unknownRequest:
      return Problem(
        status: .notFound, detail: "No prediction that is remembered or kept has this request id.",
        mend: "Send the X-Request-Id of an answer, with /INDEX for a text of a list.",
        pointer: "\(pointer)/request_id")
    case .unknownLabel:
      let name =
        item.candidates.indices.contains(answer.candidate)
        ? item.candidates[answer.candidate].model : nil
      return unknownLabel(model(name)?.labels ?? [], pointer: "\(pointer)/label")
    case .unavailable:
      return Problem(
        status: .serviceUnavailable,
        detail: "Whether there is such a prediction cannot be found out now.",
        mend: "Send the label again later: it counts once.", pointer: "\(pointer)/request_id",
        retryAfter: 10)
    }
  }

  /// Good items count although others are refused.
  private func takeMany(
    _ call: Call, _ items: [Result<FeedbackItem, Problem>], ids: [String?]
  ) -> Response? {
    let places = items.indices.filter { if case .success = items[$0] { true } else { false } }
    hooks.feedback(places.compactMap { try? items[$0].get() }) { answers in
      var problems: [(index: Int, problem: Problem)] = []
      var (counted, repeated, replaced, correct) = (0, 0, 0, 0)
      for (index, item) in items.enumerated() {
        if case .failure(let problem) = item { problems.append((index, problem)) }
      }
      for (index, answer) in zip(places, answers) {
        switch answer.outcome {
        case .counted(let isRight):
          counted += 1
          if isRight { correct += 1 }
        case .replaced(_, let isRight):
          replaced += 1
          if isRight { correct += 1 }
        case .alreadyCounted: repeated += 1
        default:
          guard let item = try? items[index].get(),
            let problem = problem(answer, item, pointer: "/feedback/\(index)")
          else { continue }
          problems.append((index, problem))
        }
      }
      let errors = problems.sorted { $0.index < $1.index }.map { entry -> JSONValue in
        var object: JSONObject = [
          "index": JSONValue(entry.index), "status": JSONValue(entry.problem.status.code),
          "detail": JSONValue(entry.problem.detail), "mend": JSONValue(entry.problem.mend),
        ]
        if let id = ids[entry.index] { object["request_id"] = JSONValue(id) }
        return .object(object)
      }
      let body: JSONValue = [
        "accepted": JSONValue(counted + repeated + replaced), "counted": JSONValue(counted),
        "already_counted": JSONValue(repeated), "replaced": JSONValue(replaced),
        "correct": JSONValue(correct), "refused": JSONValue(errors.count),
        "errors": .array(errors),
      ]
      call.respond(.json(.ok, body.serializedBytes() + [0x0A]))
    }
    return nil
  }
}

// MARK: - Description

extension FeedbackAPI {
  private var operation: Operation {
    let label = models.first?.labels.first ?? ""
    let labels = ExactString.unique(models.flatMap(\.labels))
    // At most 256 bytes; a character may have four.
    let id: JSONValue = ["type": "string", "minLength": 1, "maxLength": 64]
    let item = Schema.object(
      [
        "request_id": id, "label": Schema.values(labels),
        "model": Schema.values(models.map(\.name)),
      ], required: ["request_id", "label"], isClosed: true)
    let many = Schema.object(
      [
        "feedback": Schema.list(item, minimum: 1, maximum: Self.maximumLabels),
        "model": Schema.values(models.map(\.name)),
      ], required: ["feedback"], isClosed: true)
    let one: JSONValue = ["request_id": "5c3d5bd886b4d973", "label": JSONValue(label)]
    return Operation(
      id: "feedback", tag: "predict", summary: "Tells the true labels of earlier predictions.",
      description:
        "The request id is the X-Request-Id of an answer, with /INDEX behind it for a text of a list. Without a model, the "
        + "one that answered the request is found by the id. The same label again changes nothing; another one takes its "
        + "place. Lists may also be sent as JSON lines (application/x-ndjson), one label a line.",
      body: (
        Schema.any(item, many),
        [
          ("label", one),
          (
            "labels",
            ["feedback": [one, ["request_id": "5c3d5bd886b4d974/1", "label": JSONValue(label)]]]
          ),
        ]
      ),
      answers: [
        Operation.Answer(status: 200, schema: Self.summary, description: "What became of a list."),
        Operation.Answer(status: 202, schema: Self.accepted, description: "It was taken."),
      ],
      errors: [404, 422, 503])
  }

  private static let accepted = Schema.object(
    [
      "accepted": Schema.constant(true), "correct": Schema.boolean,
      "already_counted": Schema.constant(true),
      "replaced": ["type": "string", "description": "The label that was told before."],
    ], required: ["accepted"], isClosed: true)

  private static let summary: JSONValue = {
    let count: JSONValue = ["type": "integer", "minimum": 0]
    let error = Schema.object(
      [
        "index": count, "request_id": Schema.string, "status": count, "detail": Schema.string,
        "mend": Schema.string,
      ], required: ["index", "status", "detail", "mend"], isClosed: true)
    return Schema.object(
      [
        "accepted": count, "counted": count, "already_counted": count, "replaced": count,
        "correct": count, "refused": count, "errors": Schema.list(error),
      ],
      required: [
        "accepted", "counted", "already_counted", "replaced", "correct", "refused", "errors",
      ], isClosed: true)
  }()
}
