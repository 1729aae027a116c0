import Health
import Prefork
import Testing

@Suite("Predictions that wait for their labels")
struct FeedbackTableTests {
  @Test("a label is taken once, by whichever worker gets it, and another one takes its place")
  func feedback() throws {
    let memory = try SharedMemory(byteCount: HealthCounters.byteCount(slots: 2))
    let recorder = try HealthCounters(in: memory, slots: 2).recorder
    let (a, b, c) = (RequestHash.of("a"), RequestHash.of("b/0"), RequestHash.of("c"))
    recorder.remember(key: a, predicted: 1)
    recorder.remember(key: b, predicted: 0)
    func tell(_ key: UInt64, _ label: Int) -> FeedbackOutcome {
      recorder.feedback(key: key, labelIndex: label).outcome
    }
    #expect(tell(a, 1) == .counted(wasCorrect: true))
    #expect(tell(a, 1) == .alreadyCounted)
    #expect(tell(a, 0) == .replaced(previous: 1, wasCorrect: false))
    #expect(tell(a, 1) == .replaced(previous: 0, wasCorrect: true))
    #expect(tell(b, 1) == .counted(wasCorrect: false))
    #expect(tell(RequestHash.of("b"), 1) == .unknownRequest)
    // What weights before a reload predicted is known for that.
    recorder.announce(generation: 5)
    recorder.announce(generation: 6)
    recorder.remember(key: c, predicted: 1, generation: 5)
    #expect(recorder.remembers(key: c, generation: 6))
    #expect(!recorder.remembers(key: c ^ 1 << 40, generation: 6))
    let late = recorder.feedback(key: c, labelIndex: 1, generation: 6)
    #expect(late.outcome == .counted(wasCorrect: true))
    #expect(late.predicted == 1 && late.generation == 5)
    for generation in 100..<150 { recorder.announce(generation: UInt64(generation)) }
    #expect(!recorder.remembers(key: c, generation: 6))
  }
}
