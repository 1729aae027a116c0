import Tensor

/// A product's weight as the kernels stream it.
enum PackedWeight: Sendable {
  case float(PackedMatrix)
  case bf16(BFloat16Matrix)
  case int8(QuantizedMatrix)
}

/// A linear layer, y = x·Wᵀ + b, with what follows it in the same pass over memory.
struct Projection {
  /// What training needs beside the packed weight.
  struct Gradients {
    /// W packed for products with the output's gradient.
    let back: PackedMatrix
    let weight: Matrix
    let bias: Matrix?
  }

  let key: ParameterKey
  let weight: PackedWeight
  let bias: Matrix?
  let gradients: Gradients?
  /// Width out.
  let outputs: Int

  /// activation(x·Wᵀ + b).
  func forward(
    _ input: Matrix, activation: Activation = .none, into slot: Pass.Slot, _ pass: Pass
  ) -> Matrix {
    let output = pass.matrix(slot, input.rows, outputs)
    guard let recorder = pass.recorder, activation != .none else {
      product(input, activation: activation, output: output, pass)
      return output
    }
    product(input, output: output, pass)
    recorder.keep(.activation(input: output))
    let active = recorder.matrix(input.rows, outputs)
    pass.kernels.activate(output, activation, output: active)
    return active
  }

  /// residual + dropout(x·Wᵀ + b); in inference in place of `residual`.
  func forward(_ input: Matrix, addingTo residual: Matrix, _ dropout: Dropout, _ pass: Pass)
    -> Matrix
  {
    guard let recorder = pass.recorder else {
      product(input, residual: residual, output: residual, pass)
      return residual
    }
    let sum = recorder.matrix(input.rows, outputs)
    product(input, output: sum, pass)
    pass.kernels.apply(dropout, to: sum)
    pass.kernels.add(residual, to: sum)
    return sum
  }

  /// ∂loss/∂x from ∂loss/∂y; adds to the gradients of weight and bias.
  func backward(_ outputGradient: Matrix, _ pass: Pass) -> Matrix {
    guard let recorder = pass.recorder, let gradients, case .product(let input) = recorder.take()
    else { preconditionFailure("what was kept is no product's") }
    let kernels = pass.kernels
    kernels.linearWeightGradient(
      outputGradient: outputGradient, input: input, weightGradient: gradients.weight,
      scratch: recorder.panels(input.rows, input.columns, kernels))
    if let bias = gradients.bias {
      kernels.linearBiasGradient(outputGradient: outputGradient, biasGradient: bias)
    }
    let inputGradient = recorder.matrix(input.rows, input.columns)
    kernels.linear(outputGradient, gradients.back, output: inputGradient)
    return inputGradient
  }

  /// The same through `activation`, whose gradient takes the place of `outputGradient`.
  func backward(_ outputGradient: Matrix, activation: Activation, _ pass: Pass) -> Matrix {
    if activation != .none {
      guard let recorder = pass.recorder, case .activation(let input) = recorder.take() else {
        preconditionFailure("what was kept is no activation's")
      }
      pass.kernels.activateBackward(
        outputGradient: outputGradient, input: input, activation, inputGradient: outputGradient)
    }
    return backward(outputGradient, pass)
  }

  private func product(
    _ input: Matrix, activation: Activation = .none, residual: Matrix? = nil, output: Matrix,
    _ pass: Pass
  ) {
    pass.recorder?.keep(.product(input: input))
    pass.progress?()
    if let observer = pass.observer, key.block != nil { observer(key, input) }
    switch weight {
    case .float(let weight):
      pass.kernels.linear(
        input, weight, bias: bias, activation: activation, residual: residual, output: output)
    case .bf16(let weight):
      pass.kernels.linear(
        input, weight, bias: bias, activation: activation, residual: residual, output: output,
        scratch: pass.rounded)
    case .int8(let weight):
      pass.kernels.linear(
        input, weight, bias: bias, activation: activation, residual: residual, output: output,
        scratch: pass.quantized)
    }
  }
}
