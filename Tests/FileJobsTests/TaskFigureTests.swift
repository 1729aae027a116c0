import FileJobs
import Foundation
import JSON
import Testing
import Transformer

@Suite("Figures of tasks, and rows of them")
struct TaskFigureTests {
  @Test("Entities count as in the example of seqeval: right where beginning, end and kind are")
  func entities() {
    var report = EntityReport()
    report.add(
      truth: ["O", "O", "O", "B-MISC", "I-MISC", "I-MISC", "O"],
      prediction: ["O", "O", "B-MISC", "I-MISC", "I-MISC", "I-MISC", "O"])
    report.add(truth: ["B-PER", "I-PER", "O"], prediction: ["B-PER", "I-PER", "O"])
    #expect(report.f1 == 0.5 && report.precision == 0.5 && report.recall == 0.5)
    #expect(report.kinds.count == 2 && report.truths == 2)
    let place = report.kinds.firstIndex(of: "PER")
    #expect(place.map { report.f1($0) } == 1)
  }

  @Test("I- begins a span behind another kind or nothing, and a sentence's end ends one")
  func borders() {
    var report = EntityReport()
    report.add(truth: ["I-A", "I-B", "B-B"], prediction: ["B-A", "B-B", "B-B"])
    #expect(report.f1 == 1 && report.truths == 3)
    report.add(truth: ["O"], prediction: ["I-A"])
    #expect(report.precision == 0.75 && report.recall == 1)
  }

  @Test("Answers count as SQuAD counts: without case, punctuation and articles, the nearest truth")
  func answers() {
    var report = AnswerReport()
    report.add(truths: ["the Berlin Wall", "a wall"], answer: "Berlin wall!")
    #expect(report.exactMatch == 1 && report.f1 == 1)
    report.add(truths: ["in Berlin"], answer: "Berlin")
    #expect(report.exactMatch == 0.5)
    #expect(abs((report.f1 ?? 0) - (1 + 2.0 / 3) / 2) < 1e-9)
    report.add(truths: [], answer: "")
    report.add(truths: [], answer: "something")
    #expect(report.exactMatch == 0.5 && report.count == 4)
  }

  private func model(_ name: String) throws -> TextModel {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("TransformerTests/Fixtures/tasks/\(name)")
    return try TextModel.load(directory: folder.path)
  }

  private func reader(
    _ lines: String, _ rows: TaskRows, hasLabels: Bool = false
  ) throws -> (RecordReader, String) {
    let path = NSTemporaryDirectory() + "martlet-rows-\(UUID().uuidString).jsonl"
    try lines.write(toFile: path, atomically: true, encoding: .utf8)
    var reader = try RecordReader(path: path, layout: RecordLayout(hasLabels: hasLabels))
    reader.rows = rows
    return (reader, path)
  }

  @Test("A row's own members count more than the command line's, and errors name the line")
  func rows() throws {
    let model = try model("bert-entailment")
    let rows = TaskRows(model: model, members: ["candidate_labels": "a, b"])
    var (reader, path) = try reader(
      """
      {"text": "x"}
      {"text": "y", "candidate_labels": ["c"], "id": 7}
      {"text": "z", "candidate_labels": []}
      """, rows)
    defer { try? FileManager.default.removeItem(atPath: path) }
    var labels: [Int] = []
    for _ in 0..<2 {
      let input = try #require(try reader.next()).input
      labels.append(try model.encode(input).encodings.count)
    }
    #expect(labels == [2, 1])
    let error = #expect(throws: RecordError.self) { try reader.next() }
    #expect(error?.localizedDescription.contains("line 3") == true)
  }

  @Test("A question may be asked of every text, and rows of questions are measured")
  func questions() throws {
    let model = try model("bert-answers")
    var (single, first) = try reader(
      #"{"text": "Anna lives in Berlin."}"#, TaskRows(model: model, question: "Who?"))
    #expect(try single.next()?.input == TextInput("Who?", pair: "Anna lives in Berlin."))
    var (lone, second) = try reader(#"{"text": "Anna"}"#, TaskRows(model: model))
    #expect(throws: RecordError.self) { try lone.next() }
    var (labelled, third) = try reader(
      """
      {"question": "Who?", "context": "Anna lives in Berlin.", "answers": {"text": ["Anna"], "answer_start": [0]}}
      {"question": "Who?", "context": "Anna lives in Berlin.", "answers": ["Anna", "Berlin"]}
      {"question": "Who?", "context": "Anna lives in Berlin.", "answer": "Anna"}
      """, TaskRows(model: model), hasLabels: true)
    let figures = try ModelEvaluation.run(
      FileJob(model: model, threads: 1), model, &labelled, progress: { _ in })
    #expect(figures.count == 3 && figures.json["exact_match"] != nil)
    for path in [first, second, third] { try? FileManager.default.removeItem(atPath: path) }
  }
}
