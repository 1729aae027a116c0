import FileJobs
import Files
import Foundation
import Testing
import Training
import Transformer

private func read(
  _ text: String, _ format: RecordFormat, _ layout: RecordLayout = RecordLayout()
) throws -> [Record] {
  let path = NSTemporaryDirectory() + "martlet-records-\(UUID().uuidString)"
  defer { try? FileManager.default.removeItem(atPath: path) }
  try Data(text.utf8).write(to: URL(fileURLWithPath: path))
  var reader = try RecordReader(path: path, format: format, layout: layout)
  var records: [Record] = []
  while let record = try reader.next() { records.append(record) }
  return records
}

@Suite("Rows of files")
struct RecordReaderTests {
  @Test("A text file has a row for each line, empty ones too")
  func lines() throws {
    #expect(try read("a\r\n\nc", .text).map(\.input.text) == ["a", "", "c"])
    #expect(try read("", .text).isEmpty)
  }

  @Test(
    "CSV fields in quotes hold commas, quotes and line ends, and lines are counted through them")
  func csv() throws {
    let rows = try read("id,text\r\n1,\"a, \"\"b\"\"\nc\"\r\n\r\n2,plain\n", .csv)
    #expect(rows.map(\.input.text) == ["a, \"b\"\nc", "plain"])
    #expect(rows.map(\.line) == [2, 5])
  }

  @Test(
    "What breaks CSV is named by line",
    arguments: [
      ("text\n\"a", 2, "never closed"), ("text\nok\nb\"c", 3, "inside"),
      ("text\n\"a\"b", 2, "between"),
    ])
  func badCSV(text: String, line: Int, said: String) {
    let error = #expect(throws: RecordError.self) { try read(text, .csv) }
    let message = error?.localizedDescription ?? ""
    #expect(message.contains("line \(line):") && message.contains(said), "\(message)")
  }

  @Test("Labelled TSV without a header is read as train reads it")
  func labelled() throws {
    let rows = try read("spam\twin\tnow\nham\thi\n", .tsv, RecordLayout(hasLabels: true))
    #expect(rows.map(\.label) == ["spam", "ham"])
    #expect(rows.map(\.input.text) == ["win\tnow", "hi"])
  }

  @Test("Pairs and labels are found by the header or by number")
  func pairs() throws {
    let named = try read(
      "score\tsentence1\tsentence2\n1\ta\tb\n", .tsv, RecordLayout(hasLabels: true))
    let numbered = try read(
      "a\tb\t1\n", .tsv, RecordLayout(text: "1", pair: "2", label: "3", hasLabels: true))
    for rows in [named, numbered] {
      #expect(rows.map(\.input) == [TextInput("a", pair: "b")] && rows[0].label == "1")
    }
  }

  @Test("A choice that cannot be made is asked for, a missing column named")
  func unclear() {
    let two = #expect(throws: RecordError.self) { try read("a\tb\n", .tsv) }
    #expect(two?.localizedDescription.contains("--column 2") == true)
    #expect(throws: RecordError.noColumn(path: "", name: "x", known: ["a"])) {
      do { _ = try read("a\nb", .csv, RecordLayout(text: "x")) } catch RecordError.noColumn(
        _, let n, let k)
      {
        throw RecordError.noColumn(path: "", name: n, known: k)
      }
    }
    let short = #expect(throws: RecordError.self) { try read("n\ttext\n1\ta\n2\n", .tsv) }
    #expect(short?.localizedDescription.contains("line 3: column 2 is missing") == true)
  }

  @Test("JSON lines are objects or strings; lists of labels are joined")
  func json() throws {
    let rows = try read(#"{"text":"a","text_pair":"b"}"# + "\n\"c\"\n", .jsonl)
    #expect(rows.map(\.input) == [TextInput("a", pair: "b"), TextInput("c")])
    let labelled = try read(
      #"{"text":"a","labels":["x","y"]}"#, .jsonl, RecordLayout(hasLabels: true))
    #expect(labelled[0].label == "x|y")
    let bad = #expect(throws: RecordError.self) { try read("\"a\"\n{", .jsonl) }
    #expect(bad?.localizedDescription.contains("line 2: not JSON") == true)
  }

  @Test("Bytes that are not UTF-8 are refused by line")
  func encoding() throws {
    let path = NSTemporaryDirectory() + "martlet-latin-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try Data([0x61, 10, 0xE9, 10]).write(to: URL(fileURLWithPath: path))
    var reader = try RecordReader(path: path)
    _ = try reader.next()
    let error = #expect(throws: RecordError.self) { try reader.next() }
    #expect(error?.localizedDescription.contains("line 2: not UTF-8") == true)
  }
}

@Suite("Figures")
struct FigureTests {
  // SciPy: pearsonr, spearmanr of these two lists.
  @Test("Pearson and Spearman are SciPy's")
  func correlations() {
    let report = RegressionReport(truths: [1, 2, 2, 4, 5], predictions: [2, 1, 3, 3, 9])
    #expect(abs((report.pearson ?? 0) - 0.8067764) < 1e-6)
    #expect(abs((report.spearman ?? 0) - 0.7631579) < 1e-6)
    #expect(report.meanSquaredError == 4)
    let constant = RegressionReport(truths: [1, 1], predictions: [1, 2])
    #expect(constant.pearson == nil && constant.spearman == nil)
  }

  @Test("Multi-label figures by hand")
  func multiLabel() {
    var report = MultiLabelReport(labels: ["a", "b"])
    report.add(truth: [0, 1], prediction: [0])
    report.add(truth: [1], prediction: [1])
    report.add(truth: [], prediction: [0])
    #expect(abs((report.subsetAccuracy ?? 0) - 1 / 3.0) < 1e-12)
    #expect(report.f1(0) == 2 / 3.0 && report.f1(1) == 2 / 3.0)
    #expect(abs((report.microF1 ?? 0) - 2 / 3.0) < 1e-12)
  }
}

@Suite("File jobs")
struct FileJobTests {
  @Test("The output has the same bytes for any number of threads, in the input's order")
  func threads() throws {
    let model = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("Models/sms-spam").path
    let stem = NSTemporaryDirectory() + "martlet-job-\(UUID().uuidString)"
    defer { for end in ["", "1", "3"] { try? FileManager.default.removeItem(atPath: stem + end) } }
    let lines = (0..<700).map { "text \($0) " + String(repeating: "free prize ", count: $0 % 40) }
    try Data(lines.joined(separator: "\n").utf8).write(to: URL(fileURLWithPath: stem))
    for threads in [1, 3] {
      let classifier = try TextModel.load(directory: model)
      var reader = try RecordReader(path: stem)
      var writer = try PredictionWriter(
        OutputFile(path: stem + "\(threads)"), format: .jsonl, model: classifier, hasScores: true)
      var seen: [Int] = []
      try FileJob(model: classifier, threads: threads).run(&reader) { record, prediction in
        seen.append(record.line)
        try writer.write(prediction)
      }
      try writer.finish()
      #expect(seen == Array(1...700))
    }
    let (one, three) = (
      FileManager.default.contents(atPath: stem + "1"),
      FileManager.default.contents(atPath: stem + "3")
    )
    #expect(one != nil && one == three)
  }
}
