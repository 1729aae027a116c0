import JSON

/// A vector for the whole text.
struct EmbeddingTask: TaskDefinition {
  let name = "sentence-embedding"
  /// Of a model for pre-training, the encoder is taken and its head is left.
  let classSuffixes = ["Model", "ForMaskedLM", "ForPreTraining", "ForCausalLM"]
  let hasLabels = false
  let member = "embedding"

  func head(_ source: HeadSource) throws -> any TaskHead { try EmbeddingHead(source) }

  func value(
    _ outputs: [SequenceOutput], of input: EncodedInput, by model: TextModel
  ) -> Prediction.Value {
    .vector(Array(outputs[0].row(0)))
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
