import Tensor

/// Where pieces find their tensors: packed weights in inference, with gradients in training.
struct PieceTensors {
  let parameters: ModelParameters
  let gradients: ModelParameters?
  private let specs: [ParameterKey: TensorSpec]
  private let weight: (TensorSpec) -> (PackedWeight, Projection.Gradients?)

  /// Those of inference.
  init(_ weights: PackedWeights) {
    self.init(weights.parameters, nil) { spec in
      guard let weight = weights[spec.key] else {
        preconditionFailure("\(spec.key) is not packed")
      }
      return (weight, nil)
    }
  }

  /// Those of training; `weight` packs.
  init(
    _ parameters: ModelParameters, _ gradients: ModelParameters?,
    weight: @escaping (TensorSpec) -> (PackedWeight, Projection.Gradients?)
  ) {
    (self.parameters, self.gradients, self.weight) = (parameters, gradients, weight)
    specs = Dictionary(parameters.shape.tensors.map { ($0.key, $0) }) { first, _ in first }
  }

  func projection(_ place: ParameterKey.Place, _ part: ParameterKey.Part) -> Projection? {
    guard let spec = specs[ParameterKey(place, part, .weight)] else { return nil }
    let (packed, gradient) = weight(spec)
    return Projection(
      key: spec.key, weight: packed, bias: parameters[place, part, .bias], gradients: gradient,
      outputs: spec.rows)
  }

  func norm(
    _ norm: NormShape?, _ place: ParameterKey.Place, _ part: ParameterKey.Part
  ) -> Normalization? {
    guard let norm, let gain = parameters[place, part, .gain] else { return nil }
    return Normalization(
      norm: Norm(
        norm.kind, gain: gain, bias: parameters[place, part, .shift],
        gainOffset: norm.gainOffset, epsilon: norm.epsilon),
      gradients: gradients?[place, part, .gain].map {
        ($0, gradients?[place, part, .shift])
      })
  }
}
