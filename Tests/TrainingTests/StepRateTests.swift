import Foundation
import JSON
import Tensor
import Testing
import Training
import Transformer

/// A run of `epochs` over `count` rows with a very small model; the rate of each step.
private func rates(
  _ count: Int, set: (inout TrainingOptions) -> Void
) throws -> (rates: [Double], result: TrainingResult) {
  var options = TrainingOptions()
  (options.watchesLoss, options.patience, options.wordDropout) = (false, 0, 0)
  set(&options)
  let parameters = ModelParameters(
    ModelShape(
      vocabularySize: 12, hiddenSize: 8, layerCount: 1, headCount: 1, feedForwardSize: 8,
      maximumTokens: 8, labels: ["a", "b"]))
  parameters.initialize(seed: 1)
  let rows = (0..<count).map { TrainingExample(ids: [2, Int32(5 + $0 % 2), 3], label: $0 % 2) }
  let trainer = try Trainer(
    parameters: parameters, options: options, kernels: Kernels.best(threads: 1), maskID: 1,
    maskable: { $0 > 3 })
  var rates: [Double] = []
  let result = try trainer.train(rows, validation: Array(rows.prefix(4))) {
    rates.append($0.learningRate)
  }
  return (rates, result)
}

@Suite("The rate of each step of a run")
struct StepRateTests {
  @Test(
    "A run of 1,000 steps has the rates of PyTorch's schedulers, the first and the last too",
    arguments: [
      ("linear", ScheduleShape.linear, 100), ("cosine", .cosine, 100),
      ("cosine-restarts", .cosineRestarts(firstPeriod: 100, multiplier: 2), 100),
      ("wsd", .warmupStableDecay(decayShare: 0.2, curve: .cosine), 100),
    ])
  func equal(name: String, shape: ScheduleShape, warmup: Int) throws {
    let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Fixtures/schedules.json")
    let want = try #require(try JSONValue(parsing: Data(contentsOf: url))[name]?.arrayValue)
      .compactMap(\.doubleValue)
    let run = try rates(20) {
      ($0.batchSize, $0.epochs, $0.learningRate) = (2, 100, 3e-4)
      ($0.schedule, $0.warmup) = (shape, .steps(warmup))
    }
    #expect(run.rates.count == 1000 && want.count == 1000)
    #expect(zip(run.rates, want).allSatisfy { abs($0 - $1) < 1e-9 * 3e-4 })
  }

  @Test("A run of one step learns at the peak", arguments: ScheduleShape.names)
  func oneStep(name: String) throws {
    let shape = try #require(ScheduleShape(name: name))
    let run = try rates(8) {
      ($0.epochs, $0.learningRate, $0.schedule) = (1, 1e-3, shape)
    }
    #expect(run.rates.count == 1 && run.result.steps == 1)
    // One cycle of one step is its end.
    #expect(name == "one-cycle" ? run.rates[0] > 0 : run.rates[0] == 1e-3)
  }

  @Test("Cosine restarts do not end at the peak, and the last step of a fall is none at rate 0")
  func ends() throws {
    for name in ["linear", "cosine", "cosine-restarts"] {
      let shape = try #require(ScheduleShape(name: name))
      let run = try rates(20) {
        ($0.batchSize, $0.epochs, $0.learningRate) = (2, 7, 1e-3)
        ($0.schedule, $0.warmup) = (shape, .steps(0))
      }
      let last = try #require(run.rates.last)
      #expect(run.rates[0] == 1e-3 && last > 0 && last < 1e-4, "\(name): \(last)")
    }
  }
}
