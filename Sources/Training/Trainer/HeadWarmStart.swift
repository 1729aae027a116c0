import Foundation
import Tensor
import Transformer

/// Fits a new head's last layer to the encoder as it is, before all weights learn: a random head would
/// first send the encoder gradients that mean nothing ("LP-FT", Kumar et al., 2022).
///
/// What the layer reads is computed once; a regression of the task's loss over it then takes seconds.
struct HeadWarmStart {
  /// Rows looked at, at most.
  var rows = 20_000
  /// Rows a step.
  var batchSize = 64
  /// Steps, as far as the bounds of `epochs` let.
  var steps = 3000
  /// Fewest and most passes over the rows.
  var epochs = 3...20
  /// AdamW's rate at the start; it falls linearly to 0.
  var learningRate = 1e-3
  /// Decides rows and order.
  let seed: UInt64
  /// What is fitted.
  let loss: TaskLoss

  init(seed: UInt64, loss: TaskLoss) { (self.seed, self.loss) = (seed, loss) }

  /// Changes the classifier of `parameters`; the same bits for any number of threads.
  func run(_ parameters: ModelParameters, examples: [TrainingExample], kernels: Kernels) throws {
    guard let weight = parameters[.head, .classifier, .weight],
      let bias = parameters[.head, .classifier, .bias],
      !examples.isEmpty
    else { return }
    var generator = SeededGenerator(seed: seed ^ 0x4845_4144)
    let chosen = examples.indices.shuffled(using: &generator).prefix(rows).map { examples[$0] }
    let (features, sorted) = try Self.features(parameters, chosen, kernels)
    let scale = Self.standardize(features)
    let fit = regression(
      features, sorted, start: bias, columns: weight.columns, classes: weight.rows, &generator,
      kernels)
    // The regression read (x − mean) / deviation; the head reads x.
    for row in 0..<weight.rows {
      var shift = 0.0
      for column in 0..<weight.columns {
        let value = Double(fit.weight[row, column]) / scale.deviation
        weight[row, column] = Float(value)
        shift += value * scale.mean[column]
      }
      bias[0, row] = fit.bias[0, row] - Float(shift)
    }
  }

  /// What the head's last layer reads of each row, and the rows in the same order.
  private static func features(
    _ parameters: ModelParameters, _ examples: [TrainingExample], _ kernels: Kernels
  ) throws -> (values: Matrix, examples: [TrainingExample]) {
    let encoder = Encoder(PackedWeights(parameters, kernels: kernels), kernels: kernels)
    let sorted = examples.sorted { $0.ids.count < $1.ids.count }
    let values = Matrix(rows: sorted.count, columns: parameters.shape.hiddenSize)
    for start in stride(from: 0, to: sorted.count, by: 64) {
      let part = sorted[start..<min(start + 64, sorted.count)]
      _ = try encoder.logits(of: part)
      guard let pooled = encoder.pooled else { continue }
      for row in 0..<part.count { values.setRow(start + row, from: pooled, row: row) }
    }
    return (values, sorted)
  }

  /// Takes each column's mean off and divides all by one deviation, in place: columns keep their
  /// proportions, which a deviation for each would spoil where one hardly varies.
  private static func standardize(_ values: Matrix) -> (mean: [Double], deviation: Double) {
    var mean = [Double](repeating: 0, count: values.columns)
    for row in 0..<values.rows {
      for (column, value) in values.row(row).enumerated() { mean[column] += Double(value) }
    }
    for column in mean.indices { mean[column] /= Double(values.rows) }
    var square = 0.0
    for row in 0..<values.rows {
      for (column, value) in values.row(row).enumerated() {
        square += (Double(value) - mean[column]) * (Double(value) - mean[column])
      }
    }
    let deviation = max((square / Double(max(1, values.count))).squareRoot(), 1e-6)
    for row in 0..<values.rows {
      for (column, value) in values.row(row).enumerated() {
        values[row, column] = Float((Double(value) - mean[column]) / deviation)
      }
    }
    return (mean, deviation)
  }

  private func regression(
    _ features: Matrix, _ examples: [TrainingExample], start: Matrix, columns: Int, classes: Int,
    _ generator: inout SeededGenerator, _ kernels: Kernels
  ) -> (weight: Matrix, bias: Matrix) {
    let size = classes * columns
    let (values, gradients) = (
      FloatBuffer(count: size + classes), FloatBuffer(count: size + classes)
    )
    let moments = [FloatBuffer(count: size + classes), FloatBuffer(count: size + classes)]
    func weight(_ buffer: FloatBuffer) -> Matrix { Matrix(buffer, rows: classes, columns: columns) }
    func bias(_ buffer: FloatBuffer) -> Matrix {
      Matrix(buffer, offset: size, rows: 1, columns: classes)
    }
    bias(values).copy(from: start)
    let packed = PackedMatrix(depth: columns, columns: classes, kernels: kernels)
    let scratch = PackedMatrix(depth: batchSize, columns: columns, kernels: kernels)
    let perEpoch = (examples.count + batchSize - 1) / batchSize
    let passes = min(max(steps / perEpoch, epochs.lowerBound), epochs.upperBound)
    let total = passes * perEpoch
    let rule = UpdateRule.adamW(beta1: 0.9, beta2: 0.999, epsilon: 1e-8)
    var step = 0
    for _ in 0..<passes {
      let order = examples.indices.shuffled(using: &generator)
      for start in stride(from: 0, to: order.count, by: batchSize) {
        let rows = order[start..<min(start + batchSize, order.count)]
        let input = Matrix(rows: rows.count, columns: columns)
        for (target, row) in rows.enumerated() { input.setRow(target, from: features, row: row) }
        packed.repack(weight(values), transposed: true, kernels: kernels)
        let logits = Matrix(rows: rows.count, columns: classes)
        kernels.linear(input, packed, bias: bias(values), output: logits)
        _ = loss.evaluate(logits, rows.map { examples[$0] }, 1, logits)
        gradients.zero()
        kernels.linearWeightGradient(
          outputGradient: logits, input: input, weightGradient: weight(gradients), scratch: scratch)
        kernels.linearBiasGradient(outputGradient: logits, biasGradient: bias(gradients))
        step += 1
        kernels.update(
          rule, weights: values, gradient: gradients, states: moments, range: 0..<size + classes,
          step: UpdateStep(
            learningRate: Float(learningRate * Double(total - step + 1) / Double(total)),
            weightDecay: 0.01, number: step, gradientScale: 1))
      }
    }
    return (weight(values), bias(values))
  }
}
