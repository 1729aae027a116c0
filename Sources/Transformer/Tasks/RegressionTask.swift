import JSON

/// A number for a text or a pair of texts: regression and cross-encoders.
struct RegressionTask: TaskDefinition {
  let name = "regression"
  let classSuffixes = ["ForSequenceClassification"]
  var problemType: String? { "regression" }
  let pooling: String? =
    "the mean is the answer, and of a pair, whose second text has windows, the largest"

  func head(_ source: HeadSource) throws -> any TaskHead { try TextHead(source) }

  func value(
    _ outputs: [SequenceOutput], of input: EncodedInput, by model: TextModel
  ) -> Prediction.Value {
    let windows = outputs.map { Array($0.row(0)) }
    let scores =
      windows.count == 1
      ? windows[0]
      : input.input.pair == nil ? HeadFunction.mean(windows) : HeadFunction.largest(windows)
    return .scores(
      model.configuration.scoreActivation == .sigmoid
        ? scores.map(HeadFunction.sigmoid) : scores)
  }

  func columns(_ model: ModelSignature, hasScores: Bool) -> [String] {
    model.labels.count == 1 ? ["prediction"] : model.labels
  }

  func schema(_ model: ModelSignature) -> JSONValue {
    model.labels.count <= 1 ? Schema.number : Schema.list(Schema.number)
  }

  func outputs(_ model: ModelSignature) -> [TensorOutput] {
    let width = model.labels.count <= 1 ? nil : model.labels.count
    return [
      TensorOutput(name: "score", datatype: "FP32", width: width) {
        if case .scores(let scores) = $0.value { .numbers(scores) } else { .numbers([]) }
      }
    ]
  }
}

extension ModelTask {
  /// A number for a text or a pair of texts: regression and cross-encoders.
  public static let regression = ModelTask(RegressionTask())
}
