import JSON
import Transformer

/// What rows ask of a model beside their texts: what the command line says, and over it what each row says by the parameters' names.
public struct TaskRows: Sendable {
  private let task: ModelTask
  private let signature: ModelSignature
  private let question: String?
  private let members: JSONObject

  /// - Parameters:
  ///   - question: the first text of each row that has but one, for tasks that take two.
  ///   - members: parameters of every row, by name.
  public init(model: TextModel, question: String? = nil, members: JSONObject = [:]) {
    (task, signature) = (model.task, model.signature)
    (self.question, self.members) = (question, members)
  }

  /// Names by which rows of JSON say something of their own.
  var names: Set<String> {
    Set(task.definition.parameters(signature).map(\.name))
  }

  /// What is asked of the model in a row of `path`.
  ///
  /// - Throws: `RecordError` naming the line.
  public func input(_ record: Record, path: String) throws(RecordError) -> TextInput {
    func bad(_ problem: String, _ mend: String) -> RecordError {
      .malformed(path: path, line: record.line, problem: problem, mend: mend)
    }
    var input = record.input
    let form = task.definition.input
    if form.isPair, input.pair == nil, record.words.isEmpty {
      guard let question else {
        throw bad(
          "the row has no \(form.second)",
          "Write {\"\(form.first)\": \"…\", \"\(form.second)\": \"…\"}, or give --\(form.first) for all rows."
        )
      }
      input = TextInput(question, pair: input.text)
    }
    if form.isPair, input.text.isEmpty || input.pair?.isEmpty ?? true, record.words.isEmpty {
      throw bad("\(form.first) or \(form.second) is empty", "Write at least one character.")
    }
    var members = members
    for (name, value) in zip(record.members.keys, record.members.values) { members[name] = value }
    if members.isEmpty { return input }
    do throws(InputProblem) {
      input.parameters = try TaskParameters(members, task: task, model: signature)
    } catch {
      throw bad(
        error.detail.last == "." ? String(error.detail.dropLast()) : error.detail,
        error.mend ?? "See martlet predict --help.")
    }
    return input
  }
}
