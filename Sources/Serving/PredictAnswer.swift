import HTTP
import JSON
import Transformer

/// The answer of `/predict`.
struct PredictAnswer {
  let labels: [String]
  let classifications: [Classification]
  let isList: Bool
  let hasScores: Bool

  /// `{"prediction": …}`; with `scores`, and with `truncated` where a text did not fit the model.
  func response() -> Response {
    var json: [UInt8] = []
    json.reserveCapacity(48 * classifications.count + 32)
    json += #"{"prediction":"#.utf8
    append(to: &json) { classification, json in
      JSONValue.write(string: labels[classification.labelIndex], to: &json)
    }
    if hasScores {
      json += #","scores":"#.utf8
      append(to: &json) { classification, json in appendScores(classification, to: &json) }
    }
    let isTruncated = classifications.contains(where: \.isTruncated)
    if isTruncated {
      json += #","truncated":"#.utf8
      append(to: &json) { classification, json in
        json += (classification.isTruncated ? "true" : "false").utf8
      }
    }
    json += "}\n".utf8
    var response = Response.json(.ok, json)
    if isTruncated { response.fields.append(("X-Input-Truncated", "true")) }
    return response
  }

  private func append(
    to json: inout [UInt8], _ write: (Classification, inout [UInt8]) -> Void
  ) {
    if isList { json.append(UInt8(ascii: "[")) }
    for (index, classification) in classifications.enumerated() {
      if index > 0 { json.append(UInt8(ascii: ",")) }
      write(classification, &json)
    }
    if isList { json.append(UInt8(ascii: "]")) }
  }

  private func appendScores(_ classification: Classification, to json: inout [UInt8]) {
    for (index, probability) in classification.probabilities.enumerated() {
      json.append(UInt8(ascii: index == 0 ? "{" : ","))
      JSONValue.write(string: labels[index], to: &json)
      json.append(UInt8(ascii: ":"))
      json += (probability.isFinite ? "\(probability)" : "null").utf8
    }
    json.append(UInt8(ascii: "}"))
  }
}
