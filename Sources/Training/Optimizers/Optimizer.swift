import Tensor
import Transformer

/// What one tensor's step is multiplied by.
struct TensorUpdate: Equatable {
  /// Multiplies the rate; 0 leaves the tensor as it is.
  var rateScale = 1.0
  /// Whether weight decay applies.
  var decays = true
}

/// Holds an optimiser's state for all tensors and takes its steps.
final class Optimizer {
  let options: OptimizerOptions
  private let parameters: ModelParameters
  private let kernels: Kernels
  /// Buffers of the parameters' size.
  private let states: [FloatBuffer]
  /// One buffer a tensor, for Adafactor.
  private let tensorStates: [FloatBuffer]

  init(_ parameters: ModelParameters, options: OptimizerOptions, kernels: Kernels) {
    self.parameters = parameters
    self.options = options
    self.kernels = kernels
    let rule = options.rule
    states = (0..<(rule?.states ?? 0)).map { _ in FloatBuffer(count: parameters.buffer.count) }
    tensorStates =
      rule != nil
      ? []
      : parameters.tensors.map {
        FloatBuffer(count: Kernels.adafactorState(rows: $0.rows, columns: $0.columns))
      }
  }

  /// All state, in a fixed order: what a checkpoint keeps.
  var buffers: [FloatBuffer] { states + tensorStates }

  /// Changes the parameters by `gradients` times `gradientScale`, each tensor as `updates` says.
  func step(
    gradients: ModelParameters, learningRate: Double, weightDecay: Double, number: Int,
    gradientScale: Double, updates: [TensorUpdate]
  ) {
    for (index, tensor) in parameters.tensors.enumerated() where updates[index].rateScale > 0 {
      let step = UpdateStep(
        learningRate: Float(learningRate * updates[index].rateScale),
        weightDecay: updates[index].decays ? Float(weightDecay) : 0, number: number,
        gradientScale: Float(gradientScale))
      if let rule = options.rule {
        kernels.update(
          rule, weights: parameters.buffer, gradient: gradients.buffer, states: states,
          range: tensor.range, step: step)
      } else {
        kernels.adafactor(
          weights: parameters.matrix(tensor), gradient: gradients.matrix(tensor),
          state: tensorStates[index], step: step)
      }
    }
  }
}
