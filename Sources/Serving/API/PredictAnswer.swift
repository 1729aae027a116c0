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
    write(to: &json)
    json.raw("\n")
    return try Self.response(json, isTruncated: isTruncated)
  }

  /// `{"predictions": {…}}`: by name, the answer of each model alone.
  ///
  /// - Throws: the problem of numbers that are not finite.
  static func response(_ answers: [(name: String, answer: PredictAnswer)]) throws(Problem)
    -> Response
  {
    var json = JSONWriter(
      capacity: answers.reduce(32) { $0 + 64 + 48 * $1.answer.predictions.count })
    json.raw(#"{"predictions":{"#)
    for (index, (name, answer)) in answers.enumerated() {
      if index > 0 { json.raw(",") }
      json.string(name)
      json.raw(":")
      answer.write(to: &json)
    }
    json.raw("}}\n")
    return try response(json, isTruncated: answers.contains { $0.answer.isTruncated })
  }

  private static func response(
    _ json: JSONWriter, isTruncated: Bool
  ) throws(Problem) -> Response {
    var response = Response.json(.ok, try json.finished())
    if isTruncated { response.fields.append(("X-Input-Truncated", "true")) }
    return response
  }

  private var isTruncated: Bool { predictions.contains(where: \.isTruncated) }

  private func write(to json: inout JSONWriter) {
    json.raw(#"{"prediction":"#)
    append(to: &json) { $0.value.write(to: &$1, labels: labels) }
    if hasScores && predictions.contains(where: { $0.classification != nil }) {
      json.raw(#","scores":"#)
      append(to: &json) { appendScores($0.classification?.probabilities ?? [], to: &$1) }
    }
    if predictions.contains(where: \.value.hasPlaces) {
      json.raw(#","offset_unit":"#)
      json.string(Prediction.Value.offsetUnit)
    }
    if isTruncated {
      json.raw(#","truncated":"#)
      append(to: &json) { $1.bool($0.isTruncated) }
    }
    json.raw("}")
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
