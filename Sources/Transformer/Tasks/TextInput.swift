import JSON

/// What a model is asked of: a text, or a pair of them, and how it is to be answered.
public struct TextInput: Sendable, Equatable {
  /// The text, or the first of a pair; of a question and its context, the question.
  public var text: String
  /// The second of a pair.
  public var pair: String?
  /// What the request says beside it.
  public var parameters: TaskParameters

  /// A text or a pair.
  public init(_ text: String, pair: String? = nil, parameters: TaskParameters = TaskParameters()) {
    (self.text, self.pair, self.parameters) = (text, pair, parameters)
  }
}

/// What is wrong with an input or a parameter: what, where, how to mend it.
public struct InputProblem: Error, Equatable {
  /// What is wrong.
  public var detail: String
  /// How to mend it; nil where an example of the caller's tells it.
  public var mend: String?
  /// Where, as a JSON pointer from what was read.
  public var pointer: String

  /// A problem at `pointer`.
  public init(_ detail: String, mend: String? = nil, pointer: String = "") {
    (self.detail, self.mend, self.pointer) = (detail, mend, pointer)
  }

  /// The same, further inside.
  func inside(_ member: String) -> InputProblem {
    InputProblem(detail, mend: mend, pointer: "/\(member)\(pointer)")
  }
}

/// What an input of a task looks like in JSON, as columns and as tensors.
package struct InputForm: Sendable, Equatable {
  /// What the first text is called.
  package var first: String
  /// What the second is called.
  package var second: String
  /// Whether both must be there, by their names; otherwise a string alone is the first.
  package var isPair: Bool

  /// A text, or two of them as `text` and `text_pair`.
  package static let text = InputForm(first: "text", second: "text_pair", isPair: false)

  /// The tensors that an input needs.
  package var tensors: [String] { isPair ? [first, second] : [first] }

  /// Reads an input.
  ///
  /// - Throws: `InputProblem`.
  package func read(_ value: JSONValue) throws(InputProblem) -> TextInput {
    guard let object = value.objectValue else {
      guard isPair else { return TextInput(try Self.text(value, "text")) }
      throw InputProblem(
        "The input is \(value.kind), not an object of '\(first)' and '\(second)'.", mend: mend)
    }
    for key in object.keys where key != first && key != second {
      throw InputProblem(
        "The member '\(key.prefix(64))' is not known.", mend: mend,
        pointer: "/\(JSONValue.pointerToken(key))")
    }
    let text = try member(first, object[first])
    guard let pair = object[second] else {
      if isPair { throw InputProblem("The member '\(second)' is missing.", mend: mend) }
      return TextInput(text)
    }
    return TextInput(text, pair: try member(second, pair))
  }

  private var mend: String {
    isPair
      ? #"Send {"\#(first)": "…", "\#(second)": "…"}."#
      : #"Use: \#(first), \#(second). For example: {"\#(first)": "…", "\#(second)": "…"}."#
  }

  private func member(_ name: String, _ value: JSONValue?) throws(InputProblem) -> String {
    guard let value else {
      throw InputProblem(
        "The member '\(name)' is missing.", mend: mend, pointer: "/\(name)")
    }
    do throws(InputProblem) { return try Self.text(value, isPair ? name : "text") } catch {
      throw error.inside(name)
    }
  }

  private static func text(_ value: JSONValue, _ name: String) throws(InputProblem) -> String {
    guard let text = value.stringValue else {
      throw InputProblem("The \(name) is \(value.kind), not a string.")
    }
    if text.isEmpty {
      throw InputProblem("The \(name) is empty.", mend: "Send at least one character.")
    }
    return text
  }

  /// An input as a JSON schema.
  package var schema: JSONValue {
    let object = Schema.object(
      [first: Schema.text, second: Schema.text], required: isPair ? [first, second] : [first],
      isClosed: true)
    return isPair ? object : Schema.any(Schema.text, object)
  }
}
