import Foundation
import JSON
import Testing
import Training

/// `Tests/Reference/schedules.py` made the numbers.
private func fixture() throws -> JSONValue {
  let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("Fixtures/schedules.json")
  return try JSONValue(parsing: try Data(contentsOf: url))
}

private func numbers(_ json: JSONValue?) throws -> [Double] {
  try #require(json?.arrayValue).compactMap(\.doubleValue)
}

@Suite("Schedules equal PyTorch's and transformers' over 1,000 steps")
struct ScheduleTests {
  private static let peak = 3e-4

  static let cases: [(String, ScheduleShape, Int, Double)] = [
    ("constant", .constant, 100, 0), ("linear", .linear, 100, 0), ("cosine", .cosine, 100, 0),
    ("cosine-floor", .cosine, 0, 0.1),
    ("cosine-restarts", .cosineRestarts(firstPeriod: 100, multiplier: 2), 100, 0),
    ("cosine-restarts-1", .cosineRestarts(firstPeriod: 130, multiplier: 1), 0, 0.05),
    ("polynomial", .polynomial(power: 3), 100, 0.02),
    ("exponential", .exponential(final: 0.01), 100, 0),
    ("inverse-sqrt", .inverseSquareRoot, 100, 0),
    ("inverse-sqrt-cold", .inverseSquareRoot, 0, 0),
    ("step", .step(every: 250, factor: 0.3), 100, 0),
    ("wsd", .warmupStableDecay(decayShare: 0.2, curve: .cosine), 100, 0),
    ("wsd-1-sqrt", .warmupStableDecay(decayShare: 0.2, curve: .oneMinusSquareRoot), 100, 0),
    ("wsd-linear", .warmupStableDecay(decayShare: 0.25, curve: .linear), 0, 0.1),
  ]

  @Test(arguments: cases)
  func equal(_ name: String, _ shape: ScheduleShape, _ warmup: Int, _ floor: Double) throws {
    let want = try numbers(try fixture()[name])
    let schedule = LearningRateSchedule(
      peak: Self.peak, warmupSteps: warmup, totalSteps: 1000, shape: shape, floor: floor)
    #expect(want.count == 1000)
    let worst = want.enumerated().map { abs($1 - schedule.rate(at: $0)) }.max() ?? 1
    #expect(worst < 1e-9 * Self.peak, "\(name) differs by \(worst)")
  }

  @Test func oneCycle() throws {
    let want = try numbers(try fixture()["one-cycle"])
    let schedule = LearningRateSchedule(
      peak: Self.peak, warmupSteps: 0, totalSteps: 1001,
      shape: .oneCycle(risingShare: 0.3, startDivisor: 25, finalDivisor: 1e4))
    for (step, rate) in want.enumerated() {
      #expect(abs(schedule.rate(at: step) - rate) < 1e-9 * Self.peak)
    }
  }

  @Test("The 2017 paper's formula with the width of the model")
  func paper() throws {
    let want = try numbers(try fixture()["paper"])
    let schedule = LearningRateSchedule(
      peak: LearningRateSchedule.paperPeak(modelWidth: 512, warmupSteps: 100), warmupSteps: 100,
      totalSteps: 1000, shape: .inverseSquareRoot)
    for (step, rate) in want.enumerated() {
      #expect(abs(schedule.rate(at: step) - rate) < 1e-9 * schedule.peak)
    }
  }

  @Test func plateau() throws {
    let json = try fixture()["plateau"]
    var reducer = PlateauReducer(
      factor: 0.3, patience: 12, threshold: 1e-4, cooldown: 5, minimumScale: 1e-3)
    var falls = 0
    for (loss, rate) in zip(try numbers(json?["losses"]), try numbers(json?["rates"])) {
      if reducer.observe(loss) { falls += 1 }
      #expect(abs(reducer.scale * Self.peak - rate) < 1e-9 * Self.peak)
    }
    #expect(falls > 3)
  }

  @Test("Every name has a shape, and every shape stays between 0 and the peak")
  func names() throws {
    for name in ScheduleShape.names {
      let shape = try #require(ScheduleShape(name: name))
      #expect(shape.name == name)
      for (warmup, total) in [(0, 1), (1, 2), (10, 1000), (0, 7)] {
        let schedule = LearningRateSchedule(
          peak: 1, warmupSteps: warmup, totalSteps: total, shape: shape)
        for step in 0...total + 3 {
          let rate = schedule.rate(at: step)
          #expect(rate >= -1e-12 && rate <= 1 + 1e-12, "\(name) at \(step) of \(total): \(rate)")
        }
      }
    }
    #expect(ScheduleShape(name: "cosinus") == nil)
  }

  @Test("A warm-up is steps, a share or a percentage")
  func warmup() throws {
    #expect(WarmupLength("100") == .steps(100) && WarmupLength("0.1") == .share(0.1))
    #expect(WarmupLength("5%") == .share(0.05) && WarmupLength("soon") == nil)
    #expect(WarmupLength.share(0.1).steps(of: 250) == 25)
    #expect(throws: TrainingError.self) { try WarmupLength.steps(100).validate(totalSteps: 100) }
    #expect(throws: TrainingError.self) { try WarmupLength.share(1.5).validate() }
    #expect(throws: TrainingError.self) { try WarmupLength.steps(-1).validate() }
    try WarmupLength.steps(99).validate(totalSteps: 100)
  }
}
