import Foundation
import Tensor
import Transformer

/// Training steps under the clock, on rows drawn from a seed.
public struct TrainingBenchmark {
  /// What was measured.
  public struct Timing: Sendable {
    /// Seconds of each step.
    public var seconds: [Double]
    /// Tokens of each step.
    public var tokens: [Int]

    /// Tokens a second, by the median of the steps' own figures.
    public var tokensPerSecond: Double {
      let rates = zip(tokens, seconds).map { Double($0) / $1 }.sorted()
      return rates.isEmpty ? 0 : rates[rates.count / 2]
    }
  }

  private let shape: ModelShape
  private let lengths: [[Int]]
  private let kernels: Kernels

  /// Steps over batches whose rows have these lengths, for a model of this shape.
  public init(_ shape: ModelShape, lengths: [[Int]], kernels: Kernels) {
    (self.shape, self.lengths, self.kernels) = (shape, lengths, kernels)
  }

  /// Multiply-adds of the linear layers in a step over `tokens` rows of which `sequences` are first
  /// ones, forward and backward: three products of the forward pass's size.
  public func operations(tokens: Int, sequences: Int) -> Double {
    3 * shape.productMultiplyAdds(tokens: tokens, kept: sequences)
  }

  /// Takes one step of AdamW for each batch, after `warmup` unmeasured ones.
  ///
  /// - Throws: `TrainingError`.
  public func run(seed: UInt64, warmup: Int = 3) throws -> Timing {
    var generator = SeededGenerator(seed: seed)
    let batches = lengths.map { rows in
      rows.map { length in
        TrainingExample(
          ids: (0..<length).map { _ in
            Int32(generator.next() % UInt64(shape.vocabularySize))
          }, label: Int(generator.next() % UInt64(shape.labels.count)))
      }
    }
    var options = TrainingOptions()
    (options.watchesLoss, options.wordDropout, options.subwordDropout) = (false, 0, 0)
    let parameters = ModelParameters(shape)
    parameters.initialize(seed: seed)
    let trainer = try Trainer(
      parameters: parameters, options: options, kernels: kernels, maskID: 0,
      maskable: { _ in false })
    trainer.beginProbe(batches.flatMap(\.self))
    var timing = Timing(seconds: [], tokens: [])
    let clock = ContinuousClock()
    var first = 0
    for (index, batch) in batches.enumerated() {
      let rows = Array(first..<first + batch.count)
      first += batch.count
      let start = clock.now
      _ = try trainer.probeStep(rows, learningRate: 1e-4)
      if index < warmup { continue }
      timing.seconds.append((clock.now - start) / .seconds(1))
      timing.tokens.append(batch.reduce(0) { $0 + $1.ids.count })
    }
    return timing
  }
}
