import Tensor
import Transformer

extension ModelParameters {
  /// Fills a new model: embeddings normal with deviation 1 (comparable with the sinusoids' 0.7, so
  /// that words are heard beside their places), linear weights Xavier-uniform (Glorot and Bengio,
  /// 2010), biases 0, norms 1.
  public func initialize(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    for tensor in tensors {
      let values: [Float]
      switch tensor.key.role {
      case .gain: values = [Float](repeating: 1, count: tensor.range.count)
      case .bias, .shift, .up: values = [Float](repeating: 0, count: tensor.range.count)
      case .table: values = tensor.range.map { _ in Float(generator.normal()) }
      case .weight, .down:
        let limit = (6 / Double(tensor.rows / tensor.parts + tensor.columns)).squareRoot()
        values = tensor.range.map { _ in Float((generator.unit() * 2 - 1) * limit) }
      }
      buffer.set(values, at: tensor.offset)
    }
  }
}
