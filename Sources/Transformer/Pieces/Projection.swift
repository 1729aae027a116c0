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
    /// Nil where it does not learn.
    let weight: Matrix?
    let bias: Matrix?
  }

  let key: ParameterKey
  let weight: PackedWeight
  let bias: Matrix?
  /// Nil in inference, and where nothing in front of it learns.
  let gradients: Gradients?
  /// Low-rank additions to the output.
  let additions: [LowRank]
  /// Width out.
  let outputs: Int

  /// activation(x·Wᵀ + b).
  func forward(
    _ input: Matrix, activation: Activation = .none, into slot: Pass.Slot, _ pass: Pass
  ) -> Matrix {
    let output = pass.matrix(slot, input.rows, outputs)
    let isOnePass = activation == .none || pass.recorder == nil && additions.isEmpty
    product(input, activation: isOnePass ? activation : .none, output: output, pass)
    if isOnePass { return output }
    pass.recorder?.keep(.activation(input: output))
    let active = pass.recorder?.matrix(input.rows, outputs) ?? output
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
    guard let recorder = pass.recorder, let gradients else {
      preconditionFailure("this product has no gradients")
    }
    let kernels = pass.kernels
    let inputGradient = recorder.matrix(outputGradient.rows, gradients.back.columns)
    kernels.linear(outputGradient, gradients.back, output: inputGradient)
    for addition in additions.reversed() {
      addition.backward(outputGradient, addingTo: inputGradient, pass)
    }
    guard case .product(let input) = recorder.take() else {
      preconditionFailure("what was kept is no product's")
    }
    if let weight = gradients.weight {
      kernels.linearWeightGradient(
        outputGradient: outputGradient, input: input, weightGradient: weight,
        scratch: recorder.panels(input.rows, input.columns, kernels))
    }
    if let bias = gradients.bias {
      kernels.linearBiasGradient(outputGradient: outputGradient, biasGradient: bias)
    }
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
    for addition in additions { addition.forward(input, addingTo: output, pass) }
  }
}
