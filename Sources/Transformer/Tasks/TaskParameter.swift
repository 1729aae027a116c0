import Files
import Foundation
import JSON

/// Something that a request may say beside its inputs, described once: for reading, messages, `/openapi.json` and the
/// command line.
package struct TaskParameter: Sendable {
  /// What its value may be.
  package enum Kind: Sendable {
    case integer(ClosedRange<Int>)
    case number(ClosedRange<Double>)
    case boolean
    /// A string of 1 to so many bytes.
    case text(Int)
    /// A string of at most so many bytes, none among them.
    case phrase(Int)
    /// One of some words.
    case choice([String])
    /// A list of so many strings, or one of them, or several parted by commas; no two are equal.
    case texts(ClosedRange<Int>)
  }

  /// Its name.
  package var name: String
  /// What its value may be.
  package var kind: Kind
  /// What it does, in a sentence.
  package var summary: String

  /// Bytes of one of several strings at most.
  static let longestText = 1024

  /// The value as it is kept.
  ///
  /// - Throws: `InputProblem` inside of the value.
  package func read(_ value: JSONValue) throws(InputProblem) -> JSONValue {
    switch kind {
    case .integer(let range):
      if let number = value.intValue, range.contains(number) { return value }
    case .number(let range):
      if let number = value.doubleValue, range.contains(number) { return value }
    case .boolean: if value.boolValue != nil { return value }
    case .text(let maximum):
      if let text = value.stringValue, (1...maximum).contains(text.utf8.count) { return value }
    case .phrase(let maximum):
      if let text = value.stringValue, text.utf8.count <= maximum { return value }
    case .choice(let names):
      // `"early_stopping": true` means what "true" does, where that is a choice.
      let text = value.stringValue ?? value.boolValue.map { $0 ? "true" : "false" }
      if let text, names.contains(text) { return .string(text) }
    case .texts(let counts): return .array(try texts(value, counts))
    }
    throw InputProblem("The parameter '\(name)' is not \(wanted).", mend: "Send \(wanted).")
  }

  private func texts(
    _ value: JSONValue, _ counts: ClosedRange<Int>
  ) throws(InputProblem) -> [JSONValue] {
    let given: [JSONValue]
    if let text = value.stringValue {
      given = text.split(byte: ",").map { $0.trimmingCharacters(in: .whitespaces) }
        .filter { !$0.isEmpty }.map { .string($0) }
    } else if let list = value.arrayValue {
      given = list
    } else {
      throw InputProblem(
        "The parameter '\(name)' is \(value.kind), not a list of strings.", mend: "Send \(wanted).")
    }
    guard counts.contains(given.count) else {
      throw InputProblem(
        "The parameter '\(name)' has \(given.count) strings.", mend: "Send \(wanted).")
    }
    var seen: [ExactString: Int] = [:]
    for (index, value) in given.enumerated() {
      guard let text = value.stringValue, (1...Self.longestText).contains(text.utf8.count) else {
        throw InputProblem(
          "This is \(value.stringValue?.isEmpty ?? false ? "an empty string" : value.stringValue == nil ? value.kind : "too long a string").",
          mend: "Send strings of 1 to \(Self.longestText) bytes.", pointer: "/\(index)")
      }
      if let first = seen.updateValue(index, forKey: ExactString(text)) {
        throw InputProblem(
          "'\(text.prefix(64))' stands in '\(name)' twice, at \(first) and \(index).",
          mend: "Give each once.", pointer: "/\(index)")
      }
    }
    return given
  }

  private var wanted: String {
    switch kind {
    case .integer(let range):
      "a whole number from \(range.lowerBound) to \(range.upperBound)"
    case .number(let range): "a number from \(range.lowerBound) to \(range.upperBound)"
    case .boolean: "true or false"
    case .text(let maximum): "a string of 1 to \(maximum) bytes"
    case .phrase(let maximum): "a string of at most \(maximum) bytes"
    case .choice(let names): "one of: \(names.joined(separator: ", "))"
    case .texts(let counts):
      "a list of \(counts.lowerBound) to \(counts.upperBound) different strings"
    }
  }

  /// The value as a JSON schema.
  package var schema: JSONValue {
    var object: JSONObject
    switch kind {
    case .integer(let range):
      object = [
        "type": "integer", "minimum": JSONValue(range.lowerBound),
        "maximum": JSONValue(range.upperBound),
      ]
    case .number(let range):
      object = [
        "type": "number", "minimum": JSONValue(range.lowerBound),
        "maximum": JSONValue(range.upperBound),
      ]
    case .boolean: object = ["type": "boolean"]
    case .text(let maximum):
      object = ["type": "string", "minLength": 1, "maxLength": JSONValue(maximum)]
    case .phrase(let maximum): object = ["type": "string", "maxLength": JSONValue(maximum)]
    case .choice(let names): object = Schema.values(names).objectValue ?? [:]
    case .texts(let counts):
      object = [
        "type": "array", "items": ["type": "string", "minLength": 1], "uniqueItems": true,
        "minItems": JSONValue(counts.lowerBound), "maxItems": JSONValue(counts.upperBound),
      ]
    }
    object["description"] = .string(summary)
    return .object(object)
  }
}

/// What a request says beside its inputs, by the names of its task's `TaskParameter`s.
public struct TaskParameters: Sendable, Equatable {
  /// What is said, by names.
  package private(set) var object = JSONObject()

  /// Nothing is said.
  public init() {}

  /// What was read, and found right, by another process.
  package init(read object: JSONObject) { self.object = object }

  /// What two objects say, which are read strictly: a name that is not known is refused. `null` says nothing.
  ///
  /// - Parameters:
  ///   - beside: members beside the input.
  ///   - inner: those of the member `parameters`.
  /// - Throws: `InputProblem` at the parameter.
  package init(
    _ beside: JSONObject, and inner: JSONObject = [:], task: ModelTask, model: ModelSignature
  ) throws(InputProblem) {
    try add(beside, task, model)
    do throws(InputProblem) { try add(inner, task, model) } catch {
      throw error.inside("parameters")
    }
    try task.definition.check(self, model)
  }

  private mutating func add(
    _ members: JSONObject, _ task: ModelTask, _ model: ModelSignature
  ) throws(InputProblem) {
    let known = task.definition.parameters(model)
    for (name, value) in zip(members.keys, members.values) where !value.isNull {
      guard let parameter = known.first(where: { $0.name.utf8.elementsEqual(name.utf8) }) else {
        throw InputProblem(
          "The parameter '\(name.prefix(64))' is not known.",
          mend: known.isEmpty
            ? "Leave it out: \(task) takes none."
            : "\(task) takes: \(known.map(\.name).joined(separator: ", ")).",
          pointer: "/\(JSONValue.pointerToken(name))")
      }
      do throws(InputProblem) { object[name] = try parameter.read(value) } catch {
        throw error.inside(name)
      }
    }
  }

  /// Whether nothing is said.
  public var isEmpty: Bool { object.isEmpty }

  func contains(_ name: String) -> Bool { object[name] != nil }
  func integer(_ name: String) -> Int? { object[name]?.intValue }
  func number(_ name: String) -> Double? { object[name]?.doubleValue }
  func bool(_ name: String) -> Bool? { object[name]?.boolValue }
  func text(_ name: String) -> String? { object[name]?.stringValue }
  /// The strings of a list; nil where the parameter is left out.
  package func texts(_ name: String) -> [String]? {
    object[name]?.arrayValue?.compactMap(\.stringValue)
  }

  /// Equal where they say the same.
  public static func == (a: TaskParameters, b: TaskParameters) -> Bool {
    JSONValue.object(a.object) == JSONValue.object(b.object)
  }
}
