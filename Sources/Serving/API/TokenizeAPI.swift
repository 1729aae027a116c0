import Dispatch
import HTTP
import JSON
import Synchronization
import Tokenization
import Transformer

/// text-embeddings-inference's `/tokenize` and `/decode`: texts as tokens and back, by the model that `model` names or the default
/// one. On a queue beside the model's, so that neither waits for the other.
final class TokenizeAPI: Sendable {
  private let api: PublicAPI
  private let queue = DispatchQueue(label: "martlet.tokenize", qos: .utility)
  /// Texts that wait or are worked on.
  private let waiting = Atomic<Int>(0)

  private static let tokenizeExample = #"{"inputs": "text"}"#
  private static let decodeExample = #"{"ids": [[101, 7592, 102]]}"#

  init(api: PublicAPI) { self.api = api }

  var endpoints: [Endpoint] {
    if !api.catalog.deployments.contains(where: { $0.primary.tokenizer != nil }) { return [] }
    return [
      Endpoint(method: .post, template: "/tokenize", operation: tokenizeOperation) {
        call throws(Problem) in try self.tokenize(call)
      },
      Endpoint(method: .post, template: "/decode", operation: decodeOperation) {
        call throws(Problem) in try self.decode(call)
      },
    ]
  }

  private func tokenizer(
    _ body: RequestBody
  ) throws(Problem) -> (Tokenizer, ModelCatalog.Deployment) {
    let name = try body.optionalString("model", maximum: ModelSpecification.maximumNameLength)
    let deployment = try api.deployment(name, pointer: "/model")
    guard let tokenizer = deployment.primary.tokenizer else {
      throw Problem(
        status: .badRequest, detail: "The model has no tokenizer.", mend: "Name another model.",
        pointer: "/model")
    }
    return (tokenizer, deployment)
  }

  /// Answers on the queue, unless as many texts wait as may wait for the models.
  private func run(
    _ call: Call, texts: Int, _ body: @escaping @Sendable () throws(Problem) -> [UInt8]
  ) throws(Problem) {
    let waits = waiting.wrappingAdd(texts, ordering: .relaxed).oldValue
    if waits > 0 && waits + texts > api.options.maximumQueuedTexts {
      waiting.wrappingSubtract(texts, ordering: .relaxed)
      throw ComputeJob.full(retryAfter: 1)
    }
    queue.async {
      defer { self.waiting.wrappingSubtract(texts, ordering: .relaxed) }
      if call.responder.isCancelled { return }
      do throws(Problem) { call.respond(.json(.ok, try body())) } catch { call.refuse(error) }
    }
  }

  // MARK: - /tokenize

  private func tokenize(_ call: Call) throws(Problem) -> Response? {
    var call = call
    let body = try RequestBody(
      &call, example: Self.tokenizeExample,
      known: ["inputs", "add_special_tokens", "prompt_name", "model"])
    let (tokenizer, deployment) = try tokenizer(body)
    let (texts, _) = try body.texts("inputs", maximum: api.options.maximumTextsPerRequest)
    if body["prompt_name"] != nil {
      // Refused where the model has no such prompt.
      var inputs = texts
      try inputs.say(
        ["prompt_name": body["prompt_name"] ?? .null], to: deployment.primary.description, body)
      throw body.wrong("prompt_name", "not offered here: put the prompt before the texts")
    }
    let hasFrame = try body.bool("add_special_tokens", default: true)
    try run(call, texts: texts.count) { () throws(Problem) in
      var json = JSONWriter(capacity: 1024 * texts.count)
      json.list(texts) { input, json in
        let tokens = tokenizer.tokens(of: input.text, tracing: true)
        let encoding =
          hasFrame ? tokenizer.framing(tokens, maximumLength: .max) : nil
        json.tokens(
          encoding?.ids ?? tokens.ids, encoding?.origins ?? tokens.origins ?? [], of: input.text,
          tokenizer)
      }
      return try json.finished()
    }
    return nil
  }

  // MARK: - /decode

  private func decode(_ call: Call) throws(Problem) -> Response? {
    var call = call
    let body = try RequestBody(
      &call, example: Self.decodeExample, known: ["ids", "skip_special_tokens", "model"])
    let (tokenizer, _) = try tokenizer(body)
    let skips = try body.bool("skip_special_tokens", default: true)
    guard let values = body["ids"]?.arrayValue, !values.isEmpty else {
      throw body.wrong("ids", "missing, or not a list of token ids")
    }
    let rows = values[0].arrayValue == nil ? [values] : values.map { $0.arrayValue ?? [$0] }
    if rows.count > api.options.maximumTextsPerRequest {
      throw body.wrong("ids", "more than \(api.options.maximumTextsPerRequest) lists")
    }
    var all: [[Int32]] = []
    for row in rows {
      var ids: [Int32] = []
      for value in row {
        guard let id = value.intValue, (0..<tokenizer.vocabularySize).contains(id) else {
          throw body.wrong(
            "ids",
            "not of whole numbers from 0 to \(tokenizer.vocabularySize - 1), the model's tokens")
        }
        ids.append(Int32(id))
      }
      all.append(ids)
    }
    try run(call, texts: all.count) { [all] () throws(Problem) in
      var json = JSONWriter(capacity: 64 * all.count)
      json.strings(
        all.map { ids in
          tokenizer.text(
            of: ids.filter { !skips || !tokenizer.isFrame($0) }.map {
              tokenizer.token(for: $0) ?? ""
            })
        })
      return try json.finished()
    }
    return nil
  }
}

extension JSONWriter {
  /// The tokens of a text as text-embeddings-inference writes them; places are counted in bytes, as there.
  fileprivate mutating func tokens(
    _ ids: [Int32], _ origins: [TokenOrigin], of text: String, _ tokenizer: Tokenizer
  ) {
    // The byte at which each code point begins, and the end.
    var starts: [Int] = []
    var byte = 0
    for scalar in text.unicodeScalars {
      starts.append(byte)
      byte += UTF8.width(scalar)
    }
    starts.append(byte)
    let bytes = Array(text.utf8)
    list(zip(ids, origins)) { token, json in
      let (id, origin) = token
      let isSpecial = origin.sequence == nil
      json.raw(#"{"id":"#)
      json.integer(Int(id))
      json.raw(#","text":"#)
      guard !isSpecial, origin.range.upperBound < starts.count else {
        json.string(tokenizer.token(for: id) ?? "")
        json.raw(#","special":true,"start":null,"stop":null}"#)
        return
      }
      let range = starts[origin.range.lowerBound]..<starts[origin.range.upperBound]
      json.string(String(decoding: bytes[range], as: UTF8.self))
      json.raw(#","special":false,"start":"#)
      json.integer(range.lowerBound)
      json.raw(#","stop":"#)
      json.integer(range.upperBound)
      json.raw("}")
    }
  }
}

// MARK: - Description

extension TokenizeAPI {
  private func operation(
    _ id: String, _ summary: String, _ body: JSONValue, _ example: JSONValue, _ answer: JSONValue
  ) -> Operation {
    Operation(
      id: id, tag: "text-embeddings-inference", summary: summary,
      body: (body, [("one", example)]),
      answers: [
        Operation.Answer(schema: Schema.list(answer), headers: ["X-Ignored-Members"])
      ],
      errors: [404, 422, 503], shape: .textEmbeddings)
  }

  private var tokenizeOperation: Operation {
    operation(
      "tokenize", "The tokens of texts.",
      Schema.object(
        [
          "inputs": Schema.texts(api.options.maximumTextsPerRequest),
          "add_special_tokens": Schema.nullable(Schema.boolean),
          "model": Schema.values(api.modelNames),
        ], required: ["inputs"]), ["inputs": "How old are you?"],
      Schema.list(
        Schema.object(
          [
            "id": Schema.integer(from: 0), "text": Schema.string, "special": Schema.boolean,
            "start": Schema.nullable(Schema.integer(from: 0)),
            "stop": Schema.nullable(Schema.integer(from: 0)),
          ], required: ["id", "text", "special"])))
  }

  private var decodeOperation: Operation {
    operation(
      "decode", "The texts that tokens stand for.",
      Schema.object(
        [
          "ids": Schema.list(Schema.list(Schema.integer(from: 0, to: 4)), minimum: 1),
          "skip_special_tokens": Schema.nullable(Schema.boolean),
          "model": Schema.values(api.modelNames),
        ], required: ["ids"]), ["ids": [[2, 3]]], Schema.string)
  }
}
