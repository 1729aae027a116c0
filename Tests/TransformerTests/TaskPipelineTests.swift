import Foundation
import JSON
import Testing
import Transformer

/// Tiny models, and what the pipelines of `transformers` say of texts: Tests/Reference/task_pipelines.py.
private struct TaskFixture: Sendable, CustomTestStringConvertible {
  let name: String
  var testDescription: String { name }
  var directory: String { Self.folder.appendingPathComponent(name).path }

  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("Fixtures/tasks")

  static func all(_ kind: String) -> [TaskFixture] {
    ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? [])
      .filter { $0.hasSuffix(kind) }.sorted().map { TaskFixture(name: $0) }
  }

  /// Each case's answer by `model`, and the pipeline's.
  func cases(
    _ model: TextModel, _ body: (JSONValue, Prediction.Value, JSONValue, String) throws -> Void
  ) throws {
    let file = try JSONValue(
      parsing: Data(contentsOf: URL(fileURLWithPath: directory + "/expected.json")))
    let cases = try #require(file.arrayValue)
    #expect(cases.count > 20)
    for row in cases {
      let form = model.task.definition.input
      var input = try form.read(row["input"] ?? .null)
      input.parameters = try TaskParameters(
        row["parameters"]?.objectValue ?? [:], task: model.task, model: model.signature)
      let prediction = try model.predict([input])[0]
      try body(
        row["parameters"] ?? .null, prediction.value, row["answer"] ?? .null,
        "\(name) \(row["parameters"]?.serialized() ?? "") \(input.text.debugDescription)")
    }
  }
}

@Suite("Tasks beside the pipelines of transformers")
struct TaskPipelineTests {
  private func isNear(_ a: Float, _ b: JSONValue?) -> Bool {
    abs(Double(a) - (b?.doubleValue ?? .nan)) < 2e-4
  }

  @Test(
    "Entities are the pipeline's, by every aggregation and in windows",
    arguments: TaskFixture.all("entities"))
  fileprivate func entities(_ fixture: TaskFixture) throws {
    let model = try TextModel.load(directory: fixture.directory)
    try fixture.cases(model) { parameters, value, answer, what in
      let wanted = answer.arrayValue ?? []
      if parameters["aggregation"] == "none" {
        guard case .tokens(let tokens) = value else {
          Issue.record("\(what)")
          return
        }
        let found = tokens.filter { model.labels[$0.labelIndex] != "O" }
        try #require(found.count == wanted.count, "\(what)")
        for (token, want) in zip(found, wanted) {
          #expect(model.labels[token.labelIndex] == want[0]?.stringValue, "\(what)")
          #expect(isNear(token.probability, want[1]), "\(what)")
          #expect(token.range?.lowerBound == want[3]?.intValue, "\(what)")
          #expect(token.range?.upperBound == want[4]?.intValue, "\(what)")
        }
        return
      }
      guard case .spans(let spans) = value else {
        Issue.record("\(what)")
        return
      }
      try #require(spans.count == wanted.count, "\(what)")
      for (span, want) in zip(spans, wanted) {
        #expect(span.label == want[0]?.stringValue && isNear(span.score, want[1]), "\(what)")
        #expect(
          Array((span.word ?? "").utf8) == Array((want[2]?.stringValue ?? "").utf8), "\(what)")
        #expect(span.range.lowerBound == want[3]?.intValue, "\(what)")
        #expect(span.range.upperBound == want[4]?.intValue, "\(what)")
      }
    }
  }

  @Test(
    "Answers are the pipeline's, several, none, aligned or not, and in windows",
    arguments: TaskFixture.all("answers"))
  fileprivate func answers(_ fixture: TaskFixture) throws {
    let model = try TextModel.load(directory: fixture.directory)
    #expect(model.task == .questionAnswering)
    try fixture.cases(model) { _, value, answer, what in
      guard case .answers(let spans, _) = value else {
        Issue.record("\(what)")
        return
      }
      let wanted = answer.arrayValue ?? [answer]
      try #require(spans.count == wanted.count, "\(what)")
      for (span, want) in zip(spans, wanted) {
        #expect(
          Array(span.text.utf8) == Array((want["answer"]?.stringValue ?? "?").utf8)
            && isNear(span.score, want["score"]), "\(what): \(span) \(want.serialized())")
        #expect(span.range.lowerBound == want["start"]?.intValue, "\(what)")
        #expect(span.range.upperBound == want["end"]?.intValue, "\(what)")
      }
    }
  }

  @Test(
    "Candidate labels are ordered and scored as by the pipeline",
    arguments: TaskFixture.all("entailment"))
  fileprivate func candidates(_ fixture: TaskFixture) throws {
    let model = try TextModel.load(directory: fixture.directory)
    try fixture.cases(model) { _, value, answer, what in
      guard case .ranking(let labels, let scores) = value else {
        Issue.record("\(what)")
        return
      }
      let wanted = answer["scores"]?.arrayValue ?? []
      #expect(zip(scores, wanted).allSatisfy { isNear($0, $1) }, "\(what)")
      #expect(scores.count == wanted.count && labels.count == scores.count)
      #expect(labels == answer["labels"]?.arrayValue?.compactMap(\.stringValue), "\(what)")
    }
  }

  @Test("Every kind of fixture is there")
  func fixtures() {
    #expect(TaskFixture.all("entities").count == 4 && TaskFixture.all("answers").count == 4)
    #expect(TaskFixture.all("entailment").count == 2)
  }

  @Test("A task's answer has the same bits alone and in a batch of others")
  func batches() throws {
    for fixture in TaskFixture.all("entities") + TaskFixture.all("answers") {
      let model = try TextModel.load(directory: fixture.directory)
      let long = String(repeating: "Anna said it is low. ", count: 20)
      let isPair = model.task.definition.input.isPair
      let inputs = [long, "Anna in Berlin", "a"].map { text in
        isPair ? TextInput("Who?", pair: text) : TextInput(text)
      }
      let together = try model.predict(inputs)
      for (input, answer) in zip(inputs, together) {
        #expect(try model.predict([input]) == [answer], "\(fixture.name)")
      }
    }
  }

  @Test("Long texts are cut at either end, refused, or read in windows whose answers become one")
  func longTexts() throws {
    let fixture = try #require(TaskFixture.all("entailment").first)
    let model = try TextModel.load(directory: fixture.directory)
    let long = String(repeating: "Anna said that Berlin is low today. ", count: 12)
    func ask(_ parameters: JSONObject, _ text: String) throws -> [Float] {
      var input = TextInput(text)
      input.parameters = try TaskParameters(
        parameters, task: model.task, model: model.signature)
      let prediction = try model.predict([input])[0]
      guard case .label(_, let probabilities) = prediction.value else { return [] }
      return probabilities
    }
    #expect(try ask(["long_text": "truncate"], long) == ask([:], long))
    #expect(try ask(["long_text": "truncate_left"], long) != ask([:], long))
    for choice in LongText.allCases {
      #expect(try ask(["long_text": .string(choice.rawValue)], "Anna") == ask([:], "Anna"))
    }
    let windows = try model.encode(
      TextInput(
        long,
        parameters: TaskParameters(
          ["long_text": "windows"], task: model.task, model: model.signature)))
    #expect(windows.encodings.count > 2)
    let each = try model.predict(encoded: windows.encodings).map(\.classification)
    let mean = each.reduce(0) { $0 + ($1?.probabilities[0] ?? 0) } / Float(each.count)
    #expect(abs(try ask(["long_text": "windows"], long)[0] - mean) < 1e-6)
    #expect(throws: RejectedInput.self) { try ask(["long_text": "refuse"], long) }
    #expect(throws: RejectedInput.self) {
      try ask(["long_text": "windows", "stride": 38], long)
    }
    #expect(throws: InputProblem.self) { try ask(["stride": 2], long) }
  }

  @Test(
    "What cannot be right is refused, and says where",
    arguments: [
      (#"{"candidate_labels": []}"#, "/candidate_labels"),
      (#"{"candidate_labels": ["a", "b", "a"]}"#, "/candidate_labels/2"),
      (#"{"candidate_labels": ["a", ""]}"#, "/candidate_labels/1"),
      (#"{"candidate_labels": ["a", 5]}"#, "/candidate_labels/1"),
      (#"{"candidate_labels": " , "}"#, "/candidate_labels"),
      (#"{"candidate_labels": ["a"], "hypothesis_template": "no place"}"#, "/hypothesis_template"),
      (#"{"candidate_labels": ["a"], "hypothesis_template": "{} or {}"}"#, "/hypothesis_template"),
      (#"{"hypothesis_template": "It is {}."}"#, "/hypothesis_template"),
      (#"{"multi_label": true}"#, "/multi_label"), (#"{"top_k": 3}"#, "/top_k"),
      (#"{"candidate_labels": ["a"], "multi_label": "yes"}"#, "/multi_label"),
    ])
  func refusals(parameters: String, pointer: String) throws {
    let fixture = try #require(TaskFixture.all("entailment").first)
    let model = try TextModel.load(directory: fixture.directory)
    let object = try #require(try JSONValue(parsing: Array(parameters.utf8)).objectValue)
    let problem = #expect(throws: InputProblem.self) {
      try TaskParameters(object, task: model.task, model: model.signature)
    }
    #expect(problem?.pointer == pointer && !(problem?.detail.isEmpty ?? true))
  }

  @Test("Canonically equal labels are two, as their bytes are")
  func labelBytes() throws {
    let fixture = try #require(TaskFixture.all("entailment").first)
    let model = try TextModel.load(directory: fixture.directory)
    let parameters = try TaskParameters(
      ["candidate_labels": ["caf\u{E9}", "cafe\u{301}"]], task: model.task,
      model: model.signature)
    #expect(parameters.texts("candidate_labels")?.count == 2)
  }
}
