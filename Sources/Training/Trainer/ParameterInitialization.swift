import Tensor
import Transformer

extension EncoderParameters {
  /// Fills a new model: embeddings normal with deviation 1 (comparable with the sinusoids' 0.7, so
  /// that positions do not drown the words), linear weights Xavier-uniform (Glorot and Bengio,
  /// 2010), biases 0, norms 1.
  public func initialize(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    for entry in entries {
      let values: [Float]
      if entry.name.hasSuffix("norm.gain") {
        values = [Float](repeating: 1, count: entry.range.count)
      } else if !entry.decays {
        values = [Float](repeating: 0, count: entry.range.count)
      } else if entry.name.hasPrefix("embeddings") {
        values = entry.range.map { _ in Float(generator.normal()) }
      } else {
        let rows = entry.name.contains("fused") ? entry.rows / 3 : entry.rows
        let limit = (6 / Double(rows + entry.columns)).squareRoot()
        values = entry.range.map { _ in Float((generator.unit() * 2 - 1) * limit) }
      }
      buffer.set(values, at: entry.offset)
    }
  }
}
