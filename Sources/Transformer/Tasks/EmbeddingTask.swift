import JSON

/// A vector for the whole text.
struct EmbeddingTask: TaskDefinition {
  let name = "sentence-embedding"
  /// Of a model for pre-training, the encoder is taken and its head is left.
  let classSuffixes = ["Model", "ForMaskedLM", "ForPreTraining", "ForCausalLM"]
  let hasLabels = false
  let pooling: String? =
    "the mean by tokens is the vector, brought to length 1 where the model's vectors are"
  let member = "embedding"

  func head(_ source: HeadSource) throws -> any TaskHead { try EmbeddingHead(source) }

  func value(
    _ outputs: [SequenceOutput], of input: EncodedInput, by model: TextModel
  ) -> Prediction.Value {
    if outputs.count == 1 { return .vector(outputs[0].values) }
    let mean = HeadFunction.mean(
      outputs.map(\.values), weights: input.encodings.map(\.ids.count))
    let isNormal = model.configuration.embedding?.steps.contains(.normalize) ?? false
    return .vector(isNormal ? EmbeddingHead.normalized(mean) : mean)
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
