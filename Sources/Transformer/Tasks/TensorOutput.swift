import JSON

/// One output tensor of a model, as protocols of tensors want it: Open Inference Protocol and TensorFlow Serving.
package struct TensorOutput: Sendable {
  /// The values of one input's row.
  package enum Values: Sendable {
    case strings([String])
    case numbers([Float])
    case booleans([Bool])
  }

  /// Its name.
  package let name: String
  /// The Open Inference Protocol's name of the type: BYTES, FP32 or BOOL.
  package let datatype: String
  /// Values in a row; nil for one value that is no row.
  package let width: Int?
  /// The row of a prediction.
  package let values: @Sendable (Prediction) -> Values

  /// The probability of each label.
  static func scores(of labels: [String]) -> TensorOutput {
    TensorOutput(name: "scores", datatype: "FP32", width: labels.count) {
      .numbers($0.classification?.probabilities ?? [])
    }
  }

  /// The whole answer as JSON in a string, for what is no row of numbers.
  static func json(_ name: String, labels: [String]) -> TensorOutput {
    TensorOutput(name: name, datatype: "BYTES", width: nil) { prediction in
      var json = JSONWriter()
      prediction.value.write(to: &json, labels: labels)
      // A row of no number spoils the outer answer too.
      guard let bytes = try? json.bytes() else { return .numbers([.nan]) }
      return .strings([String(decoding: bytes, as: UTF8.self)])
    }
  }
}

extension JSONWriter {
  /// Values one behind the other, with commas and without brackets.
  package mutating func flat(_ values: TensorOutput.Values) {
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
  package mutating func row(_ output: TensorOutput, _ prediction: Prediction) {
    if output.width != nil { raw("[") }
    flat(output.values(prediction))
    if output.width != nil { raw("]") }
  }
}
