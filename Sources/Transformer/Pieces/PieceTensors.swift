import Tensor

/// Where pieces find their tensors: packed weights in inference, with gradients in training.
struct PieceTensors {
  let parameters: ModelParameters
  let gradients: ModelParameters?
  private let specs: [ParameterKey: TensorSpec]
  private let weight: (TensorSpec) -> (PackedWeight, back: PackedMatrix?)

  /// Those of inference.
  init(_ weights: PackedWeights) {
    self.init(weights.parameters, nil) { spec in
      guard let weight = weights[spec.key] else {
        preconditionFailure("\(spec.key) is not packed")
      }
      return (weight, nil)
    }
  }

  /// Those of training; `weight` packs, for the gradient too where one comes through.
  init(
    _ parameters: ModelParameters, _ gradients: ModelParameters?,
    weight: @escaping (TensorSpec) -> (PackedWeight, back: PackedMatrix?)
  ) {
    (self.parameters, self.gradients, self.weight) = (parameters, gradients, weight)
    let shape = parameters.shape
    let all = shape.tensors + [shape.tiedOutput].compactMap(\.self)
    specs = Dictionary(all.map { ($0.key, $0) }) { first, _ in first }
  }

  func projection(_ place: ParameterKey.Place, _ part: ParameterKey.Part) -> Projection? {
    guard let spec = specs[ParameterKey(place, part, .weight)] else { return nil }
    let (packed, back) = weight(spec)
    return Projection(
      key: spec.key, weight: packed, bias: parameters[place, part, .bias],
      gradients: back.map {
        Projection.Gradients(
          back: $0, weight: gradients?[spec.key], bias: gradients?[place, part, .bias])
      },
      additions: additions(spec.key), outputs: spec.rows)
  }

  /// The low-rank additions to a product.
  private func additions(_ product: ParameterKey) -> [LowRank] {
    guard let adapter = parameters.shape.adapter else { return [] }
    return adapter.additions.enumerated().compactMap { index, addition in
      guard addition.product == product, let first = specs[addition.down],
        let second = specs[addition.up], case (.float(let down), let downBack) = weight(first),
        case (.float(let up), let upBack) = weight(second)
      else { return nil }
      var slopes: LowRank.Gradients?
      if let downBack, let upBack, let down = gradients?[addition.down],
        let up = gradients?[addition.up]
      {
        slopes = LowRank.Gradients(downBack: downBack, upBack: upBack, down: down, up: up)
      }
      return LowRank(
        down: down, up: up, columns: addition.rows, scale: addition.scale,
        dropout: adapter.dropout,
        // The places of the blocks count from 0.
        dropoutPlace: UInt32.max - UInt32(truncatingIfNeeded: index), gradients: slopes)
    }
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
