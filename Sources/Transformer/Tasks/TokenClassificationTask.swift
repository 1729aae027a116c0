import JSON
import Tokenization

/// A label for each token, and of neighbours the entities that they make up.
struct TokenClassificationTask: TaskDefinition {
  let name = "token-classification"
  let classSuffixes = ["ForTokenClassification"]

  func tokenOutputs(_ labels: [String]) -> Int? { labels.count }
  func tokenLayer(_ architecture: Architecture) -> String? { architecture.tokenHead }

  func head(_ source: HeadSource) throws -> any TaskHead { try TokenHead(source) }

  func examples(_ model: ModelSignature) -> [(name: String, value: JSONValue)] {
    let text: JSONValue = "Angela Merkel zahlte 5.975,74 Euro in Bad Homburg."
    return [
      ("one", ["input": text]), ("list", ["input": [text, "Anna lives in Berlin."]]),
      ("by words", ["input": text, "aggregation": "first"]),
      ("tokens", ["input": text, "aggregation": "none"]),
    ]
  }

  func parameters(_ model: ModelSignature) -> [TaskParameter] {
    let usual = Self.usual(model.labels)
    return [
      TaskParameter(
        name: "aggregation",
        kind: .choice(EntityAggregation.Strategy.allCases.map(\.rawValue)),
        summary:
          "How tokens become spans: none leaves tokens, simple joins neighbours of one label, and first, average and max let a word's first token, "
          + "their mean or the surest decide; \(usual) where left out."),
      TaskParameter(
        name: "ignore_labels", kind: .texts(0...1000),
        summary:
          "Labels that are left out of the answer; O of spans, and none of tokens, where left out."),
      TaskParameter(
        name: "stride", kind: .integer(0...65536),
        summary:
          "Reads a text that is longer than the model in windows that share so many tokens; without, its end is left off."
      ),
    ]
  }

  /// Spans where labels begin with B- and I-, as those of entities do; tokens otherwise.
  private static func usual(_ labels: [String]) -> EntityAggregation.Strategy {
    let hasSpans = labels.contains {
      $0.utf8.starts(with: "B-".utf8) || $0.utf8.starts(with: "I-".utf8)
    }
    return hasSpans ? .simple : .none
  }

  private static func strategy(
    _ parameters: TaskParameters, _ labels: [String]
  ) -> EntityAggregation.Strategy {
    parameters.text("aggregation").flatMap(EntityAggregation.Strategy.init) ?? usual(labels)
  }

  func check(_ parameters: TaskParameters, _ model: ModelSignature) throws(InputProblem) {
    if parameters.contains("stride"), Self.strategy(parameters, model.labels) == .none {
      throw InputProblem(
        "Tokens of windows that overlap would stand there twice.",
        mend: "Leave 'stride' out, or send \"aggregation\": \"simple\".", pointer: "/stride")
    }
  }

  func tokenEstimate(_ input: TextInput, maximum: Int) -> Int {
    let tokens = (input.text.utf8.count + (input.pair?.utf8.count ?? 0)) / 4 + 2
    guard let stride = input.parameters.integer("stride"), tokens > maximum else {
      return min(maximum, tokens)
    }
    return (tokens / max(1, maximum - 2 - stride) + 1) * maximum
  }

  func encode(_ input: TextInput, by model: TextModel) throws(PredictionError) -> EncodedInput {
    let (tokenizer, maximum) = (model.tokenizer, model.maximumTokens)
    let room = maximum - tokenizer.frameCount(isPair: input.pair != nil)
    guard room > 0 else { throw .noRoom(tokens: maximum) }
    let overlap = input.parameters.integer("stride")
    let limit = overlap == nil ? room : .max
    let first = tokenizer.tokens(of: input.text, limit: limit, tracing: true)
    let second = input.pair.map {
      tokenizer.tokens(of: $0, limit: limit, sequence: 1, tracing: true)
    }
    guard let overlap else {
      return try EncodedInput(input, tokenizer.framing(first, second, maximumLength: maximum))
    }
    guard
      let windows = tokenizer.windows(first, second, maximumLength: maximum, overlap: overlap)
    else { throw .overlapTooLong("stride", overlap: overlap, room: room) }
    return try EncodedInput(input, windows)
  }

  func value(
    _ outputs: [SequenceOutput], of input: EncodedInput, by model: TextModel
  ) -> Prediction.Value {
    let parameters = input.input.parameters
    let strategy = Self.strategy(parameters, model.labels)
    // Tokens that were made elsewhere come from no text, and of a pair it would have to be said from which.
    guard strategy != .none, !input.encoding.origins.isEmpty, input.input.pair == nil else {
      let ignored = parameters.texts("ignore_labels") ?? []
      return .tokens(
        tokens(outputs[0], input.encoding, model).filter { token in
          !ignored.contains { $0.utf8.elementsEqual(model.labels[token.labelIndex].utf8) }
        })
    }
    let aggregation = EntityAggregation(
      strategy: strategy, labels: model.labels, tokenizer: model.tokenizer,
      text: CodePoints(input.input.text))
    return .spans(
      aggregation.spans(
        Array(zip(outputs, input.encodings)), ignoring: parameters.texts("ignore_labels") ?? ["O"]))
  }

  private func tokens(
    _ output: SequenceOutput, _ encoding: Encoding, _ model: TextModel
  ) -> [TokenLabel] {
    let hasOrigins = !encoding.origins.isEmpty
    var labels: [TokenLabel] = []
    for (row, id) in encoding.ids.enumerated() {
      let isFrame =
        hasOrigins ? encoding.origins[row].sequence == nil : model.tokenizer.isFrame(id)
      if isFrame { continue }
      let values = Array(output.row(row))
      let top = HeadFunction.top(values)
      labels.append(
        TokenLabel(
          token: model.tokenizer.token(for: id) ?? "", labelIndex: top,
          probability: HeadFunction.softmax(values)[top],
          range: hasOrigins ? encoding.origins[row].range : nil))
    }
    return labels
  }

  func schema(_ model: ModelSignature) -> JSONValue {
    let (begin, end) = (
      TextSpan.place("where it begins"), TextSpan.place("where it ends, behind its last")
    )
    let token = Schema.object(
      [
        "token": Schema.string, "label": Schema.values(model.labels), "score": Schema.number,
        "start": begin, "end": end,
      ], required: ["token", "label", "score"], isClosed: true)
    let span = Schema.object(
      [
        "label": Schema.string, "score": Schema.number, "text": Schema.string,
        "word": Schema.string, "start": begin, "end": end,
      ], required: ["label", "score", "text", "word", "start", "end"], isClosed: true)
    return Schema.any(Schema.list(span), Schema.list(token))
  }

  func outputs(_ model: ModelSignature) -> [TensorOutput] {
    [.json(Self.usual(model.labels) == .none ? "tokens" : "spans", labels: model.labels)]
  }
}

extension ModelTask {
  /// A label for each token.
  public static let tokenClassification = ModelTask(TokenClassificationTask())
}
