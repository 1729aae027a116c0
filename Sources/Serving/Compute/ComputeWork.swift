import Transformer

/// A job in the course of its computation.
struct ComputeWork {
  let job: ComputeJob
  /// Of each text, its tokens for each version.
  let inputs: [[EncodedInput]]
  /// Of each text, each version's answer.
  var results: [[Result<Prediction, PredictionError>]] = []

  /// What is not computed yet.
  var rest: ArraySlice<[EncodedInput]> { inputs[results.count...] }
}

/// What is computed at a time.
struct ComputePart {
  private(set) var questions: [Question] = []
  private(set) var texts = 0
  /// Tokens that are computed.
  private(set) var tokens = 0
  /// The same, as estimated from the bytes.
  private(set) var estimate = 0

  /// Adds a text of `work`, which has these tokens for each version.
  mutating func add(_ work: ComputeWork, _ inputs: [EncodedInput]) {
    for (asked, input) in zip(work.job.asked, inputs) {
      questions.append(Question(predictor: asked.version.predictor, input: input))
    }
    texts += 1
    tokens += Self.tokens(inputs)
    if let first = inputs.first, let asked = work.job.asked.first {
      estimate += asked.version.description.tokenEstimate([first.input])
    }
  }

  /// Tokens that a text costs: equal ones are computed once for all versions.
  static func tokens(_ inputs: [EncodedInput]) -> Int {
    guard let first = inputs.first else { return 0 }
    return inputs.dropFirst().reduce(first.tokenCount) { sum, other in
      let isSame = other.encodings.elementsEqual(first.encodings) { $0.ids == $1.ids }
      return sum + (isSame ? 0 : other.tokenCount)
    }
  }
}
