import Health
import JSON
import Logging
import Testing

@Suite("One count of labels")
struct HealthEngineTests {
  private static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

  private func engine(_ labels: [String]) -> HealthEngine {
    HealthEngine(
      labels: labels, reference: nil, options: HealthOptions(), log: Self.quiet)
  }

  private func predict(_ engine: HealthEngine, _ index: Int, _ predicted: Int) {
    var record = PredictionRecord()
    record.time = 1_700_000_000_000_000
    record.requestHash = RequestHash.of("\(index)")
    record.predicted = predicted
    record.probabilities = predicted == 0 ? [0.9, 0.1] : [0.1, 0.9]
    var bytes: [UInt8] = []
    HealthEvent.prediction(record).append(to: &bytes)
    engine.receive(bytes[...])
  }

  @Test(
    "numbers of a model that are not finite raise an alert at once, for as long as they come and a minute more"
  )
  func notFinite() {
    let engine = engine(["ham", "spam"])
    var reading = PoolReading()
    // What an earlier model did before a reload is not this one's.
    (reading.time, reading.notFinite) = (1_700_000_000, 5)
    engine.begin(reading)
    func isAlerting(_ count: Double, at time: Double) -> Bool {
      (reading.time, reading.notFinite) = (time, count)
      engine.tick(reading, at: time)
      let active = engine.json(at: time)["alerts"]?["active"]?.arrayValue ?? []
      return active.contains { $0["name"]?.stringValue == "ModelNotFinite" }
    }
    #expect(!isAlerting(5, at: 1_700_000_001))
    #expect(isAlerting(6, at: 1_700_000_002))
    #expect(isAlerting(6, at: 1_700_000_060))
    #expect(!isAlerting(6, at: 1_700_000_063))
  }

  @Test("675 labels are 675 on the page and in the metrics, whichever way they came")
  func oneCount() throws {
    let engine = engine(["ham", "spam"])
    for index in 0..<675 {
      predict(engine, index, 0)
      let key = RequestHash.of("\(index)")
      if index % 75 == 0 {
        // Another prediction had taken its place in the pool's table, so the worker asked.
        let candidate = LabelInquiry.Candidate(key: key, model: 0, label: 0)
        _ = engine.answer(LabelInquiry(number: 1, labels: [[candidate]]), at: 1_700_000_000)
      } else {
        var bytes: [UInt8] = []
        HealthEvent.label(
          LateLabel(time: 1_700_000_000_000_000, requestHash: key, label: 0, predicted: 0)
        ).append(to: &bytes)
        engine.receive(bytes[...])
      }
    }
    engine.tick(PoolReading(), at: 1_700_000_001)
    let json = engine.json(at: 1_700_000_001)
    #expect(json["labels"]?["counted"] == 675)
    #expect(json["performance"]?["labels"] == 675)
    #expect(json["performance"]?["concept"]?["labels"] == 675)
    // All of one class, all right: scikit-learn's macro-F1 over the classes that occur is 1.
    #expect(json["performance"]?["macro_f1"] == 1)
    var page = PrometheusText()
    engine.addMetrics(to: &page, at: 1_700_000_001)
    for line in [
      "martlet_feedback_total{correct=\"true\"} 675\n",
      "martlet_feedback_total{correct=\"false\"} 0\n", "martlet_accuracy_labels 675\n",
      "martlet_macro_f1 1.0\n",
    ] {
      #expect(page.text.contains(line), "\(line)")
    }
  }

  @Test("without labels accuracy and macro-F1 are not defined, which is not 0")
  func notDefined() {
    let engine = engine(["ham", "spam"])
    engine.tick(PoolReading(), at: 1_700_000_001)
    let json = engine.json(at: 1_700_000_001)
    #expect(json["performance"]?["macro_f1"] == .null && json["performance"]?["labels"] == 0)
    var page = PrometheusText()
    engine.addMetrics(to: &page, at: 1_700_000_001)
    #expect(!page.text.contains("martlet_macro_f1"))
  }

  @Test("canonically equal classes are counted, shown and kept apart")
  func labelsAreBytes() throws {
    let labels = ["\u{E9}", "e\u{301}"]
    let engine = engine(labels)
    predict(engine, 1, 0)
    predict(engine, 2, 1)
    engine.tick(PoolReading(), at: 1_700_000_001)
    let classes = try #require(
      engine.json(at: 1_700_000_001)["series"]?["classes"]?.arrayValue)
    #expect(ExactString.areEqual(classes.compactMap { $0["label"]?.stringValue }, labels))

    var texts = LabelledTexts()
    for label in 0..<2 { texts.add(LabelledTexts.Row(label: label, text: "text \(label)\r\nend")) }
    let tsv = texts.tsv(labels: labels)
    var again = LabelledTexts()
    again.add(tsv: tsv, labels: labels)
    #expect(again.rows.map(\.label) == [0, 1])
    #expect(again.rows.map(\.text) == ["text 0  end", "text 1  end"])
    let awkward = ["a\r", "a\u{301}", "\u{301}"]
    var odd = LabelledTexts()
    for label in 0..<3 { odd.add(LabelledTexts.Row(label: label, text: "\u{301}x")) }
    var back = LabelledTexts()
    back.add(tsv: odd.tsv(labels: awkward), labels: awkward)
    #expect(back.rows.map(\.label) == [1, 2])
    #expect(back.rows.allSatisfy { ExactString($0.text) == ExactString("\u{301}x") })
  }
}
