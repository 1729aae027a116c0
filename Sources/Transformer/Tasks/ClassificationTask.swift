import JSON

/// One label of several: softmax over the scores of the whole text.
struct ClassificationTask: TaskDefinition {
  let name = "text-classification"
  let classSuffixes = ["ForSequenceClassification"]
  var problemType: String? { "single_label_classification" }
  let hasProbabilities = true

  func head(_ source: HeadSource) throws -> any TaskHead { try TextHead(source) }

  func value(
    _ outputs: [SequenceOutput], of input: EncodedInput, by model: TextModel
  ) -> Prediction.Value {
    let logits = Array(outputs[0].row(0))
    return .label(
      HeadFunction.top(logits),
      probabilities: HeadFunction.softmax(logits, temperature: model.configuration.temperature))
  }

  func columns(_ model: ModelSignature, hasScores: Bool) -> [String] {
    ["prediction", "probability"] + (hasScores ? model.labels : [])
  }

  func schema(_ model: ModelSignature) -> JSONValue { Schema.values(model.labels) }

  func outputs(_ model: ModelSignature) -> [TensorOutput] {
    let labels = model.labels
    let label = TensorOutput(name: "label", datatype: "BYTES", width: nil) {
      if case .label(let index, _) = $0.value { .strings([labels[index]]) } else { .strings([]) }
    }
    return [label, .scores(of: labels)]
  }
}

extension ModelTask {
  /// One label of several: softmax.
  public static let classification = ModelTask(ClassificationTask())
}
