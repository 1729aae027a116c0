import Tensor
import Transformer

extension Trainer {
  /// Takes `steps` steps at the rates of `rate`, without looks or watching; `report` gets each step's
  /// number (from 0) and loss, and says whether to go on.
  func probe(
    _ examples: [TrainingExample], steps: Int, rate: (Int) -> Double,
    report: (Int, Double) -> Bool
  ) throws {
    let sampler = BatchSampler(lengths: examples.map(\.ids.count), batchSize: options.batchSize)
    beginProbe(examples)
    var step = 0
    while step < steps {
      let batches = sampler.epoch(using: &state.generator)
      for rows in batches where step < steps {
        let loss = probeStep(rows, learningRate: rate(step))
        if !report(step, loss) { return }
        step += 1
      }
    }
  }
}
