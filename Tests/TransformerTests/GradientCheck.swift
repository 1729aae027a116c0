import Tensor
import Testing
import Transformer

/// Expects a tensor's gradient to be the slope of the loss along it, by central differences of steps of `length` and of twice that.
///
/// - Returns: the gradient's square, which is that slope. One that is as good as 0 is not measured.
func expectSlope(
  _ tensor: TensorSpec, of parameters: ModelParameters, gradients: ModelParameters,
  length: Double = 0.0015, loss: () -> Double
) -> Double {
  let slope = gradients.buffer.values(tensor.range)
    .reduce(0.0) { $0 + Double($1) * Double($1) }
  guard slope > 1e-8 else { return slope }
  let start = parameters.buffer.values(tensor.range)
  func moved(_ step: Double) -> Double {
    for (index, value) in zip(tensor.range, start) {
      parameters.buffer[index] = value + Float(step * Double(gradients.buffer[index]))
    }
    defer { parameters.buffer.set(start, at: tensor.range.lowerBound) }
    return loss()
  }
  func difference(_ length: Double) -> Double {
    let step = length / slope.squareRoot()
    return (moved(step) - moved(-step)) / (2 * step)
  }
  // Deep in a random model the loss bends: two steps take its third derivative away (Richardson, 1911).
  let measured = (4 * difference(length) - difference(2 * length)) / 3
  #expect(
    abs(measured - slope) < 0.03 * slope + 2e-3 * slope.squareRoot(),
    "\(tensor.key): \(measured) \(slope)")
  return slope
}
