import HTTP
import JSON
import Transformer

/// The answer of `/predict`.
struct PredictAnswer {
  let labels: [String]
  let predictions: [Prediction]
  let isList: Bool
  let hasScores: Bool

  /// `{"prediction": …}`; with `scores` where asked and the task has them, and with `truncated`
  /// where an input did not fit the model.
  ///
  /// - Throws: the problem of numbers that are not finite.
  func response() throws(Problem) -> Response {
    var json = JSONWriter(capacity: 48 * predictions.count + 32)
    json.raw(#"{"prediction":"#)
    append(to: &json) { $1.value($0.value, labels: labels) }
    if hasScores && predictions.contains(where: { $0.classification != nil }) {
      json.raw(#","scores":"#)
      append(to: &json) { appendScores($0.classification?.probabilities ?? [], to: &$1) }
    }
    let isTruncated = predictions.contains(where: \.isTruncated)
    if isTruncated {
      json.raw(#","truncated":"#)
      append(to: &json) { $1.bool($0.isTruncated) }
    }
    json.raw("}\n")
    var response = Response.json(.ok, try json.finished())
    if isTruncated { response.fields.append(("X-Input-Truncated", "true")) }
    return response
  }

  private func append(
    to json: inout JSONWriter, _ write: (Prediction, inout JSONWriter) -> Void
  ) {
    if isList {
      json.list(predictions, write)
    } else if let first = predictions.first {
      write(first, &json)
    }
  }

  private func appendScores(_ probabilities: [Float], to json: inout JSONWriter) {
    json.raw("{")
    for (index, probability) in probabilities.enumerated() {
      if index > 0 { json.raw(",") }
      json.string(labels[index])
      json.raw(":")
      json.number(probability)
    }
    json.raw("}")
  }
}
