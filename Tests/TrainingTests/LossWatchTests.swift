import Foundation
import Testing
import Training

@Suite("Watching the loss")
struct LossWatchTests {
  private func verdicts(_ losses: [Double], patience: Int = 10_000) -> [LossWatch.Verdict] {
    var watch = LossWatch(chance: log(4), patience: patience)
    return losses.map { watch.observe($0) }
  }

  private func falling(_ steps: Int) -> [Double] {
    (0..<steps).map { (step: Int) -> Double in
      let place = Double(step)
      return 0.2 + 1.2 * exp(-place / 40) + 0.05 * sin(place * 2.3)
    }
  }

  private func isSpike(_ verdict: LossWatch.Verdict) -> Bool {
    if case .spike = verdict { true } else { false }
  }

  private func hasDiverged(_ verdict: LossWatch.Verdict) -> Bool {
    if case .diverged = verdict { true } else { false }
  }

  @Test("A falling, noisy loss is fine throughout")
  func fine() {
    #expect(verdicts(falling(500)).allSatisfy { $0 == .fine })
  }

  @Test("One batch far out is a spike; many are divergence")
  func spikes() {
    let one = verdicts(falling(200) + [6] + falling(300).suffix(50))
    #expect(one.count { isSpike($0) } == 1)
    #expect(!one.contains { hasDiverged($0) })
    let many = verdicts(falling(200) + [6, 7, 6, 7, 6])
    #expect(many.contains { hasDiverged($0) })
  }

  @Test("One hard batch of a loss near 0 is no spike")
  func hardBatch() {
    let low = (0..<200).map { 0.02 + 0.005 * sin(Double($0)) }
    #expect(verdicts(low + [1.2] + low).allSatisfy { $0 == .fine })
  }

  @Test("A loss that climbs, or falls back to guessing, has diverged")
  func divergence() {
    let climb = falling(200) + (0..<200).map { 0.2 + 0.02 * Double($0) }
    #expect(verdicts(climb).contains { hasDiverged($0) })
    let collapse = falling(60) + [Double](repeating: log(4), count: 200)
    #expect(verdicts(collapse).contains { hasDiverged($0) })
  }

  @Test("A loss that stays at guessing is stuck, after patience; a loss that is no number is seen")
  func stuckAndNaN() {
    let flat = (0..<300).map { log(4) + 0.01 * sin(Double($0)) }
    let first = verdicts(flat, patience: 100).firstIndex(of: .stuck)
    #expect(first == 99)
    #expect(verdicts([1, .nan]).last == .notANumber)
    #expect(verdicts([.infinity]).last == .notANumber)
  }

  @Test("Guessing by the labels' shares has the loss of their entropy")
  func chance() {
    let even = LossWatch.chance(labels: [0, 1, 0, 1], classes: 2, smoothing: 0)
    #expect(abs(even - log(2)) < 1e-12)
    let skewed = LossWatch.chance(labels: [0, 0, 0, 1], classes: 2, smoothing: 0)
    #expect(abs(skewed - (-0.75 * log(0.75) - 0.25 * log(0.25))) < 1e-12)
    let balanced = LossWatch.chance(
      labels: [0, 0, 0, 1], classes: 2, smoothing: 0, classWeights: [2 / 3.0, 2])
    #expect(abs(balanced - log(2)) < 1e-6)
  }

  @Test("Of soft targets guessing cannot have their own entropy as a loss")
  func chanceOfDistributions() {
    // What is left is how much the rows' targets differ from their mean.
    let same = LossWatch.chance(
      labels: [0, 0], targets: [[0.7, 0.3], [0.7, 0.3]], classes: 2, smoothing: 0)
    #expect(abs(same) < 1e-6)
    let mixed = LossWatch.chance(
      labels: [0, 1], targets: [[0.9, 0.1], []], classes: 2, smoothing: 0)
    let own = -0.9 * log(0.9) - 0.1 * log(0.1)
    #expect(abs(mixed - (-0.45 * log(0.45) - 0.55 * log(0.55) - own / 2)) < 1e-6)
  }
}
