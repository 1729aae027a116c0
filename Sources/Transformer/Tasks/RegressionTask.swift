import JSON

/// A number for a text or a pair of texts: regression and cross-encoders.
struct RegressionTask: TaskDefinition {
  let name = "regression"
  let classSuffixes = ["ForSequenceClassification"]
  var problemType: String? { "regression" }
  let pooling: String? =
    "the mean is the answer, and of a pair, whose second text has windows, the largest"

  func head(_ source: HeadSource) throws -> any TaskHead {
    if let score = source.configuration.logitScore { return try LogitScoreHead(score, source) }
    return try TextHead(source)
  }

  func encode(
    _ input: TextInput, by model: TextModel
  ) throws(PredictionError) -> EncodedInput {
    guard model.configuration.logitScore != nil else {
      guard let choice = input.parameters.text("long_text").flatMap(LongText.init) else {
        return try model.encodeWhole(input)
      }
      return try EncodedInput(input, choice.encode(input, by: model))
    }
    let instruction = model.configuration.prompts.standard
    let (opening, closing) = (LogitScore.Template.opening, LogitScore.Template.closing)
    var encoding = model.tokenizer.encode(opening, addsSpecialTokens: false)
    let end = model.tokenizer.encode(closing, addsSpecialTokens: false)
    let room = model.maximumTokens - encoding.ids.count - end.ids.count
    if room < 1 { throw .noRoom(tokens: model.maximumTokens) }
    let body = model.tokenizer.encode(
      LogitScore.Template.body(
        instruction: instruction.isEmpty ? LogitScore.Template.instruction : instruction,
        query: input.text, document: input.pair ?? ""), maximumLength: room,
      addsSpecialTokens: false)
    encoding.ids += body.ids + end.ids
    encoding.typeIDs += body.typeIDs + end.typeIDs
    (encoding.isTruncated, encoding.unknownCount) = (body.isTruncated, body.unknownCount)
    return try EncodedInput(input, encoding)
  }

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
