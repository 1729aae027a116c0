import JSON

/// Any number of labels: a sigmoid for each.
struct MultiLabelTask: TaskDefinition {
  let name = "multi-label-classification"
  let classSuffixes = ["ForSequenceClassification"]
  var problemType: String? { "multi_label_classification" }
  let hasProbabilities = true
  let pooling: String? = "the largest probability of each label counts"

  func head(_ source: HeadSource) throws -> any TaskHead { try TextHead(source) }

  func value(
    _ outputs: [SequenceOutput], of input: EncodedInput, by model: TextModel
  ) -> Prediction.Value {
    let probabilities = HeadFunction.largest(
      outputs.map { $0.row(0).map(HeadFunction.sigmoid) })
    return .labels(
      probabilities.indices.filter { probabilities[$0] >= model.threshold },
      probabilities: probabilities)
  }

  func columns(_ model: ModelSignature, hasScores: Bool) -> [String] {
    ["prediction"] + (hasScores ? model.labels : [])
  }

  func schema(_ model: ModelSignature) -> JSONValue { Schema.list(Schema.values(model.labels)) }

  func outputs(_ model: ModelSignature) -> [TensorOutput] {
    let labels = model.labels
    let applies = TensorOutput(name: "applies", datatype: "BOOL", width: labels.count) {
      guard case .labels(let indices, _) = $0.value else { return .booleans([]) }
      return .booleans(labels.indices.map(indices.contains))
    }
    return [applies, .scores(of: labels)]
  }
}

extension ModelTask {
  /// Any number of labels: a sigmoid for each.
  public static let multiLabelClassification = ModelTask(MultiLabelTask())
}
