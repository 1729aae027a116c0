import Tensor
import Tokenization

/// Encoders and tokenizers of models that are loaded one after another, each kept once: heads that were trained on a frozen
/// trunk share its memory, and what it computes of a text.
///
/// Two trunks are one where shape and bytes of every tensor are the same. The mapped files are compared, not hashed: that reads no
/// more, and ends at the first byte that differs.
public final class SharedTrunks {
  let kernels: Kernels
  /// What the layers are computed in where that was asked for.
  let precision: Precision?
  private var trunks: [(files: ParameterReader, weights: PackedWeights, encoder: Encoder)] = []
  private var tokenizers: [(directory: String, lowercases: Bool, tokenizer: Tokenizer)] = []

  /// Nothing is loaded yet; all will run on `kernels`, in `precision` where it is given.
  public init(kernels: Kernels, precision: Precision? = nil) {
    self.kernels = precision.map(kernels.inferring) ?? kernels
    self.precision = precision
  }

  /// The same on the best kernels that this CPU offers.
  ///
  /// - Throws: `TensorError` where the environment names an instruction set that is not there.
  public convenience init(threads: Int = 1, precision: Precision? = nil) throws {
    self.init(kernels: try .best(threads: threads), precision: precision)
  }

  /// The encoder of `checkpoint`, without a head: one that was loaded before, or its own.
  ///
  /// - Throws: `ModelError` naming the tensor.
  func encoder(
    _ shape: ModelShape, _ checkpoint: Checkpoint, directory: String
  ) throws -> (PackedWeights, Encoder) {
    let shape = shape.trunk
    let files = try ParameterReader(shape, checkpoint)
    if let known = try trunks.first(where: { try files.readsSame(as: $0.files) }) {
      return (known.weights, known.encoder)
    }
    let cache = WeightCache(shape, checkpoint, directory: directory, kernels: kernels)
    let weights =
      try cache?.weights()
      ?? PackedWeights(releasing: files.parameters(), kernels: kernels)
    let encoder = Encoder(weights, kernels: kernels)
    trunks.append((files, weights, encoder))
    return (weights, encoder)
  }

  /// The tokenizer in `directory`: one that was read of the same bytes before, or its own.
  ///
  /// - Throws: `TokenizationError` naming the file.
  func tokenizer(directory: String, lowercases: Bool) throws -> Tokenizer {
    let known = tokenizers.first { known in
      known.lowercases == lowercases
        && Tokenizer.hasSameFiles(directory, as: known.directory)
    }
    if let known { return known.tokenizer }
    var tokenizer = try Tokenizer.load(directory: directory)
    if lowercases { tokenizer = tokenizer.lowercasing() }
    tokenizers.append((directory, lowercases, tokenizer))
    return tokenizer
  }
}
