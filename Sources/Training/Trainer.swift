import Foundation
import Tensor
import Transformer

/// One row as the model sees it.
public struct TrainingExample: Sendable {
  /// Token ids, special tokens included.
  public var ids: [Int32]
  /// Index of the label.
  public var label: Int

  /// A row.
  public init(ids: [Int32], label: Int) {
    self.ids = ids
    self.label = label
  }
}

/// What the trainer tells while it works.
public struct TrainingProgress: Sendable {
  /// Steps done, from 1.
  public var step: Int
  /// Steps of the whole run.
  public var totalSteps: Int
  /// Epoch, from 1.
  public var epoch: Int
  /// Smoothed training loss.
  public var loss: Double
  /// Learning rate of this step.
  public var learningRate: Double
  /// Tokens a second since the start.
  public var tokensPerSecond: Double
  /// Seconds that the rest will take at this speed.
  public var secondsLeft: Double
  /// The validation figures, after an epoch's last step.
  public var validation: ClassificationReport?
  /// Whether that validation is the best so far.
  public var isBest: Bool
}

/// What a run leaves behind.
public struct TrainingResult: Sendable {
  /// Weights of the best validation.
  public var parameters: EncoderParameters
  /// Its figures.
  public var validation: ClassificationReport
  /// Epoch of the best validation, from 1.
  public var bestEpoch: Int
  /// Epochs run.
  public var epochs: Int
  /// Tokens a second over the run.
  public var tokensPerSecond: Double
  /// Wall-clock seconds.
  public var seconds: Double
}

/// Trains a classifier: AdamW, warm-up and decay, clipping, early stopping on validation.
///
/// The same seed, data and options give the same bits at any number of threads.
public final class Trainer {
  private let options: TrainingOptions
  private let kernels: Kernels
  private let parameters: EncoderParameters
  private let gradients: EncoderParameters
  private let moments: (FloatBuffer, FloatBuffer)
  private let average: FloatBuffer?
  private let tape: EncoderTape
  private var generator: SeededGenerator
  private let maskable: (Int32) -> Bool
  private let maskID: Int32

  /// Trains `parameters` in place. Tokens for which `maskable` holds may be replaced by `maskID`.
  public init(
    parameters: EncoderParameters, options: TrainingOptions, kernels: Kernels, maskID: Int32,
    maskable: @escaping (Int32) -> Bool
  ) throws {
    try options.validate()
    self.parameters = parameters
    self.options = options
    self.kernels = kernels
    self.maskID = maskID
    self.maskable = maskable
    gradients = EncoderParameters(parameters.configuration)
    let count = parameters.buffer.count
    moments = (FloatBuffer(count: count), FloatBuffer(count: count))
    average = options.averageDecay > 0 ? FloatBuffer(count: count) : nil
    tape = EncoderTape(parameters: parameters, gradients: gradients, kernels: kernels)
    generator = SeededGenerator(seed: options.seed &* 0x5851_F42D_4C95_7F2D)
  }

  /// Runs to the end or to early stopping; `report` hears of every step.
  ///
  /// - Throws: `TrainingError.diverged` when the loss is no longer a number.
  public func train(
    _ training: [TrainingExample], validation: [TrainingExample],
    report: (TrainingProgress) -> Void
  ) throws -> TrainingResult {
    let sampler = BatchSampler(lengths: training.map(\.ids.count), batchSize: options.batchSize)
    let total = sampler.batchesPerEpoch * options.epochs
    let schedule = LearningRateSchedule(
      peak: options.learningRate, warmupSteps: Int(Double(total) * options.warmupShare),
      totalSteps: total, decay: options.decay)
    let best = EncoderParameters(parameters.configuration)
    var bestReport: ClassificationReport?
    var (bestEpoch, epochsRun, step, tokens, smoothed) = (0, 0, 0, 0, Double.nan)
    let clock = ContinuousClock()
    let start = clock.now
    func seconds() -> Double { (clock.now - start) / .seconds(1) }

    for epoch in 1...options.epochs {
      epochsRun = epoch
      let batches = sampler.epoch(using: &generator)
      for (index, rows) in batches.enumerated() {
        let examples = rows.map { training[$0] }
        let rate = schedule.rate(at: step + 1)
        step += 1
        let loss = try self.step(examples, number: step, learningRate: rate)
        smoothed = smoothed.isNaN ? loss : 0.95 * smoothed + 0.05 * loss
        tokens += examples.reduce(0) { $0 + $1.ids.count }
        var progress = TrainingProgress(
          step: step, totalSteps: total, epoch: epoch, loss: smoothed, learningRate: rate,
          tokensPerSecond: Double(tokens) / seconds(),
          secondsLeft: seconds() / Double(step) * Double(total - step), validation: nil,
          isBest: false)
        if index == batches.count - 1 {
          let figures = evaluate(validation)
          progress.validation = figures
          progress.isBest = bestReport.map { Self.isBetter(figures, than: $0) } ?? true
          if progress.isBest {
            (bestReport, bestEpoch) = (figures, epoch)
            best.buffer.copy(from: evaluated)
          }
        }
        report(progress)
      }
      if options.patience > 0 && epoch - bestEpoch >= options.patience { break }
    }
    return TrainingResult(
      parameters: best,
      validation: bestReport
        ?? ClassificationReport(
          labels: parameters.configuration.labels, truths: [], predictions: [], loss: .nan),
      bestEpoch: bestEpoch, epochs: epochsRun, tokensPerSecond: Double(tokens) / seconds(),
      seconds: seconds())
  }

  private static func isBetter(
    _ a: ClassificationReport, than b: ClassificationReport
  ) -> Bool {
    a.accuracy > b.accuracy || (a.accuracy == b.accuracy && a.loss < b.loss)
  }

  private func step(
    _ examples: [TrainingExample], number: Int, learningRate: Double
  ) throws -> Double {
    let batch = TokenBatch(examples.map { masked($0.ids) })
    let logits = tape.forward(batch, dropoutSeed: UInt32(truncatingIfNeeded: generator.next()))
    gradients.buffer.zero()
    let loss = CrossEntropy.loss(
      logits: logits, labels: examples.map(\.label), smoothing: Float(options.labelSmoothing),
      gradient: logits)
    guard loss.isFinite else {
      throw TrainingError.diverged(step: number, learningRate: learningRate)
    }
    tape.backward(logits)
    let norm = kernels.squaredNorm(gradients.buffer).squareRoot()
    guard norm.isFinite else {
      throw TrainingError.diverged(step: number, learningRate: learningRate)
    }
    let clip = options.clipNorm > 0 && norm > options.clipNorm ? options.clipNorm / norm : 1
    var update = AdamWStep(
      learningRate: Float(learningRate), step: number, gradientScale: Float(clip))
    for entry in parameters.entries {
      let isTable = entry.name.hasPrefix("embeddings.") && entry.decays
      update.learningRate = Float(learningRate * (isTable ? options.embeddingRateScale : 1))
      update.weightDecay = entry.decays ? Float(options.weightDecay) : 0
      kernels.adamW(
        weights: parameters.buffer, gradient: gradients.buffer, moments: moments,
        range: entry.range, step: update)
    }
    tape.packWeights()
    if let average {
      // The usual correction of a short history: early on the average follows more closely.
      let keep = min(options.averageDecay, Double(number) / Double(number + 10))
      kernels.average(parameters.buffer, into: average, keep: Float(keep))
    }
    return loss
  }

  private func masked(_ ids: [Int32]) -> [Int32] {
    guard options.wordDropout > 0 else { return ids }
    return ids.map { id in
      generator.unit() < options.wordDropout && maskable(id) ? maskID : id
    }
  }

  private var evaluated: FloatBuffer { average ?? parameters.buffer }

  private func evaluate(_ examples: [TrainingExample]) -> ClassificationReport {
    let encoder = Encoder(
      Encoder.Weights(parameters.over(evaluated), kernels: kernels), kernels: kernels)
    return Evaluation.report(
      encoder, labels: parameters.configuration.labels, examples: examples)
  }
}

/// Runs a model over labelled rows.
public enum Evaluation {
  /// Figures of `encoder` on `examples`, in batches of similar length.
  public static func report(
    _ encoder: Encoder, labels: [String], examples: [TrainingExample], batchSize: Int = 64
  ) -> ClassificationReport {
    let order = examples.indices.sorted { examples[$0].ids.count < examples[$1].ids.count }
    var (truths, predictions, loss) = ([Int](), [Int](), 0.0)
    for start in stride(from: 0, to: order.count, by: batchSize) {
      let rows = order[start..<min(start + batchSize, order.count)].map { examples[$0] }
      let logits = encoder.logits(TokenBatch(rows.map(\.ids)))
      for (index, row) in rows.enumerated() {
        let values = logits.row(index).map(Double.init)
        let top = values.max() ?? 0
        let total = values.reduce(0) { $0 + exp($1 - top) }
        loss += top + log(total) - values[row.label]
        truths.append(row.label)
        predictions.append(values.firstIndex(of: top) ?? 0)
      }
    }
    return ClassificationReport(
      labels: labels, truths: truths, predictions: predictions,
      loss: loss / Double(max(1, examples.count)))
  }
}
