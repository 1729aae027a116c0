import Health
import Testing

/// Streams of labels with a given rate of errors, against a reference whose rate is 0.10.
@Suite("Errors against the reference")
struct ConceptMonitorTests {
  private static func reference(_ count: Int, rate: Double = 0.1, seed: UInt64) throws
    -> ReferenceProfile.Labelled?
  {
    var generator = SplitMix(state: seed &* 7_919)
    var builder = ReferenceProfile.Builder(labels: ["a", "b"])
    let values = FeatureValues(text: "a", tokenCount: 1, unknownTokenCount: 0)
    for index in 0..<count {
      let isError = generator.uniform() < rate
      let label = index % 2
      let predicted = isError ? 1 - label : label
      builder.add(values, probabilities: predicted == 1 ? [0.1, 0.9] : [0.9, 0.1], label: label)
    }
    return try builder.build().labelled
  }

  private struct Run {
    var early = false
    var delay: Int?
  }

  /// - Parameter change: the label from which on an alarm is right.
  private static func run(
    _ reference: ReferenceProfile.Labelled?, _ seed: UInt64, _ phases: [(count: Int, rate: Double)],
    _ change: Int
  ) -> Run {
    var generator = SplitMix(state: seed &* 104_729)
    var monitor = ConceptMonitor(labelled: reference, classCount: 2)
    var (run, index) = (Run(), 0)
    for phase in phases {
      for _ in 0..<phase.count {
        let label = Int(generator.next() % 2)
        let isError = generator.uniform() < phase.rate
        monitor.add(label: label, predicted: isError ? 1 - label : label)
        index += 1
        guard monitor.state.isWorse else { continue }
        if index <= change {
          run.early = true
        } else if run.delay == nil {
          run.delay = index - change
        }
      }
    }
    return run
  }

  private func runs(_ phases: [(count: Int, rate: Double)], change: Int) throws -> [Run] {
    try (1...200).map { seed in
      try Self.run(Self.reference(635, seed: seed), seed, phases, change)
    }
  }

  @Test("a model that was better for long and is as on the reference again is not called worse")
  func betterAndBack() throws {
    let runs = try runs([(500, 0.1), (3000, 0.01), (1500, 0.1)], change: 5000)
    // One in a hundred for each of ten windows of 500 would be twenty.
    #expect(runs.count { $0.early } <= 20)
  }

  @Test("without a change the alarm keeps its level of one in a hundred for 500 labels")
  func falseAlarms() throws {
    let runs = try runs([(2000, 0.1)], change: 2000)
    #expect(runs.count { $0.early } <= 8)
  }

  @Test(
    "twice as many errors are found within some hundred labels, a model that guesses within tens",
    arguments: [(0.2, 300, 800), (0.6, 25, 40)])
  func worse(_ rate: Double, _ median: Int, _ nineInTen: Int) throws {
    let delays = try runs([(450, 0.1), (2000, rate)], change: 450).map { $0.delay ?? .max }.sorted()
    #expect(delays[100] <= median && delays[180] <= nineInTen, "\(delays[100]), \(delays[180])")
  }

  @Test("one class alone that goes wrong is found and named, and is over once it is right again")
  func oneClass() throws {
    let labelled = try Self.reference(635, seed: 1)
    var monitor = ConceptMonitor(labelled: labelled, classCount: 2)
    var generator = SplitMix(state: 3)
    func feed(_ count: Int, flipped: Bool) {
      for index in 0..<count {
        let isError = flipped && index % 8 == 1 || generator.uniform() < 0.1
        monitor.add(label: index % 2, predicted: isError ? 1 - index % 2 : index % 2)
      }
    }
    feed(600, flipped: false)
    #expect(!monitor.state.isWorse)
    for _ in 0..<6 { feed(96, flipped: true) }
    #expect(monitor.state.isWorse)
    for _ in 0..<15 { feed(96, flipped: false) }
    #expect(!monitor.state.isWorse)
  }
}
