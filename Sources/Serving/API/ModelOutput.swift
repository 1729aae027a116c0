import Transformer

/// One output tensor of a model, as protocols of tensors want it: Open Inference Protocol and TensorFlow Serving.
struct ModelOutput: Sendable {
  /// The values of one input's row.
  enum Values: Sendable {
    case strings([String])
    case numbers([Float])
    case booleans([Bool])
  }

  let name: String
  /// The Open Inference Protocol's name of the type: BYTES, FP32 or BOOL.
  let datatype: String
  /// Values in a row; nil for one value that is no row.
  let width: Int?
  let values: @Sendable (Prediction) -> Values

  /// The outputs of a model, by its task:
  ///
  /// | task | outputs |
  /// |---|---|
  /// | text-classification | `label` BYTES [n], `scores` FP32 [n, labels] |
  /// | multi-label-classification | `applies` BOOL [n, labels], `scores` FP32 [n, labels] |
  /// | regression | `score` FP32 [n], or [n, outputs] where there are several |
  /// | token-classification | `tokens` BYTES [n], each a JSON list of token, label and score |
  /// | sentence-embedding | `embedding` FP32 [n, dimension] |
  static func outputs(of model: ModelDescription) -> [ModelOutput] {
    let labels = model.labels
    let scores = ModelOutput(name: "scores", datatype: "FP32", width: labels.count) {
      .numbers($0.classification?.probabilities ?? [])
    }
    switch model.task {
    case .classification:
      let label = ModelOutput(name: "label", datatype: "BYTES", width: nil) {
        if case .label(let index, _) = $0.value { .strings([labels[index]]) } else { .strings([]) }
      }
      return [label, scores]
    case .multiLabelClassification:
      let applies = ModelOutput(name: "applies", datatype: "BOOL", width: labels.count) {
        guard case .labels(let indices, _) = $0.value else { return .booleans([]) }
        return .booleans(labels.indices.map(indices.contains))
      }
      return [applies, scores]
    case .regression:
      let width = labels.count <= 1 ? nil : labels.count
      return [
        ModelOutput(name: "score", datatype: "FP32", width: width) {
          if case .scores(let scores) = $0.value { .numbers(scores) } else { .numbers([]) }
        }
      ]
    case .tokenClassification:
      return [
        ModelOutput(name: "tokens", datatype: "BYTES", width: nil) { prediction in
          var json = JSONWriter()
          json.value(prediction.value, labels: labels)
          // A row of no number spoils the outer answer too.
          guard let bytes = try? json.finished() else { return .numbers([.nan]) }
          return .strings([String(decoding: bytes, as: UTF8.self)])
        }
      ]
    case .embedding:
      return [
        ModelOutput(name: "embedding", datatype: "FP32", width: model.embeddingDimension) {
          if case .vector(let vector) = $0.value { .numbers(vector) } else { .numbers([]) }
        }
      ]
    }
  }
}

extension JSONWriter {
  /// Values one behind the other, with commas and without brackets.
  mutating func flat(_ values: ModelOutput.Values) {
    func join<Element>(
      _ elements: [Element], _ write: (Element, inout JSONWriter) -> Void
    ) {
      for (index, element) in elements.enumerated() {
        if index > 0 { raw(",") }
        write(element, &self)
      }
    }
    switch values {
    case .strings(let strings): join(strings) { $1.string($0) }
    case .numbers(let numbers): join(numbers) { $1.number($0) }
    case .booleans(let booleans): join(booleans) { $1.bool($0) }
    }
  }

  /// One input's values: a list, or the one value that is no row.
  mutating func row(_ output: ModelOutput, _ prediction: Prediction) {
    if output.width != nil { raw("[") }
    flat(output.values(prediction))
    if output.width != nil { raw("]") }
  }

  /// A prediction as `/predict` writes it.
  mutating func value(_ value: Prediction.Value, labels: [String]) {
    switch value {
    case .label(let index, _): string(labels[index])
    case .labels(let indices, _): list(indices) { $1.string(labels[$0]) }
    case .scores(let scores) where scores.count == 1: number(scores[0])
    case .scores(let values), .vector(let values): numbers(values)
    case .tokens(let tokens):
      list(tokens) { token, json in
        json.raw(#"{"token":"#)
        json.string(token.token)
        json.raw(#","label":"#)
        json.string(labels[token.labelIndex])
        json.raw(#","score":"#)
        json.number(token.probability)
        json.raw("}")
      }
    }
  }
}
