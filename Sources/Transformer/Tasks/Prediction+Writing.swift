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
    case .vectors(let vectors): json.list(vectors) { $1.numbers($0) }
    case .words(let masks) where masks.count == 1: Self.write(masks[0], to: &json)
    case .words(let masks): json.list(masks) { Self.write($0, to: &$1) }
    case .sparse(let vector):
      json.list(vector.ids.indices) { place, json in
        json.raw(#"{"index":"#)
        json.integer(Int(vector.ids[place]))
        json.raw(#","token":"#)
        json.string(vector.tokens[place])
        json.raw(#","value":"#)
        json.number(vector.weights[place])
        json.raw("}")
      }
    case .tokens(let tokens):
      json.list(tokens) { token, json in
        json.raw(#"{"token":"#)
        json.string(token.token)
        json.raw(#","label":"#)
        json.string(labels[token.labelIndex])
        json.raw(#","score":"#)
        json.number(token.probability)
        if let range = token.range { json.place(range) }
        json.raw("}")
      }
    case .spans(let spans):
      json.list(spans) { span, json in
        json.raw(#"{"label":"#)
        json.string(span.label ?? "")
        json.raw(#","score":"#)
        json.number(span.score)
        json.raw(#","text":"#)
        json.string(span.text)
        json.raw(#","word":"#)
        json.string(span.word ?? span.text)
        json.place(span.range)
        json.raw("}")
      }
    case .answers(let answers, let isList):
      if isList {
        json.list(answers) { $1.answer($0) }
      } else if let answer = answers.first {
        json.answer(answer)
      }
    case .ranking(let labels, let scores):
      json.raw(#"{"labels":"#)
      json.strings(labels)
      json.raw(#","scores":"#)
      json.numbers(scores)
      json.raw("}")
    case .texts(let texts, let isDetailed):
      func one(_ text: WrittenText, _ json: inout JSONWriter) {
        guard isDetailed else { return json.string(text.text) }
        json.raw(#"{"text":"#)
        json.string(text.text)
        json.raw(#","score":"#)
        json.number(text.score)
        json.raw(#","tokens":"#)
        json.integer(text.tokenCount)
        json.raw(#","end":"#)
        json.string(text.end.rawValue)
        json.raw("}")
      }
      if texts.count == 1 { return one(texts[0], &json) }
      json.list(texts) { one($0, &$1) }
    }
  }

  /// Whether it says where something stands in a text.
  package var hasPlaces: Bool {
    switch self {
    case .spans, .answers: true
    case .tokens(let tokens): tokens.contains { $0.range != nil }
    case .label, .labels, .scores, .ranking, .vector, .sparse, .vectors, .words, .texts: false
    }
  }

  /// What places in a text are counted in, as answers say it.
  package static let offsetUnit = "unicode code points"

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
    case .vectors(let vectors):
      return [vectors.map { $0.map { "\($0)" }.joined(separator: ",") }.joined(separator: " ")]
    case .words(let masks):
      return [
        masks.map { $0.map { "\($0.text)/\(digits($0.score))" }.joined(separator: " ") }
          .joined(separator: " | ")
      ]
    case .sparse(let vector):
      return [zip(vector.tokens, vector.weights).map { "\($0)/\($1)" }.joined(separator: " ")]
    case .tokens(let tokens):
      return [tokens.map { "\($0.token)/\(labels[$0.labelIndex])" }.joined(separator: " ")]
    case .spans(let spans):
      return [
        spans.map { "\($0.label ?? "") \($0.range.lowerBound)-\($0.range.upperBound) \($0.text)" }
          .joined(separator: "; ")
      ]
    case .answers(let answers, _):
      guard let best = answers.first else { return ["", "", "", ""] }
      return [
        best.text, digits(best.score), "\(best.range.lowerBound)", "\(best.range.upperBound)",
      ]
    case .ranking(let labels, let scores): return [labels[0], digits(scores[0])]
    case .texts(let texts, _): return [texts.first?.text ?? ""]
    }
  }

  /// Whether every number of the answer is finite.
  public var isFinite: Bool {
    switch self {
    case .label(_, let numbers), .labels(_, let numbers), .scores(let numbers),
      .vector(let numbers):
      numbers.allSatisfy(\.isFinite)
    case .sparse(let vector): vector.weights.allSatisfy(\.isFinite)
    case .words(let masks): masks.allSatisfy { $0.allSatisfy(\.score.isFinite) }
    case .vectors(let vectors): vectors.allSatisfy { $0.allSatisfy(\.isFinite) }
    case .tokens(let tokens): tokens.allSatisfy(\.probability.isFinite)
    case .spans(let spans), .answers(let spans, _): spans.allSatisfy(\.score.isFinite)
    case .ranking(_, let scores): scores.allSatisfy(\.isFinite)
    case .texts(let texts, _): texts.allSatisfy(\.score.isFinite)
    }
  }

  /// Whether two versions' answers mean the same: equal labels, scores within 0.05, vectors with a cosine of 0.99 and more.
  package func agrees(with other: Prediction.Value) -> Bool {
    switch (self, other) {
    case (.label(let a, _), .label(let b, _)): return a == b
    case (.labels(let a, _), .labels(let b, _)): return Set(a) == Set(b)
    case (.tokens(let a), .tokens(let b)): return a.map(\.labelIndex) == b.map(\.labelIndex)
    case (.spans(let a), .spans(let b)):
      return a.elementsEqual(b) { $0.range == $1.range && $0.label == $1.label }
    case (.answers(let a, _), .answers(let b, _)): return a.first?.range == b.first?.range
    case (.ranking(let a, _), .ranking(let b, _)): return a.first == b.first
    case (.scores(let a), .scores(let b)):
      return a.count == b.count && zip(a, b).allSatisfy { abs($0 - $1) <= 0.05 }
    case (.words(let a), .words(let b)):
      return a.map { $0.first?.token } == b.map { $0.first?.token }
    case (.sparse(let a), .sparse(let b)):
      let (x, y) = (Self.weights(a), Self.weights(b))
      let product = x.reduce(0) { $0 + $1.value * (y[$1.key] ?? 0) }
      let squares = [x, y].map { $0.values.reduce(0) { $0 + $1 * $1 } }
      return product >= 0.99 * (squares[0] * squares[1]).squareRoot()
    case (.vectors(let a), .vectors(let b)):
      return a.count == b.count
        && zip(a, b).allSatisfy { Prediction.Value.vector($0).agrees(with: .vector($1)) }
    case (.vector(let a), .vector(let b)):
      func dot(_ x: [Float], _ y: [Float]) -> Double {
        zip(x, y).reduce(0) { $0 + Double($1.0) * Double($1.1) }
      }
      return a.count == b.count && dot(a, b) >= 0.99 * (dot(a, a) * dot(b, b)).squareRoot()
    case (.texts(let a, _), .texts(let b, _)):
      return a.map { Array($0.text.utf8) } == b.map { Array($0.text.utf8) }
    default: return false
    }
  }

  private static func write(_ words: [FilledWord], to json: inout JSONWriter) {
    json.list(words) { word, json in
      json.raw(#"{"score":"#)
      json.number(word.score)
      json.raw(#","token":"#)
      json.integer(Int(word.token))
      json.raw(#","token_str":"#)
      json.string(word.text)
      json.raw(#","sequence":"#)
      json.string(word.sequence)
      if let target = word.target {
        json.raw(#","target":"#)
        json.string(target)
      }
      json.raw("}")
    }
  }

  private static func weights(_ vector: SparseVector) -> [Int32: Double] {
    Dictionary(zip(vector.ids, vector.weights.map(Double.init))) { first, _ in first }
  }
}

extension JSONWriter {
  fileprivate mutating func place(_ range: Range<Int>) {
    raw(#","start":"#)
    integer(range.lowerBound)
    raw(#","end":"#)
    integer(range.upperBound)
  }

  fileprivate mutating func answer(_ span: TextSpan) {
    raw(#"{"answer":"#)
    string(span.text)
    raw(#","score":"#)
    number(span.score)
    place(span.range)
    raw("}")
  }
}
