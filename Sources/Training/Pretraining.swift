import Foundation
import Tensor
import Transformer

/// Masked-language-model training on a task's own texts, before their labels are used (Devlin et al.,
/// 2019, section 3.1): a share of the tokens is hidden, and the encoder learns to tell them from the rest.
///
/// The scores of the words are the products of hidden states and embedding rows, over √d, so that no
/// further weights are needed.
public struct Pretraining {
  /// Passes over the texts.
  public var epochs: Int
  /// Share of tokens to be told.
  public var share = 0.15
  /// Highest rate of AdamW, behind a tenth of warm-up and before a linear fall.
  public var learningRate = 1e-3
  /// Rows a step.
  public var batchSize = 32
  /// Decides what is hidden.
  public var seed: UInt64

  /// With the defaults of BERT but for the rate.
  public init(epochs: Int, seed: UInt64) { (self.epochs, self.seed) = (epochs, seed) }

  /// Changes the encoder of `parameters`, not its head; `report` gets each epoch's mean loss.
  ///
  /// - Throws: `EmptySequence` for an example without tokens.
  /// - Parameters:
  ///   - maskID: stands for a hidden token.
  ///   - special: ids that are never hidden.
  /// - Throws: `TrainingError.noFiniteLoss` where no step of an epoch had a finite loss.
  public func run(
    _ parameters: ModelParameters, examples: [TrainingExample], maskID: Int32,
    special: Set<Int32>, kernels: Kernels, report: (Int, Double) -> Void
  ) throws {
    let gradients = ModelParameters(parameters.shape)
    let tape = EncoderTape(parameters: parameters, gradients: gradients, kernels: kernels)
    let optimizer = Optimizer(parameters, options: OptimizerOptions(), kernels: kernels)
    let updates = parameters.tensors.map {
      TensorUpdate(rateScale: $0.key.place == .head ? 0 : 1, decays: $0.decays)
    }
    var generator = SeededGenerator(seed: seed ^ 0x4D4C_4D00)
    let sampler = BatchSampler(lengths: examples.map(\.ids.count), batchSize: batchSize)
    let total = sampler.batchesPerEpoch * epochs
    let schedule = LearningRateSchedule(
      peak: learningRate, warmupSteps: total / 10, totalSteps: total, shape: .linear)
    let head = TiedHead(parameters, gradients, kernels)
    var step = 0
    for epoch in 1...max(1, epochs) {
      var (sum, count, lost) = (0.0, 0, 0)
      for rows in sampler.epoch(using: &generator) {
        let masked = hide(rows.map { examples[$0].ids }, maskID, special, &generator)
        let rate = schedule.rate(at: step)
        step += 1
        guard !masked.places.isEmpty else { continue }
        gradients.buffer.zero()
        let states = tape.states(
          try TokenBatch(masked.rows), rows: masked.places,
          dropoutSeed: UInt32(truncatingIfNeeded: generator.next()))
        let (loss, gradient) = head.step(states, truths: masked.truths)
        lost += 1
        guard loss.isFinite else { continue }
        tape.backwardStates(gradient)
        let norm = kernels.squaredNorm(gradients.buffer).squareRoot()
        guard norm.isFinite else { continue }
        lost -= 1
        optimizer.step(
          gradients: gradients, learningRate: rate, weightDecay: 0.01,
          number: step, gradientScale: norm > 1 ? 1 / norm : 1, updates: updates)
        tape.packWeights()
        (sum, count) = (sum + loss, count + 1)
      }
      if count == 0 && lost > 0 { throw TrainingError.noFiniteLoss }
      if count > 0 { report(epoch, sum / Double(count)) }
    }
  }

  /// Of the tokens to be told, eight in ten are masked, one becomes a token of the same row, one stays.
  private func hide(
    _ rows: [[Int32]], _ maskID: Int32, _ special: Set<Int32>, _ generator: inout SeededGenerator
  ) -> (rows: [[Int32]], places: [Int], truths: [Int]) {
    var (places, truths, place) = ([Int](), [Int](), 0)
    let hidden = rows.map { row in
      row.map { id -> Int32 in
        defer { place += 1 }
        guard !special.contains(id), generator.unit() < share else { return id }
        places.append(place)
        truths.append(Int(id))
        switch generator.unit() {
        case ..<0.8: return maskID
        case ..<0.9: return row[Int(generator.next() % UInt64(row.count))]
        default: return id
        }
      }
    }
    return (hidden, places, truths)
  }
}

/// Scores of all words by the embedding table, forward and backward.
private struct TiedHead {
  private let words: Matrix
  private let gradients: Matrix
  private let kernels: Kernels
  private let forward: PackedMatrix
  private let backward: PackedMatrix
  private let scale: Float

  init(_ parameters: ModelParameters, _ gradients: ModelParameters, _ kernels: Kernels) {
    words = parameters.words
    self.gradients = gradients.words
    self.kernels = kernels
    forward = .transposing(words, kernels: kernels)
    backward = .direct(words, kernels: kernels)
    scale = 1 / Float(words.columns).squareRoot()
  }

  /// The loss over `states` [m, d], and its gradient by them; adds to the table's gradient.
  func step(_ states: Matrix, truths: [Int]) -> (Double, Matrix) {
    let scaled = Matrix(
      rows: states.rows, columns: states.columns, states.values.map { $0 * scale })
    forward.repack(words, transposed: true, kernels: kernels)
    backward.repack(words, transposed: false, kernels: kernels)
    let logits = Matrix(rows: states.rows, columns: words.rows)
    kernels.linear(scaled, forward, output: logits)
    let loss = CrossEntropy.loss(logits: logits, labels: truths, gradient: logits)
    let scratch = PackedMatrix(depth: states.rows, columns: states.columns, kernels: kernels)
    kernels.linearWeightGradient(
      outputGradient: logits, input: scaled, weightGradient: gradients, scratch: scratch)
    let gradient = Matrix(rows: states.rows, columns: states.columns)
    kernels.linear(logits, backward, output: gradient)
    return (
      loss,
      Matrix(
        rows: states.rows, columns: states.columns, gradient.values.map { $0 * scale })
    )
  }
}
