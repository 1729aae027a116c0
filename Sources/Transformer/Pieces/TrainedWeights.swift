import Tensor

/// The products' weights in training, packed for the forward pass and for the gradient.
struct TrainedWeights {
  /// One product; `back` is nil where no gradient comes through it.
  private typealias Product = (
    spec: TensorSpec, forward: PackedMatrix, back: PackedMatrix?, learns: Bool
  )
  private let products: [Product]
  private let places: [ParameterKey: Int]
  private let kernels: Kernels

  /// - Parameter learning: has the tensors that learn.
  init(_ parameters: ModelParameters, learning: ModelParameters, kernels: Kernels) {
    self.kernels = kernels
    let shape = parameters.shape
    let lowest = learning.tensors.map { shape.depth($0.key) }.min() ?? 0
    let reached = Set(shape.blocks.dropFirst(max(0, lowest - 1)).map(\.weights))
    products = shape.products.map { spec in
      let weight = parameters.matrix(spec)
      let isReached = spec.key.block.map(reached.contains) ?? (shape.depth(spec.key) >= lowest)
      return (
        spec, .transposing(weight, kernels: kernels),
        isReached ? .direct(weight, kernels: kernels) : nil, learning[spec.key] != nil
      )
    }
    places = Dictionary(
      products.enumerated().map { ($1.spec.key, $0) }, uniquingKeysWith: { first, _ in first })
  }

  subscript(key: ParameterKey) -> (forward: PackedMatrix, back: PackedMatrix?)? {
    places[key].map { (products[$0].forward, products[$0].back) }
  }

  /// All products as inference reads them, in the same storage.
  var forInference: [ParameterKey: PackedWeight] {
    places.mapValues { .float(products[$0].forward) }
  }

  /// Packs changed weights into the same storage.
  func repack(_ parameters: ModelParameters) {
    for product in products where product.learns {
      let weight = parameters.matrix(product.spec)
      product.forward.repack(weight, transposed: true, kernels: kernels)
      product.back?.repack(weight, transposed: false, kernels: kernels)
    }
  }
}
