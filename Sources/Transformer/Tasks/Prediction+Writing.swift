import Foundation
import JSON

extension Prediction.Value {
  /// Writes the answer as JSON; `labels` are the model's.
  package func write(to json: inout JSONWriter, labels: [String]) {
    switch self {
    case .label(let index, _): json.string(labels[index])
    case .labels(let indices, _): json.list(indices) { $1.string(labels[$0]) }
    case .scores(let scores) where scores.count == 1: json.number(scores[0])
    case .scores(let values), .vector(let values): json.numbers(values)
    case .tokens(let tokens):
      json.list(tokens) { token, json in
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

  /// The answer as columns of a table; with the probability of each label where `hasScores`.
  package func columns(labels: [String], hasScores: Bool) -> [String] {
    func digits(_ value: Float) -> String { String(format: "%.4f", value) }
    switch self {
    case .label(let top, let probabilities):
      let scores = hasScores ? probabilities.map(digits) : []
      return [labels[top], digits(probabilities[top])] + scores
    case .labels(let chosen, let probabilities):
      let scores = hasScores ? probabilities.map(digits) : []
      return [chosen.map { labels[$0] }.joined(separator: "|")] + scores
    case .scores(let numbers), .vector(let numbers): return numbers.map { "\($0)" }
    case .tokens(let tokens):
      return [tokens.map { "\($0.token)/\(labels[$0.labelIndex])" }.joined(separator: " ")]
    }
  }

  /// Whether every number of the answer is finite.
  public var isFinite: Bool {
    switch self {
    case .label(_, let numbers), .labels(_, let numbers), .scores(let numbers),
      .vector(let numbers):
      numbers.allSatisfy(\.isFinite)
    case .tokens(let tokens): tokens.allSatisfy(\.probability.isFinite)
    }
  }

  /// Whether two versions' answers mean the same: equal labels, scores within 0.05, vectors with a cosine of 0.99 and more.
  package func agrees(with other: Prediction.Value) -> Bool {
    switch (self, other) {
    case (.label(let a, _), .label(let b, _)): return a == b
    case (.labels(let a, _), .labels(let b, _)): return Set(a) == Set(b)
    case (.tokens(let a), .tokens(let b)): return a.map(\.labelIndex) == b.map(\.labelIndex)
    case (.scores(let a), .scores(let b)):
      return a.count == b.count && zip(a, b).allSatisfy { abs($0 - $1) <= 0.05 }
    case (.vector(let a), .vector(let b)):
      func dot(_ x: [Float], _ y: [Float]) -> Double {
        zip(x, y).reduce(0) { $0 + Double($1.0) * Double($1.1) }
      }
      return a.count == b.count && dot(a, b) >= 0.99 * (dot(a, a) * dot(b, b)).squareRoot()
    default: return false
    }
  }
}
