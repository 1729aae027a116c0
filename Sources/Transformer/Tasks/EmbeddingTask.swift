import JSON

/// A vector for the whole text.
struct EmbeddingTask: TaskDefinition {
  let name = "sentence-embedding"
  /// Of a model for pre-training, the encoder is taken and its head is left.
  let classSuffixes = ["Model", "ForPreTraining", "ForCausalLM"]
  let hasLabels = false
  let pooling: String? =
    "the mean by tokens is the vector, brought to length 1 where the model's vectors are"
  let member = "embedding"

  func parameters(_ model: ModelSignature) -> [TaskParameter] {
    TaskParameter.prompts(model) + [
      TaskParameter(
        name: "dimensions", kind: .integer(1...max(1, model.dimension)),
        summary: "How many of the numbers are kept, the first ones."),
      TaskParameter(
        name: "normalize", kind: .boolean,
        summary: "Whether the vector that is left is divided by its length."),
    ] + LongText.parameters(pooling: pooling ?? "")
  }

  func check(_ parameters: TaskParameters, _ model: ModelSignature) throws(InputProblem) {
    try parameters.checkPrompts()
    try LongText.check(parameters)
  }

  func encode(
    _ input: TextInput, by model: TextModel
  ) throws(PredictionError) -> EncodedInput {
    guard let choice = input.parameters.text("long_text").flatMap(LongText.init) else {
      return try model.encodeWhole(input)
    }
    let whole = try model.encodeWhole(input)
    if choice == .refuse && whole.encoding.isTruncated {
      throw .tooLong(maximum: model.maximumTokens)
    }
    // A table without layers has no special tokens to put around windows, and needs none of these.
    if model.configuration.table != nil || !whole.encoding.isTruncated { return whole }
    var encodings = try choice.encode(input, by: model)
    if choice != .truncateLeft { encodings[0].promptCount = whole.encoding.promptCount }
    return try EncodedInput(input, encodings)
  }

  func head(_ source: HeadSource) throws -> any TaskHead { try EmbeddingHead(source) }

  func value(
    _ outputs: [SequenceOutput], of input: EncodedInput, by model: TextModel
  ) -> Prediction.Value {
    let parameters = input.input.parameters
    var vector = outputs[0].values
    if outputs.count > 1 {
      vector = HeadFunction.mean(outputs.map(\.values), weights: input.encodings.map(\.ids.count))
      let isNormal = model.configuration.embedding?.steps.contains(.normalize) ?? false
      if isNormal { vector = vector.normalized() }
    }
    if let count = parameters.integer("dimensions") { vector = Array(vector.prefix(count)) }
    return .vector(parameters.bool("normalize") == true ? vector.normalized() : vector)
  }

  func columns(_ model: ModelSignature, hasScores: Bool) -> [String] {
    (0..<model.dimension).map { "v\($0)" }
  }

  func schema(_ model: ModelSignature) -> JSONValue { Schema.list(Schema.number) }

  func outputs(_ model: ModelSignature) -> [TensorOutput] {
    [
      TensorOutput(name: "embedding", datatype: "FP32", width: model.dimension) {
        if case .vector(let vector) = $0.value { .numbers(vector) } else { .numbers([]) }
      }
    ]
  }
}

extension ModelTask {
  /// A vector for the whole text.
  public static let embedding = ModelTask(EmbeddingTask())
}
