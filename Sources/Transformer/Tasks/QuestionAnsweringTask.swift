import Foundation
import JSON
import Tokenization

/// The part of a context that answers a question: scores for where it begins and where it ends.
///
/// The answers are those of `QuestionAnsweringPipeline` of `transformers` 4.57.
struct QuestionAnsweringTask: TaskDefinition {
  let name = "question-answering"
  let classSuffixes = ["ForQuestionAnswering"]
  let hasLabels = false
  let input = InputForm(first: "question", second: "context", isPair: true)
  let member = "prediction"

  /// The pipeline's own.
  private static let usualLength = 384
  private static let usualOverlap = 128
  private static let usualAnswer = 15

  func tokenOutputs(_ labels: [String]) -> Int? { 2 }
  func tokenLayer(_ architecture: Architecture) -> String? {
    architecture.tokenHead == nil ? nil : "qa_outputs"
  }

  func examples(_ model: ModelSignature) -> [(name: String, value: JSONValue)] {
    let input: JSONValue = [
      "question": "Where do I live?", "context": "My name is Wolfgang and I live in Berlin.",
    ]
    return [
      ("one", ["input": input]), ("list", ["input": [input]]),
      ("several answers", ["input": input, "top_k": 3, "handle_impossible_answer": true]),
    ]
  }

  func parameters(_ model: ModelSignature) -> [TaskParameter] {
    [
      TaskParameter(
        name: "top_k", kind: .integer(1...100),
        summary: "How many answers, the best first; more than one are a list. 1 where left out."),
      TaskParameter(
        name: "handle_impossible_answer", kind: .boolean,
        summary: "Whether the empty answer, 'there is none', takes part."),
      TaskParameter(
        name: "max_answer_len", kind: .integer(1...1024),
        summary: "Tokens of an answer at most; 15 where left out."),
      TaskParameter(
        name: "max_seq_len", kind: .integer(16...65536),
        summary:
          "Tokens of question and context that the model reads at a time; 384 where left out, or what it can."
      ),
      TaskParameter(
        name: "doc_stride", kind: .integer(0...65536),
        summary: "Tokens that two windows of a long context share; 128 where left out."),
      TaskParameter(
        name: "align_to_words", kind: .boolean,
        summary: "Whether answers are widened to whole words; true where left out."),
    ]
  }

  func tokenEstimate(_ input: TextInput, maximum: Int) -> Int {
    let length = min(input.parameters.integer("max_seq_len") ?? Self.usualLength, maximum)
    let question = input.text.utf8.count / 4 + 3
    let context = (input.pair?.utf8.count ?? 0) / 4
    if question + context <= length { return question + context }
    // What leaves no room is refused before it is computed.
    guard question < length else { return length }
    let room = length - question
    let overlap = min(input.parameters.integer("doc_stride") ?? Self.usualOverlap, room / 2)
    return (context / max(1, room - overlap) + 1) * length
  }

  func encode(_ input: TextInput, by model: TextModel) throws(PredictionError) -> EncodedInput {
    let tokenizer = model.tokenizer
    let length = min(
      input.parameters.integer("max_seq_len") ?? Self.usualLength, model.maximumTokens)
    let question = tokenizer.tokens(of: input.text, tracing: true)
    let context = tokenizer.tokens(of: input.pair ?? "", sequence: 1, tracing: true)
    let room = length - tokenizer.frameCount(isPair: true) - question.ids.count
    guard room > 0 else { throw .questionTooLong(tokens: question.ids.count, of: length) }
    let usual = min(Self.usualOverlap, length / 2)
    let overlap =
      input.parameters.integer("doc_stride") ?? (usual < room ? usual : room / 2)
    guard
      let windows = tokenizer.windows(
        question, context, maximumLength: length, overlap: overlap)
    else { throw .overlapTooLong("doc_stride", overlap: overlap, room: room) }
    return try EncodedInput(input, windows)
  }

  func head(_ source: HeadSource) throws -> any TaskHead { try TokenHead(source) }

  /// A span of tokens in one window.
  private struct Candidate {
    var start: Int
    var end: Int
    var score: Float
  }

  func value(
    _ outputs: [SequenceOutput], of input: EncodedInput, by model: TextModel
  ) -> Prediction.Value {
    let parameters = input.input.parameters
    let count = parameters.integer("top_k") ?? 1
    let longest = parameters.integer("max_answer_len") ?? Self.usualAnswer
    let isAligned = parameters.bool("align_to_words") ?? true
    let context = CodePoints(input.input.pair ?? "")
    var nothing: Float = 1
    var answers: [(folded: String, span: TextSpan)] = []
    for (output, encoding) in zip(outputs, input.encodings) {
      let (starts, ends, null) = Self.probabilities(output, encoding, model.tokenizer)
      nothing = min(nothing, null)
      let candidates = Self.best(
        isAligned ? 2 * count + 10 : count, starts, ends, encoding, longest: longest)
      for candidate in candidates {
        let range = Self.range(candidate, encoding, isAligned: isAligned)
        let text = context[range]
        let folded = text.lowercased()
        // One text in several places, or in two windows, is one answer.
        if let known = answers.firstIndex(where: { $0.folded.utf8.elementsEqual(folded.utf8) }) {
          answers[known].span.score += candidate.score
        } else {
          answers.append(
            (folded, TextSpan(text: text, score: candidate.score, range: range)))
        }
      }
    }
    var spans = answers.map(\.span)
    if parameters.bool("handle_impossible_answer") ?? false || spans.isEmpty {
      spans.append(TextSpan(text: "", score: spans.isEmpty ? 0 : nothing, range: 0..<0))
    }
    // Stable: of equals, the first found.
    let order = spans.indices.sorted {
      (spans[$1].score, $0) < (spans[$0].score, $1)
    }
    return .answers(order.prefix(count).map { spans[$0] }, isList: count > 1)
  }

  /// Probabilities of beginning and end over the tokens of the context, and that of no answer.
  private static func probabilities(
    _ output: SequenceOutput, _ encoding: Encoding, _ tokenizer: Tokenizer
  ) -> (starts: [Float], ends: [Float], null: Float) {
    // A model that knows of questions without an answer points to the first token.
    let opening = tokenizer.specialTokens.classification
    let isAllowed = encoding.origins.indices.map {
      encoding.origins[$0].sequence == 1 || encoding.ids[$0] == opening
    }
    func softmax(_ column: Int) -> [Float] {
      HeadFunction.softmax(
        isAllowed.indices.map {
          isAllowed[$0] ? output.row($0).dropFirst(column).first ?? 0 : -10000
        })
    }
    var (starts, ends) = (softmax(0), softmax(1))
    let null = (starts.first ?? 0) * (ends.first ?? 0)
    if !starts.isEmpty { (starts[0], ends[0]) = (0, 0) }
    return (starts, ends, null)
  }

  /// The best spans within the context, the best first.
  private static func best(
    _ count: Int, _ starts: [Float], _ ends: [Float], _ encoding: Encoding, longest: Int
  ) -> [Candidate] {
    var best: [Candidate] = []
    let places = encoding.origins.indices.filter { encoding.origins[$0].sequence == 1 }
    guard let last = places.last else { return [] }
    for start in places {
      for end in start...min(last, start + longest - 1) {
        let score = starts[start] * ends[end]
        if score <= 0 || best.count == count && score <= best[count - 1].score { continue }
        let place = best.firstIndex { $0.score < score } ?? best.count
        best.insert(Candidate(start: start, end: end, score: score), at: place)
        if best.count > count { best.removeLast() }
      }
    }
    return best
  }

  /// The code points of the context that a span stands for, those of whole words where they are asked for.
  private static func range(
    _ candidate: Candidate, _ encoding: Encoding, isAligned: Bool
  ) -> Range<Int> {
    let origins = encoding.origins
    var (first, last) = (candidate.start, candidate.end)
    if isAligned {
      func isSame(_ a: Int, _ b: Int) -> Bool {
        origins[a].sequence == origins[b].sequence && origins[a].word == origins[b].word
      }
      while first > 0 && isSame(first - 1, candidate.start) { first -= 1 }
      while last + 1 < origins.count && isSame(last + 1, candidate.end) { last += 1 }
    }
    let start = origins[first].range.lowerBound
    return start..<max(start, origins[last].range.upperBound)
  }

  func columns(_ model: ModelSignature, hasScores: Bool) -> [String] {
    ["prediction", "score", "start", "end"]
  }

  func schema(_ model: ModelSignature) -> JSONValue {
    let one = Schema.object(
      [
        "answer": Schema.string, "score": Schema.number, "start": TextSpan.place("where it begins"),
        "end": TextSpan.place("where it ends, behind its last"),
      ], required: ["answer", "score", "start", "end"], isClosed: true)
    return Schema.any(one, Schema.list(one))
  }

  func outputs(_ model: ModelSignature) -> [TensorOutput] {
    [
      TensorOutput(name: "answer", datatype: "BYTES", width: nil) {
        if case .answers(let spans, _) = $0.value {
          .strings([spans.first?.text ?? ""])
        } else {
          .strings([])
        }
      },
      TensorOutput(name: "score", datatype: "FP32", width: nil) {
        if case .answers(let spans, _) = $0.value {
          .numbers([spans.first?.score ?? 0])
        } else {
          .numbers([])
        }
      },
    ]
  }
}

extension ModelTask {
  /// The part of a context that answers a question.
  public static let questionAnswering = ModelTask(QuestionAnsweringTask())
}
