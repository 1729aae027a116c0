import Tensor

/// The products' weights in training, packed for the forward pass and for the gradient.
struct TrainedWeights {
  private let products: [(spec: TensorSpec, forward: PackedMatrix, back: PackedMatrix)]
  private let places: [ParameterKey: Int]
  private let kernels: Kernels

  init(_ parameters: ModelParameters, kernels: Kernels) {
    self.kernels = kernels
    products = parameters.tensors.filter(\.isProduct).map { spec in
      let weight = parameters.matrix(spec)
      return (
        spec, .transposing(weight, kernels: kernels), .direct(weight, kernels: kernels)
      )
    }
    places = Dictionary(
      products.enumerated().map { ($1.spec.key, $0) }, uniquingKeysWith: { first, _ in first })
  }

  subscript(key: ParameterKey) -> (forward: PackedMatrix, back: PackedMatrix)? {
    places[key].map { (products[$0].forward, products[$0].back) }
  }

  /// Packs changed weights into the same storage.
  func repack(_ parameters: ModelParameters) {
    for product in products {
      let weight = parameters.matrix(product.spec)
      product.forward.repack(weight, transposed: true, kernels: kernels)
      product.back.repack(weight, transposed: false, kernels: kernels)
    }
  }
}
