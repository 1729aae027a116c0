import JSON
import Tensor
import Tokenization

/// All that is particular to a task: what an input is, what the model reads of it, what becomes of the states that it
/// computes, and how the answer is described. Nothing else asks which task a model has.
package protocol TaskDefinition: Sendable {
  /// Its name in files and answers.
  var name: String { get }
  /// How the class in `config.json` ends, such as "ForTokenClassification".
  var classSuffixes: [String] { get }
  /// What `problem_type` in `config.json` calls it, where several tasks have one class.
  var problemType: String? { get }
  /// Whether `config.json` names the outputs.
  var hasLabels: Bool { get }
  /// Whether an answer is a distribution over labels for the whole text, which feedback and drift are counted by.
  var hasProbabilities: Bool { get }
  /// How many outputs the head has for each token; nil for tasks whose head is not on tokens.
  func tokenOutputs(_ labels: [String]) -> Int?
  /// The layer on each token; nil where the family has the head on the text there.
  func tokenLayer(_ architecture: Architecture) -> String?

  /// How the answers of a long text's windows become one, for messages; nil for tasks that do otherwise.
  var pooling: String? { get }
  /// What an input looks like.
  var input: InputForm { get }
  /// Requests to try it with.
  func examples(_ model: ModelSignature) -> [(name: String, value: JSONValue)]
  /// What a request may say beside its inputs.
  func parameters(_ model: ModelSignature) -> [TaskParameter]
  /// Checks what no parameter's own kind can.
  ///
  /// - Throws: `InputProblem` naming the parameter.
  func check(_ parameters: TaskParameters, _ model: ModelSignature) throws(InputProblem)
  /// Tokens that an input will have in all of its sequences, as its bytes suggest; for batching, not for truth.
  func tokenEstimate(_ input: TextInput, maximum: Int) -> Int
  /// What the model reads of an input: one sequence or several.
  func encode(_ input: TextInput, by model: TextModel) throws(PredictionError) -> EncodedInput

  /// What reads the encoder's states.
  func head(_ source: HeadSource) throws -> any TaskHead
  /// Whether it writes texts: models with a decoder alone do.
  var writesTexts: Bool { get }
  /// The answers of a task that writes texts, in order; nil for one whose answers are functions of the encoder's states.
  func answers(
    _ inputs: [EncodedInput], by model: TextModel
  ) -> [Result<Prediction, PredictionError>]?
  /// The answer, of what the head said of each of the input's sequences; all of it is finite.
  func value(
    _ outputs: [SequenceOutput], of input: EncodedInput, by model: TextModel
  ) -> Prediction.Value

  /// The member of a JSON line that holds the answer.
  var member: String { get }
  /// Names of the columns of CSV; with the probability of each label where `hasScores`.
  func columns(_ model: ModelSignature, hasScores: Bool) -> [String]
  /// The answer as a JSON schema.
  func schema(_ model: ModelSignature) -> JSONValue
  /// The answer as protocols of tensors have it.
  func outputs(_ model: ModelSignature) -> [TensorOutput]
}

extension TaskDefinition {
  package var problemType: String? { nil }
  package var hasLabels: Bool { true }
  package var hasProbabilities: Bool { false }
  package var writesTexts: Bool { false }
  package func answers(
    _ inputs: [EncodedInput], by model: TextModel
  ) -> [Result<Prediction, PredictionError>]? { nil }
  package func tokenOutputs(_ labels: [String]) -> Int? { nil }
  package func tokenLayer(_ architecture: Architecture) -> String? { nil }
  package var input: InputForm { .text }
  package func examples(_ model: ModelSignature) -> [(name: String, value: JSONValue)] {
    [
      ("one", ["input": "WINNER! Claim your free prize now, text YES to 80086"]),
      ("list", ["input": ["Are you coming home for dinner?", "Call now to claim your prize"]]),
      ("pair", ["input": ["text": "How old are you?", "text_pair": "What is your age?"]]),
    ]
  }
  package var pooling: String? { nil }
  package func parameters(_ model: ModelSignature) -> [TaskParameter] {
    pooling.map { LongText.parameters(pooling: $0) } ?? []
  }
  package func check(
    _ parameters: TaskParameters, _ model: ModelSignature
  ) throws(InputProblem) {
    try LongText.check(parameters)
  }
  package func tokenEstimate(_ input: TextInput, maximum: Int) -> Int {
    LongText.tokenEstimate(input, maximum: maximum)
  }
  package func encode(
    _ input: TextInput, by model: TextModel
  ) throws(PredictionError) -> EncodedInput {
    guard let choice = input.parameters.text("long_text").flatMap(LongText.init) else {
      return try model.encodeWhole(input)
    }
    return try EncodedInput(input, choice.encode(input, by: model))
  }
  package var member: String { "prediction" }
  package func columns(_ model: ModelSignature, hasScores: Bool) -> [String] { [member] }
}

/// Where a head's weights come from.
package struct HeadSource {
  let configuration: ModelConfiguration
  /// The head on the whole text, or the family's on each token; nil where it has none.
  let sequenceHead: SequenceHead?
  /// Knows the tokens.
  let tokenizer: Tokenizer
  /// The encoder's, of which a head may share the table of words.
  let weights: ModelParameters
  let kernels: Kernels
  /// The shape of a tensor in the files; nil where there is none of this name.
  let shape: (String) -> [Int]?
  /// Reads a tensor beside the encoder's.
  let read: (String, Matrix) throws -> Void
}

/// What reads the encoder's states for a task.
package protocol TaskHead: Sendable {
  /// Which of the states it reads.
  var kept: RowSelection { get }
  /// What it says of some sequences of the batch that `encoder` ran last, which were made of `encodings`.
  func outputs(
    _ encoder: Encoder, _ sequences: [Int], _ encodings: [Encoding]
  ) -> [SequenceOutput]
}

/// What a head says of one sequence: rows of numbers, one for the sequence or one for each token.
package struct SequenceOutput: Sendable, Equatable {
  /// Row by row.
  package var values: [Float]
  /// Numbers in a row.
  package var columns: Int
  /// What the head's last layer read, where it reads one state of the sequence; else empty.
  package var pooled: [Float] = []

  /// Rows.
  package var rows: Int { columns == 0 ? 0 : values.count / columns }
  /// One row.
  package func row(_ index: Int) -> ArraySlice<Float> {
    values[index * columns..<(index + 1) * columns]
  }

  /// Rows `range` of `matrix`.
  init(_ matrix: Matrix, _ range: Range<Int>) {
    columns = matrix.columns
    values = []
    values.reserveCapacity(range.count * columns)
    for row in range { values += matrix.row(row) }
  }

  /// One row.
  init(_ row: [Float]) { (values, columns) = (row, row.count) }
}
