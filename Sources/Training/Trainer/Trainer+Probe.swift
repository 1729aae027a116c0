import Tensor
import Transformer

extension Trainer {
  /// Takes `steps` steps at the rates of `rate`, without looks or watching; `report` gets each step's
  /// number (from 0) and loss, and says whether to go on.
  func probe(
    _ examples: [TrainingExample], steps: Int, rate: (Int) -> Double,
    report: (Int, Double) -> Bool
  ) throws {
    beginProbe(examples)
    var step = 0
    while step < steps {
      // Rows of all lengths in each batch: the length often tells the label, and losses that follow it
      // would hide the rate's effect.
      let order = examples.indices.shuffled(using: &state.generator)
      for start in stride(from: 0, to: order.count, by: options.batchSize) where step < steps {
        let rows = order[start..<min(start + options.batchSize, order.count)]
        let loss = try probeStep(Array(rows), learningRate: rate(step))
        if !report(step, loss) { return }
        step += 1
      }
    }
  }
}
