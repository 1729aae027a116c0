import JSON

/// One label of several: softmax over the scores of the whole text.
struct ClassificationTask: TaskDefinition {
  let name = "text-classification"
  let classSuffixes = ["ForSequenceClassification"]
  var problemType: String? { "single_label_classification" }
  let hasProbabilities = true
  let pooling: String? = "the mean of the probabilities is the answer"

  func head(_ source: HeadSource) throws -> any TaskHead { try TextHead(source) }

  func examples(_ model: ModelSignature) -> [(name: String, value: JSONValue)] {
    let usual = RegressionTask().examples(model)
    if ZeroShot.entailment(model.labels) == nil { return usual }
    let labels: JSONValue = ["politics", "sports", "business"]
    return [
      ("candidate labels", ["input": "The goal came late.", "candidate_labels": labels])
    ] + usual
  }

  func parameters(_ model: ModelSignature) -> [TaskParameter] {
    ZeroShot.parameters(model) + LongText.parameters(pooling: pooling ?? "")
  }

  func check(_ parameters: TaskParameters, _ model: ModelSignature) throws(InputProblem) {
    try ZeroShot.check(parameters)
    try LongText.check(parameters)
    if parameters.contains("long_text") && parameters.contains("candidate_labels") {
      throw InputProblem(
        "Candidate labels and 'long_text' do not go together: a long text's end is left off.",
        mend: "Send one of them.", pointer: "/long_text")
    }
  }

  func tokenEstimate(_ input: TextInput, maximum: Int) -> Int {
    ZeroShot(input.parameters)?.tokenEstimate(input, maximum: maximum)
      ?? LongText.tokenEstimate(input, maximum: maximum)
  }

  func encode(_ input: TextInput, by model: TextModel) throws(PredictionError) -> EncodedInput {
    if input.parameters.isEmpty { return try model.encodeWhole(input) }
    if let zeroShot = ZeroShot(input.parameters) { return try zeroShot.encode(input, by: model) }
    let choice = input.parameters.text("long_text").flatMap(LongText.init) ?? .truncate
    return try EncodedInput(input, choice.encode(input, by: model))
  }

  func value(
    _ outputs: [SequenceOutput], of input: EncodedInput, by model: TextModel
  ) -> Prediction.Value {
    if let zeroShot = ZeroShot(input.input.parameters) {
      return zeroShot.value(outputs, by: model)
    }
    let temperature = model.configuration.temperature
    let windows = outputs.map {
      HeadFunction.softmax(Array($0.row(0)), temperature: temperature)
    }
    let probabilities = windows.count == 1 ? windows[0] : HeadFunction.mean(windows)
    // Of one window by its scores: rounding may make probabilities equal that are not.
    let top = HeadFunction.top(windows.count == 1 ? Array(outputs[0].row(0)) : probabilities)
    return .label(top, probabilities: probabilities)
  }

  func columns(_ model: ModelSignature, hasScores: Bool) -> [String] {
    ["prediction", "probability"] + (hasScores ? model.labels : [])
  }

  func schema(_ model: ModelSignature) -> JSONValue {
    let label = Schema.values(model.labels)
    return ZeroShot.entailment(model.labels) == nil ? label : Schema.any(label, ZeroShot.schema)
  }

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
