import Health
import Logging
import Prefork
import Testing

@Suite("Health counters, feedback and drift")
struct DriftMonitorTests {
  /// xorshift64*, so that each run draws the same texts.
  private struct Draws {
    var state: UInt64 = 0x9E37_79B9_7F4A_7C15

    mutating func below(_ bound: Int) -> Int {
      state ^= state >> 12
      state ^= state << 25
      state ^= state >> 27
      return Int((state &* 2_685_821_657_736_338_717) >> 33) % bound
    }
  }

  private func text(_ draws: inout Draws) -> String {
    String(repeating: "word ", count: 1 + draws.below(20))
  }

  private func features(_ text: String) -> FeatureValues {
    FeatureValues(text: text, tokenCount: text.count / 4, unknownTokenCount: 0)
  }

  private func setUp() throws -> (HealthCounters, ReferenceProfile, Draws) {
    let memory = try SharedMemory(byteCount: HealthCounters.byteCount(slots: 2))
    let counters = try HealthCounters(in: memory, slots: 2)
    var draws = Draws()
    var builder = ReferenceProfile.Builder(labels: ["ham", "spam"])
    for index in 0..<2000 {
      builder.add(
        features(text(&draws)), probabilities: index % 4 == 0 ? [0.08, 0.92] : [0.92, 0.08])
    }
    return (counters, try builder.build(), draws)
  }

  @Test(
    "like traffic is stable, other traffic raises one alarm for each feature, and a return ends it")
  func drift() throws {
    var (counters, reference, draws) = try setUp()
    var monitor = DriftMonitor(reference: reference)
    var events: [DriftMonitor.Event] = []
    func serve(_ count: Int, _ make: (inout Draws) -> String) {
      for index in 0..<count {
        counters.recorder(slot: index % 2).count(
          features(make(&draws)), predicted: index % 4 == 0 ? 1 : 0, confidence: 0.92)
        if index % 50 == 49 {
          events += monitor.observe(counters.snapshot(classCount: 2), at: Double(index))
        }
      }
    }
    serve(150, text)
    #expect(monitor.readings.allSatisfy { $0.index == nil })
    serve(1850, text)
    #expect(events.isEmpty)
    #expect(monitor.readings.allSatisfy { $0.index != nil })
    serve(600) { _ in "ВЫ ВЫИГРАЛИ 100" }
    let begun = events.map(\.reading.name)
    #expect(Set(begun).isSuperset(of: ["script", "digit_share", "uppercase_share", "characters"]))
    #expect(Set(begun).count == begun.count && events.allSatisfy(\.hasBegun))
    #expect(!begun.contains("class") && !begun.contains("confidence"))
    events = []
    serve(1500, text)
    #expect(Set(events.map(\.reading.name)) == Set(begun))
    #expect(events.allSatisfy { !$0.hasBegun })
  }

  @Test("feedback counts once, for whichever worker gets it")
  func feedback() throws {
    let (counters, reference, _) = try setUp()
    let values = features("some text")
    for (requestID, predicted) in [("a", 1), ("b/0", 0)] {
      counters.recorder(slot: 0).count(values, predicted: predicted, confidence: 0.8)
      counters.recorder(slot: 0).remember(
        key: FeedbackKey.of(requestID: requestID, model: nil), predicted: predicted)
    }
    let other = counters.recorder(slot: 1)
    #expect(other.feedback(requestID: "a", labelIndex: 1) == .counted(wasCorrect: true))
    #expect(other.feedback(requestID: "a", labelIndex: 1) == .alreadyCounted)
    #expect(
      other.feedback(requestID: "a", labelIndex: 0) == .replaced(previous: 1, wasCorrect: false))
    #expect(
      counters.recorder(slot: 0).feedback(requestID: "a", labelIndex: 1)
        == .replaced(previous: 0, wasCorrect: true))
    #expect(other.feedback(requestID: "b/0", labelIndex: 1) == .counted(wasCorrect: false))
    #expect(other.feedback(requestID: "b", labelIndex: 1) == .unknownRequest)
    // What weights before a reload predicted is known for that, and not counted as the present ones' answers.
    let key = FeedbackKey.of(requestID: "c", model: nil)
    other.announce(generation: 5)
    counters.recorder(slot: 0).announce(generation: 6)
    other.remember(key: key, predicted: 1, generation: 5)
    #expect(other.remembers(key: key, generation: 6))
    #expect(!other.remembers(key: key ^ 1 << 40, generation: 6))
    let late = counters.recorder(slot: 0).feedback(
      key: key, labelIndex: 1, isDefault: true, generation: 6)
    #expect(late.outcome == .counted(wasCorrect: true))
    #expect(late.predicted == 1 && late.generation == 5)
    for generation in 100..<150 { other.announce(generation: UInt64(generation)) }
    #expect(!other.remembers(key: key, generation: 6))
    let snapshot = counters.snapshot(classCount: 2)
    #expect(snapshot.labelledAs == [0, 2])
    #expect(snapshot.labelledPredictedAs == [1, 1])
    #expect(snapshot.hits == [0, 1])
    let monitor = HealthMonitor(
      counters: counters, labels: ["ham", "spam"], reference: reference,
      log: Logger(label: "test"))
    #expect(monitor.json["feedback"]?["accuracy"]?.doubleValue == 0.5)
    #expect(monitor.json["verdict"]?.stringValue == "too few texts")
    #expect(monitor.metrics.contains("martlet_feedback_total{correct=\"true\"} 2.0\n"))
  }
}
