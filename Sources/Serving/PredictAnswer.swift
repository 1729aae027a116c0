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
  func response() -> Response {
    var json: [UInt8] = []
    json.reserveCapacity(48 * predictions.count + 32)
    json += #"{"prediction":"#.utf8
    append(to: &json) { prediction, json in appendValue(prediction.value, to: &json) }
    if hasScores && predictions.contains(where: { $0.classification != nil }) {
      json += #","scores":"#.utf8
      append(to: &json) { prediction, json in
        appendScores(prediction.classification?.probabilities ?? [], to: &json)
      }
    }
    let isTruncated = predictions.contains(where: \.isTruncated)
    if isTruncated {
      json += #","truncated":"#.utf8
      append(to: &json) { prediction, json in
        json += (prediction.isTruncated ? "true" : "false").utf8
      }
    }
    json += "}\n".utf8
    var response = Response.json(.ok, json)
    if isTruncated { response.fields.append(("X-Input-Truncated", "true")) }
    return response
  }

  private func append(
    to json: inout [UInt8], _ write: (Prediction, inout [UInt8]) -> Void
  ) {
    if isList {
      appendList(predictions, to: &json, write)
    } else if let first = predictions.first {
      write(first, &json)
    }
  }

  private func appendList<Element>(
    _ elements: [Element], to json: inout [UInt8], _ write: (Element, inout [UInt8]) -> Void
  ) {
    json.append(UInt8(ascii: "["))
    for (index, element) in elements.enumerated() {
      if index > 0 { json.append(UInt8(ascii: ",")) }
      write(element, &json)
    }
    json.append(UInt8(ascii: "]"))
  }

  private func appendValue(_ value: Prediction.Value, to json: inout [UInt8]) {
    switch value {
    case .label(let index, _): JSONValue.write(string: labels[index], to: &json)
    case .labels(let indices, _):
      appendList(indices, to: &json) { JSONValue.write(string: labels[$0], to: &$1) }
    case .scores(let scores) where scores.count == 1: append(scores[0], to: &json)
    case .scores(let numbers), .vector(let numbers):
      appendList(numbers, to: &json) { append($0, to: &$1) }
    case .tokens(let tokens):
      appendList(tokens, to: &json) { token, json in
        json += #"{"token":"#.utf8
        JSONValue.write(string: token.token, to: &json)
        json += #","label":"#.utf8
        JSONValue.write(string: labels[token.labelIndex], to: &json)
        json += #","score":"#.utf8
        append(token.probability, to: &json)
        json.append(UInt8(ascii: "}"))
      }
    }
  }

  private func append(_ number: Float, to json: inout [UInt8]) {
    json += (number.isFinite ? "\(number)" : "null").utf8
  }

  private func appendScores(_ probabilities: [Float], to json: inout [UInt8]) {
    for (index, probability) in probabilities.enumerated() {
      json.append(UInt8(ascii: index == 0 ? "{" : ","))
      JSONValue.write(string: labels[index], to: &json)
      json.append(UInt8(ascii: ":"))
      append(probability, to: &json)
    }
    json.append(UInt8(ascii: "}"))
  }
}
