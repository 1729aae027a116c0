import Files
import Foundation
import Tensor
import Tokenization
import Transformer

/// Another model's encoder as the start of a new one.
struct PretrainedEncoder {
  let directory: String
  let tokenizer: Tokenizer
  let shape: ModelShape
  /// Longest input that the model bears, in tokens.
  let maximumTokens: Int
  /// Whether the model's own head stays, because it has the same labels.
  let keepsHead: Bool
  private let encoder: ModelParameters
  private let pooler: (weight: Matrix, bias: Matrix)?
  private let encoderDirectory: String

  init(
    directory: String, objective: any TrainingObjective, dropout: Float?, freshHead: Bool,
    lowRank: LowRankOptions? = nil
  ) throws {
    let description = try ModelDirectory.describe(directory)
    encoderDirectory = description.encoderDirectory
    let checkpoint = try Checkpoint(directory: encoderDirectory)
    if lowRank != nil, description.shape.adapter != nil {
      throw ModelError.adapter(
        path: directory, mend: "Additions go to a base: give that, or train on without --lora.")
    }
    var shape = description.shape
    let hasSameLabels =
      objective.modelTask == .regression
      ? description.labels.count == objective.labels.count
      : LabelIndex.areEqual(description.labels, objective.labels)
    keepsHead = !freshHead && description.task == objective.modelTask && hasSameLabels
    if description.shape.adapter == nil {
      if !keepsHead { shape.head = nil }
      encoder = try ModelDirectory.read(shape, checkpoint)
    } else {
      encoder = try ModelDirectory.read(description)
    }
    guard encoder.quantization == nil else { throw TrainingError.quantizedBase(path: directory) }
    // The table may have turned out to be learned.
    shape = encoder.shape
    shape.head = shape.head(for: objective.labels)
    shape.adapter = try lowRank?.adapter(shape)
    if let dropout {
      shape.dropout = DropoutShape(dropout)
    }
    self.shape = shape
    maximumTokens = description.maximumTokens
    tokenizer = try Tokenizer.load(directory: encoderDirectory)
    self.directory = directory
    pooler =
      keepsHead ? nil : try Self.firstLayer(checkpoint, shape, directory: directory)
    try description.check(tokenizer)
  }

  /// The first layer of a new head, where something better than chance is known.
  ///
  /// A model of sentence-transformers never used its pooler, so the hidden state goes through as it is:
  /// in the range of a hidden state, tanh hardly bends it.
  private static func firstLayer(
    _ checkpoint: Checkpoint, _ shape: ModelShape, directory: String
  ) throws -> (Matrix, Matrix)? {
    let width = shape.hiddenSize
    if shape.head?.pool?.activation == .tanh,
      FileManager.default.fileExists(atPath: directory + "/modules.json")
    {
      let weight = Matrix(rows: width, columns: width)
      for index in 0..<width { weight[index, index] = 1 }
      return (weight, Matrix(rows: 1, columns: width))
    }
    return try ModelDirectory.pooler(shape, checkpoint)
  }

  /// The encoder's weights with a head: the model's own, or a new one with deviation 0.02, as
  /// `transformers` starts it.
  func parameters(seed: UInt64) -> ModelParameters {
    let parameters = ModelParameters(shape)
    var generator = SeededGenerator(seed: seed)
    for tensor in parameters.tensors {
      let target = parameters.matrix(tensor)
      if let source = encoder[tensor.key], keepsHead || tensor.key.place != .head {
        target.copy(from: source)
      } else if tensor.key == ParameterKey(.head, .pool, .weight), let pooler {
        target.copy(from: pooler.weight)
      } else if tensor.key == ParameterKey(.head, .pool, .bias), let pooler {
        target.copy(from: pooler.bias)
      } else if case .down = tensor.key.role {
        // As peft starts it (He et al., 2015, with its default slope): uniform up to 1 / √inputs. B starts at zero.
        let limit = 1 / Double(tensor.columns).squareRoot()
        parameters.buffer.set(
          tensor.range.map { _ in Float((generator.unit() * 2 - 1) * limit) }, at: tensor.offset)
      } else if tensor.decays, !tensor.key.isLowRank {
        parameters.buffer.set(
          tensor.range.map { _ in Float(generator.normal() * 0.02) }, at: tensor.offset)
      }
    }
    return parameters
  }

  /// Every file of a tokenizer that the model's directory has.
  func copyTokenizer(to target: String) throws {
    let names = [
      "tokenizer.json", "vocab.txt", "tokenizer_config.json", "special_tokens_map.json",
      "vocab.json", "merges.txt", "sentencepiece.bpe.model", "spiece.model", "added_tokens.json",
    ]
    try Folder.make(target)
    for name in names {
      guard let data = FileManager.default.contents(atPath: "\(encoderDirectory)/\(name)") else {
        continue
      }
      try OutputFile.write(data, to: "\(target)/\(name)")
    }
  }
}
