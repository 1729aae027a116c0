import Foundation
import Testing
import Training

@Suite("Range test")
struct RangeTestTests {
  /// A loss that falls between 1e-4 and 1e-2 and breaks at 1e-1, with a little noise.
  private func points(breaks: Bool) -> [RangeTest.Point] {
    let test = RangeTest()
    return (0..<test.steps).map { index in
      let rate = test.rate(index)
      let x = log10(rate)
      let fall = 1 / (1 + exp(3 * (x + 3)))
      let rise = breaks && x > -1 ? 5 * (x + 1) : 0
      let loss = 0.2 + 1.8 * fall + rise + 0.005 * sin(Double(index) * 1.7)
      return RangeTest.Point(rate: rate, loss: loss, smoothed: loss)
    }
  }

  @Test("It finds the steepest point, where the loss breaks, and chooses below both")
  func finding() {
    let finding = RangeTest.find(points(breaks: true))
    #expect(finding.steepest > 4e-4 && finding.steepest < 2.5e-3, "\(finding.steepest)")
    #expect(finding.diverged && finding.divergence > 0.09 && finding.divergence < 0.2)
    #expect(finding.choice < finding.steepest && finding.choice <= finding.divergence / 5)
    #expect(finding.isConclusive)
  }

  @Test("A loss that never breaks is said to be so; one that never falls is inconclusive")
  func edges() {
    #expect(!RangeTest.find(points(breaks: false)).diverged)
    let flat = points(breaks: false).map { RangeTest.Point(rate: $0.rate, loss: 1, smoothed: 1) }
    #expect(!RangeTest.find(flat).isConclusive)
    #expect(!RangeTest.find([]).isConclusive)
  }

  @Test("The rate rises by a constant factor, and senseless ranges are refused")
  func ramp() throws {
    let test = RangeTest(low: 1e-5, high: 1e-1, steps: 41)
    #expect(abs(test.rate(0) - 1e-5) < 1e-18 && abs(test.rate(40) - 1e-1) < 1e-12)
    #expect(abs(test.rate(10) / 1e-4 - 1) < 1e-9)
    for bad in [
      RangeTest(low: 0), RangeTest(low: 1, high: 0.1), RangeTest(steps: 3),
      RangeTest(high: .infinity), RangeTest(low: .nan),
    ] {
      #expect(throws: TrainingError.self) { try bad.validate() }
    }
  }
}
