import Foundation
import Health
import JSON
import Testing

private func near(_ a: Double?, _ b: Double?, _ tolerance: Double = 1e-6) -> Bool {
  guard let a, let b else { return false }
  return abs(a - b) <= tolerance * max(1, abs(b))
}

private func numbers(_ value: JSONValue?) -> [Double] {
  value?.arrayValue?.compactMap(\.doubleValue) ?? []
}

@Suite("Drift tests equal SciPy's, scikit-learn's, alibi-detect's and river's")
struct ReferenceToolTests {
  private let fixture: JSONValue

  init() throws {
    let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Fixtures/tests.json")
    fixture = try JSONValue(parsing: Data(contentsOf: url))
  }

  @Test("Shifts of mean and variance have SciPy's intervals")
  func shifts() throws {
    for item in try #require(fixture["shifts"]?.arrayValue) {
      func sample(_ key: String) -> SampleMoments {
        let values = numbers(item[key])
        return SampleMoments(count: values[0], mean: values[1], variance: values[2])
      }
      let shift = try #require(
        Statistics.momentShift(reference: sample("reference"), current: sample("current")))
      let (mean, ratio) = (numbers(item["mean"]), numbers(item["ratio"]))
      #expect(near(shift.meanDifference, mean[0]))
      #expect(near(shift.meanInterval.lower, mean[1]) && near(shift.meanInterval.upper, mean[2]))
      #expect(near(shift.varianceRatio, ratio[0]))
      #expect(near(shift.varianceInterval.lower, ratio[1]))
      #expect(near(shift.varianceInterval.upper, ratio[2]))
    }
    for item in try #require(fixture["student"]?.arrayValue).map(numbers) {
      #expect(near(Statistics.studentQuantile(item[0], degreesOfFreedom: item[1]), item[2]))
    }
    for item in try #require(fixture["fisher"]?.arrayValue).map(numbers) {
      #expect(near(Statistics.fisherQuantile(item[0], item[1], item[2]), item[3]))
    }
    for item in try #require(fixture["beta"]?.arrayValue).map(numbers) {
      #expect(near(Statistics.incompleteBeta(item[0], item[1], item[2]), item[3], 1e-10))
    }
  }

  private func vectors(_ key: String) -> [[Float]] {
    (fixture["mmd"]?[key]?.arrayValue ?? []).map { numbers($0).map(Float.init) }
  }

  @Test("Maximum mean discrepancy is alibi-detect's, and its permutation test sees the shift")
  func discrepancy() {
    let (left, right) = (vectors("reference"), vectors("current"))
    let test = MaximumMeanDiscrepancy(reference: left, current: right)
    let expected = numbers(fixture["mmd"]?["result"])
    #expect(near(test.bandwidthSquared, expected[0]))
    #expect(near(test.squared, expected[1]))
    #expect(test.permutationTest(seed: 3) == test.permutationTest(seed: 3))
    #expect(test.permutationTest().pValue < 0.05)
    let same = MaximumMeanDiscrepancy(
      reference: Array(left.prefix(30)), current: Array(left.suffix(30)))
    #expect(same.permutationTest().pValue > 0.05)
  }

  @Test("The domain classifier has scikit-learn's weights, and its area SciPy's p-value")
  func domainClassifier() {
    let (left, right) = (vectors("reference"), vectors("current"))
    let rows = (left + right).map { $0.map(Double.init) }
    let model = DomainClassifier(rows, isCurrent: rows.indices.map { $0 >= left.count })
    for (a, b) in zip(model.weights, numbers(fixture["logistic"])) { #expect(near(a, b, 1e-5)) }
    let area = Statistics.areaUnderCurve(
      negatives: numbers(fixture["auc"]?["negatives"]),
      positives: numbers(fixture["auc"]?["positives"]))
    #expect(near(area.statistic, fixture["auc"]?["auc"]?.doubleValue))
    #expect(near(area.pValue, fixture["auc"]?["p"]?.doubleValue))
    let found = DomainClassifier.crossValidated(reference: left, current: right)
    #expect(found.statistic > 0.55 && found.pValue < 0.05)
  }

  @Test("Isotonic calibration is scikit-learn's")
  func calibration() throws {
    let data = fixture["isotonic"]
    let calibration = try #require(
      ConfidenceCalibration(
        confidences: numbers(data?["confidence"]),
        isCorrect: data?["correct"]?.arrayValue?.compactMap(\.boolValue) ?? []))
    for (x, y) in zip(numbers(data?["grid"]), numbers(data?["value"])) {
      #expect(near(calibration(x), y))
    }
  }

  @Test("ADWIN, Page–Hinkley and DDM speak where river's do")
  func detectors() {
    let stream = numbers(fixture["stream"])
    for (name, direction) in [("up", PageHinkley.Direction.up), ("down", .down), ("both", .both)] {
      var test = PageHinkley()
      (test.threshold, test.direction) = (8, direction)
      let found = stream.indices.filter { test.add(stream[$0]) }
      #expect(found.map(Double.init) == numbers(fixture["page_hinkley"]?[name]), "\(name)")
    }
    var window = AdaptiveWindow()
    var widths: [Double] = []
    let changes = stream.indices.filter {
      defer { widths.append(window.width) }
      return window.add(stream[$0])
    }
    #expect(changes.map(Double.init) == numbers(fixture["adwin"]))
    let some = stride(from: 0, to: widths.count, by: 97).map { widths[$0] }
    #expect(some == numbers(fixture["adwin_widths"]))
    var method = DriftDetectionMethod()
    let states = stream.map { method.add(isError: $0 == 1) }
    func places(_ state: DriftDetectionMethod.State) -> [Double] {
      states.indices.filter { states[$0] == state }.map(Double.init)
    }
    #expect(places(.drift) == numbers(fixture["ddm"]?["drifts"]))
    #expect(places(.warning) == numbers(fixture["ddm"]?["warnings"]))
  }

  @Test("The wealth of the anytime-valid test is what its definition gives")
  func wealth() throws {
    for item in try #require(fixture["wealth"]?.arrayValue) {
      let cells = numbers(item["cells"]).map { UInt32($0) }
      #expect(near(RankPartition.logWealth(cells[...]), item["log"]?.doubleValue, 1e-9))
    }
  }
}

@Suite("Anytime-valid drift detection")
struct AnytimeDetectorTests {
  private func draw(_ shares: [Double], _ generator: inout SplitMix) -> Int {
    var left = generator.uniform()
    for (index, share) in shares.enumerated() {
      left -= share
      if left < 0 { return index }
    }
    return shares.count - 1
  }

  private func detector(_ seed: UInt64, _ generator: inout SplitMix) -> AnytimeDetector {
    func sample(_ shares: [Double], _ count: Int) -> [Double] {
      var counts = shares.map { _ in 0.0 }
      for _ in 0..<count { counts[draw(shares, &generator)] += 1 }
      return counts
    }
    var options = AnytimeDetector.Options()
    options.seed = seed
    return AnytimeDetector(
      streams: [
        .init(name: "class", reference: sample([0.87, 0.13], 600), weight: 0.5),
        .init(
          name: "length", reference: sample(Array(repeating: 0.125, count: 8), 600), weight: 0.5),
      ], options: options)
  }

  @Test("a stream like the reference raises no more alarms than were asked for")
  func level() {
    var generator = SplitMix(state: 5)
    var alarms = 0
    for seed in 0..<10 {
      var detector = detector(UInt64(seed), &generator)
      for _ in 0..<10_000 {
        let bins = [
          draw([0.87, 0.13], &generator), draw(Array(repeating: 0.125, count: 8), &generator),
        ]
        if let finding = detector.add(bins), finding.isAlarm { alarms += 1 }
      }
    }
    // 200 windows at 1 %.
    #expect(alarms <= 2)
  }

  @Test("a doubled class is found, named, and over when it is over")
  func detection() {
    var generator = SplitMix(state: 6)
    var detector = detector(1, &generator)
    let flat = Array(repeating: 0.125, count: 8)
    for _ in 0..<1000 {
      _ = detector.add([draw([0.87, 0.13], &generator), draw(flat, &generator)])
    }
    #expect(!detector.isDrifted)
    var guilty: [String] = []
    for _ in 0..<800 where guilty.isEmpty {
      if let finding = detector.add([draw([0.7, 0.3], &generator), draw(flat, &generator)]),
        finding.isAlarm
      {
        guilty = detector.guilty(in: finding)
      }
    }
    #expect(guilty == ["class"])
    #expect(detector.isDrifted)
    for _ in 0..<1500 {
      _ = detector.add([draw([0.87, 0.13], &generator), draw(flat, &generator)])
    }
    #expect(!detector.isDrifted)
  }

  @Test("values that a text does not have are passed over")
  func missing() {
    var generator = SplitMix(state: 7)
    var detector = detector(1, &generator)
    for _ in 0..<1000 { _ = detector.add([-1, -1]) }
    #expect(detector.latest?.logEvidence == 0)
  }
}

@Suite("Health events")
struct HealthEventTests {
  private var record: PredictionRecord {
    var record = PredictionRecord()
    (record.time, record.requestID) = (1_700_000_000_123_456, "abc/1")
    record.requestHash = RequestHash.of(record.requestID)
    (record.latency, record.isTruncated, record.predicted) = (1234, true, 2)
    record.features = [1, 2.5, 0, .infinity]
    record.probabilities = [0.1, 0.2, 0.7]
    record.embedding = [-1.5, 3]
    record.fingerprint.exact = 99
    record.fingerprint.minima = [1, 2, 3, 4]
    record.text = "Grüße"
    return record
  }

  @Test("records read back as they were written, several in one datagram")
  func roundTrip() {
    let events: [HealthEvent] = [
      .prediction(record), .label(LateLabel(time: 5, requestHash: 6, label: 1, predicted: 0)),
      .label(LateLabel(time: -5, requestHash: .max, label: 3)), .prediction(PredictionRecord()),
    ]
    var bytes: [UInt8] = []
    for event in events { event.append(to: &bytes) }
    let parsed = HealthEvent.parse(bytes[...])
    #expect(parsed.events == events)
    #expect(parsed.isWhole)
  }

  @Test("a datagram cut or changed anywhere never traps and never invents a record")
  func damage() {
    var bytes: [UInt8] = []
    HealthEvent.prediction(record).append(to: &bytes)
    for count in 0..<bytes.count {
      let parsed = HealthEvent.parse(bytes[..<count])
      #expect(parsed.events.isEmpty)
      #expect(parsed.isWhole == (count == 0))
    }
    var generator = SplitMix(state: 1)
    for _ in 0..<20_000 {
      var damaged = bytes
      for _ in 0..<3 {
        damaged[Int.random(in: bytes.indices, using: &generator)] = UInt8.random(
          in: 0...255, using: &generator)
      }
      #expect(HealthEvent.parse(damaged[...]).events.count <= 1)
    }
  }

  @Test("repeated texts and those that nearly are, are told from new ones")
  func likeness() {
    func fingerprint(_ text: String) -> TextFingerprint {
      FeatureValues(text: text, tokenCount: 9, unknownTokenCount: 0).fingerprint
    }
    var recent = RecentTexts(capacity: 3)
    let text = "you have won a prize of a thousand pounds call this number now to claim it today"
    #expect(recent.add(fingerprint(text)) == .new)
    #expect(recent.add(fingerprint(text.uppercased())) == .same)
    #expect(recent.add(fingerprint(text + " x")) != .new)
    #expect(recent.add(fingerprint("see you at the shop")) == .new)
    #expect(recent.add(fingerprint("")) == .new)
    for index in 0..<5 { _ = recent.add(fingerprint("other words number \(index)")) }
    #expect(recent.add(fingerprint(text)) == .new)
  }
}
