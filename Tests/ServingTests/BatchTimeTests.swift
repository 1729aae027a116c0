import Serving
import Testing

@Suite struct BatchTimeTests {
  private func measured(_ batches: [(tokens: Int, nanoseconds: Int64)]) -> BatchTime {
    var time = BatchTime()
    for batch in batches {
      time.record(tokens: batch.tokens, estimate: batch.tokens, nanoseconds: batch.nanoseconds)
    }
    return time
  }

  @Test func nothingIsKnownBeforeABatch() {
    let time = BatchTime()
    #expect(!time.isKnown && time.nanoseconds(tokens: 100) == 0 && time.tokenLimit == 0)
  }

  @Test func aLineWithAnOffsetIsFoundBetweenAndBeyondWhatWasMeasured() {
    let time = measured(
      (0..<200).map { index in
        let tokens = 8 * (1 + index % 16)
        return (tokens, 2_000_000 + 50_000 * Int64(tokens))
      })
    for tokens in [8, 40, 100, 128, 200] {
      let expected = 2_000_000 + 50_000 * Double(tokens)
      #expect(abs(Double(time.nanoseconds(tokens: tokens)) / expected - 1) < 0.05, "\(tokens)")
    }
  }

  @Test func aFewBatchesThatWereHeldUpDoNotCount() {
    var batches = (0..<50).map { _ in (tokens: 100, nanoseconds: Int64(10_000_000)) }
    batches.append((100, 60_000_000_000))
    let time = measured(batches)
    #expect(time.nanoseconds(tokens: 100) < 15_000_000)
  }

  @Test func aChangeOfSpeedIsLearned() {
    let time = measured(
      (0..<100).map { (100, $0 < 50 ? 10_000_000 : 80_000_000) })
    #expect(abs(time.nanoseconds(tokens: 100) - 80_000_000) < 4_000_000)
  }

  @Test func largerBatchesAreTriedStepByStep() {
    var time = measured([(100, 10_000_000)])
    // Nothing speaks against a gain yet.
    #expect(time.nanoseconds(tokens: 200) < 12_000_000 && time.tokenLimit == 400)
    // What waits is not reckoned by a gain that nobody has seen.
    #expect(time.nanoseconds(estimate: 2000) == 200_000_000)
    time.record(tokens: 400, estimate: 400, nanoseconds: 40_000_000)
    #expect(time.nanoseconds(tokens: 200) == 20_000_000 && time.tokenLimit == 1600)
  }

  @Test func tokensThatTheBytesDoNotTellAreLearned() {
    var time = BatchTime()
    for _ in 0..<50 { time.record(tokens: 300, estimate: 100, nanoseconds: 1) }
    #expect(abs(time.tokens(estimate: 100) - 300) <= 3)
  }
}
