import JSON
import Serving
import Testing
import Transformer

@Suite struct SliceMessageTests {
  private static let odd: [Float] = [
    0, -0.0, 1, .infinity, -.infinity, .leastNonzeroMagnitude, .greatestFiniteMagnitude, 0.1,
    Float(bitPattern: 0x7FC0_1234), Float(bitPattern: 0xFFA0_0001),
  ]

  private static let values: [Prediction.Value] = [
    .label(3, probabilities: odd), .labels([], probabilities: []),
    .labels([0, 7], probabilities: odd), .scores(odd), .scores([]), .tokens([]),
    .tokens(
      odd.enumerated().map {
        TokenLabel(
          token: "##é\u{0}\r\n", labelIndex: $0, probability: $1, range: $0 == 0 ? nil : 3..<9)
      }),
    .vector(odd), .spans(spans), .answers(spans, isList: true), .answers([], isList: false),
    .ranking(labels: ["a", "é\r\n"], scores: odd),
  ]

  private static let spans = odd.map {
    TextSpan(
      label: $0 == 1 ? nil : "PER", text: "é\r\n", word: $0 == 0 ? nil : "w", score: $0,
      range: 2..<4)
  }

  private func prediction(_ value: Prediction.Value) -> Prediction {
    var prediction = Prediction(
      value: value, tokenCount: 5, unknownTokenCount: 1, isTruncated: true)
    prediction.sketch = Self.odd
    return prediction
  }

  /// All that a value holds, with floats as their bits and texts as their bytes, so that NaNs and equivalent texts are told apart.
  private func bits(_ value: Any) -> String {
    if let number = value as? Float { return "\(number.bitPattern)" }
    if let text = value as? String { return "\(Array(text.utf8))" }
    let parts = Mirror(reflecting: value).children
    if parts.isEmpty { return "\(value)" }
    return "(" + parts.map { "\($0.label ?? ""): \(bits($0.value))" }.joined(separator: ", ") + ")"
  }

  @Test(arguments: values.indices) func anAnswerHasTheSameBitsAfterItsTravel(index: Int) throws {
    let results: [[Result<Prediction, PredictionError>]] = [
      [.success(prediction(Self.values[index])), .failure(.notFinite)],
      [.failure(.noRoom(tokens: 4)), .failure(.noTokens)], [],
    ]
    let answer = SliceAnswer(results: results, tokens: 7, tokeniseTime: 1, forwardTime: .max)
    let bytes = try #require(answer.bytes)
    let back = try #require(SliceAnswer(bytes))
    #expect(bits(back.results) == bits(results))
    #expect(back.tokens == 7 && back.tokeniseTime == 1 && back.forwardTime == .max)
    for count in bytes.indices { #expect(SliceAnswer(Array(bytes[..<count])) == nil) }
  }

  @Test func aQuestionIsTheSameAfterItsTravel() throws {
    let question = SliceQuestion(
      versions: [0, 12],
      inputs: [
        TextInput("a\r\n\u{0}é"), TextInput("", pair: ""),
        TextInput("q", parameters: TaskParameters(read: ["a": [0.1, 1e300, "é\r\n"], "b": true])),
        TextInput("x", pair: "e\u{301}"),
      ])
    let back = try #require(SliceQuestion(question.bytes))
    #expect(back.versions == question.versions)
    #expect(back.inputs.map { Array($0.text.utf8) } == question.inputs.map { Array($0.text.utf8) })
    #expect(
      back.inputs.map { $0.pair.map { Array($0.utf8) } }
        == question.inputs.map { $0.pair.map { Array($0.utf8) } })
    #expect(back.inputs.map(\.parameters) == question.inputs.map(\.parameters))
    for count in question.bytes.indices {
      #expect(SliceQuestion(Array(question.bytes[..<count])) == nil)
    }
  }

  @Test func bytesOfNoMessageAreRefused() {
    var random = SystemRandomNumberGenerator()
    for _ in 0..<2000 {
      // Counts that are far too large, and small ones.
      let bytes = (0..<Int.random(in: 0...80)).map { place in
        place % 8 > 1 && Bool.random() ? 0 : UInt8.random(in: 0...255, using: &random)
      }
      _ = SliceAnswer(bytes)
      _ = SliceQuestion(bytes)
    }
  }

  /// What a model says at most has to fit what was reckoned beforehand.
  @Test func noAnswerIsLargerThanWasReckoned() throws {
    let text = String(repeating: "ab ", count: 40)
    for value in Self.values {
      let version = ServedVersion(StubPredictor(value), name: "m", version: "1")
      let answer = SliceAnswer(
        results: [[.success(prediction(value))]], tokens: 1, tokeniseTime: 1, forwardTime: 1)
      let size = try #require(answer.bytes).count
      #expect(size <= SliceAnswer.size(of: [TextInput(text)], by: [version]))
    }
  }
}

/// Has as many labels as its answer.
private final class StubPredictor: Predictor {
  let name = "stub"
  let task: ModelTask
  let labels: [String]
  let maximumTokens = 512
  let embeddingDimension: Int

  init(_ value: Prediction.Value) {
    let count: Int
    switch value {
    case .label(_, let all): (task, count) = (.classification, all.count)
    case .labels(_, let all): (task, count) = (.multiLabelClassification, all.count)
    case .scores(let all): (task, count) = (.regression, all.count)
    case .tokens(let tokens): (task, count) = (.tokenClassification, tokens.count)
    case .vector(let all): (task, count) = (.embedding, all.count)
    default: (task, count) = (.tokenClassification, 1)
    }
    embeddingDimension = task == .embedding ? count : 0
    labels = task == .embedding ? [] : (0..<count).map { "label \($0)" }
  }

  func predict(_ inputs: [EncodedInput]) -> [Result<Prediction, PredictionError>] { [] }
}
