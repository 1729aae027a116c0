import JSON

/// A label for each token.
struct TokenClassificationTask: TaskDefinition {
  let name = "token-classification"
  let classSuffixes = ["ForTokenClassification"]

  func tokenOutputs(_ labels: [String]) -> Int? { labels.count }
  func tokenLayer(_ architecture: Architecture) -> String? { architecture.tokenHead }

  func head(_ source: HeadSource) throws -> any TaskHead { try TokenHead(source) }

  func value(
    _ outputs: [SequenceOutput], of input: EncodedInput, by model: TextModel
  ) -> Prediction.Value {
    var labels: [TokenLabel] = []
    for (row, id) in input.encoding.ids.enumerated() where !model.tokenizer.isFrame(id) {
      let values = Array(outputs[0].row(row))
      let top = HeadFunction.top(values)
      labels.append(
        TokenLabel(
          token: model.tokenizer.token(for: id) ?? "", labelIndex: top,
          probability: HeadFunction.softmax(values)[top]))
    }
    return .tokens(labels)
  }

  func schema(_ model: ModelSignature) -> JSONValue {
    Schema.list(
      Schema.object(
        ["token": Schema.string, "label": Schema.values(model.labels), "score": Schema.number],
        required: ["token", "label", "score"], isClosed: true))
  }

  func outputs(_ model: ModelSignature) -> [TensorOutput] {
    [.json("tokens", labels: model.labels)]
  }
}

extension ModelTask {
  /// A label for each token.
  public static let tokenClassification = ModelTask(TokenClassificationTask())
}
