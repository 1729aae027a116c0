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

  private let configuration: EncoderConfiguration
  private let lengths: [[Int]]
  private let kernels: Kernels

  /// Steps over batches whose rows have these lengths, for a model of this shape.
  public init(_ configuration: EncoderConfiguration, lengths: [[Int]], kernels: Kernels) {
    (self.configuration, self.lengths, self.kernels) = (configuration, lengths, kernels)
  }

  /// Multiply-adds of the linear layers in a step over `tokens` rows of which `sequences` are first
  /// ones, forward and backward: three products of the forward pass's size.
  public func operations(tokens: Int, sequences: Int) -> Double {
    let c = configuration
    let (d, f) = (Double(c.hiddenSize), Double(c.feedForwardSize))
    let full = Double(c.layerCount - 1) * (4 * d * d + 2 * d * f) + 3 * d * d
    let last = d * d + 2 * d * f
    return 3 * (Double(tokens) * full + Double(sequences) * last)
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
            Int32(generator.next() % UInt64(configuration.vocabularySize))
          }, label: Int(generator.next() % UInt64(configuration.labels.count)))
      }
    }
    var options = TrainingOptions()
    (options.watchesLoss, options.wordDropout, options.subwordDropout) = (false, 0, 0)
    let parameters = EncoderParameters(configuration)
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
      _ = trainer.probeStep(rows, learningRate: 1e-4)
      if index < warmup { continue }
      timing.seconds.append((clock.now - start) / .seconds(1))
      timing.tokens.append(batch.reduce(0) { $0 + $1.ids.count })
    }
    return timing
  }
}
