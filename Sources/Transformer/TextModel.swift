import Foundation
import Tensor
import Tokenization

/// A tokenizer, an encoder and a head: what a model directory holds, ready to predict.
///
/// Loading and packing use one thread and no Dispatch, so the arbiter can do it before it forks; the
/// workers then share the weights. Not thread-safe: one for each compute queue, by `sibling()`.
public final class TextModel {
  /// Where the head is: in the encoder's parameters, or beside it.
  private enum Head: Sendable {
    case encoders
    case tokens(weight: PackedMatrix, bias: Matrix)
    case embedding(EmbeddingHead)
  }

  /// What the model's files say.
  public let configuration: ModelConfiguration
  /// Splits texts.
  public let tokenizer: Tokenizer
  /// From this probability on, a multi-label model gives a label.
  public var threshold: Float = 0.5
  /// Whether predictions of classes carry a sketch of their embedding.
  public var makesSketches = false {
    didSet {
      let width = makesSketches ? configuration.shape.hiddenSize : 0
      sketch = width > 0 ? EmbeddingSketch(width: width) : nil
    }
  }
  private var sketch: EmbeddingSketch?
  /// Nanoseconds that the latest `predict` took to cut its texts into tokens.
  public private(set) var tokenizationNanoseconds: Int64 = 0
  private let weights: PackedWeights
  private let kernels: Kernels
  private let head: Head
  private let encoder: Encoder

  /// The model's name: the last part of its directory's path.
  public var name: String {
    URL(fileURLWithPath: configuration.directory).standardizedFileURL.lastPathComponent
  }
  /// What the model says.
  public var task: ModelTask { configuration.task }
  /// Names of the outputs, in order; empty for embeddings.
  public var labels: [String] { configuration.labels }
  /// Longest input in tokens.
  public var maximumTokens: Int { configuration.maximumTokens }
  /// The instruction set in use.
  public var kernelName: String { kernels.name }

  /// Reads a Hugging Face directory and packs its weights.
  ///
  /// - Parameters:
  ///   - pooling: makes an embedding model of any encoder, whatever its head.
  ///   - normalizes: overrides whether embeddings have length 1.
  /// - Throws: `ModelError`, `TokenizationError` or `TensorError` naming what is wrong and where.
  public static func load(
    directory: String, threads: Int = 1, pooling: Pooling? = nil, normalizes: Bool? = nil
  ) throws -> TextModel {
    let configuration = try ModelDirectory.describe(directory)
      .embedding(pooling: pooling, normalizes: normalizes)
    let kernels = try Kernels.best(threads: threads)
    return try TextModel(
      configuration, checkpoint: Checkpoint(directory: configuration.encoderDirectory),
      tokenizer: Tokenizer.load(directory: configuration.encoderDirectory), kernels: kernels)
  }

  /// The model that `configuration` and `checkpoint` make.
  public convenience init(
    _ configuration: ModelConfiguration, checkpoint: Checkpoint, tokenizer: Tokenizer,
    kernels: Kernels
  ) throws {
    let cache = WeightCache(
      configuration.shape, checkpoint, directory: configuration.encoderDirectory,
      kernels: kernels)
    let weights =
      try cache?.weights()
      ?? PackedWeights(
        releasing: ModelDirectory.read(configuration.shape, checkpoint), kernels: kernels)
    let head: Head
    switch configuration.task {
    case .classification, .multiLabelClassification, .regression: head = .encoders
    case .tokenClassification where configuration.shape.head != nil: head = .encoders
    case .tokenClassification:
      let labels = configuration.labels.count
      let weight = Matrix(rows: labels, columns: configuration.shape.hiddenSize)
      let bias = Matrix(rows: 1, columns: labels)
      let layer = configuration.shape.tokenHead
      try checkpoint.read(layer + ".weight", into: weight)
      try checkpoint.read(layer + ".bias", into: bias)
      head = .tokens(weight: .transposing(weight, kernels: kernels), bias: bias)
    case .embedding:
      head = .embedding(
        try EmbeddingHead(
          configuration.embedding ?? EmbeddingConfiguration(poolings: [.mean]),
          hiddenSize: configuration.shape.hiddenSize, kernels: kernels))
    }
    try self.init(
      configuration, weights: weights, head: head,
      tokenizer: tokenizer, kernels: kernels)
  }

  /// A classifier of parts already in memory.
  convenience init(
    classifier configuration: ModelConfiguration, parameters: ModelParameters,
    tokenizer: Tokenizer, kernels: Kernels
  ) throws {
    try self.init(
      configuration, weights: PackedWeights(parameters, kernels: kernels), head: .encoders,
      tokenizer: tokenizer, kernels: kernels)
  }

  private init(
    _ configuration: ModelConfiguration, weights: PackedWeights, head: Head,
    tokenizer: Tokenizer, kernels: Kernels
  ) throws {
    guard tokenizer.vocabularySize <= configuration.shape.vocabularySize else {
      throw ModelError.vocabularyMismatch(
        path: configuration.directory, tokens: tokenizer.vocabularySize,
        rows: configuration.shape.vocabularySize)
    }
    self.configuration = configuration
    self.tokenizer = tokenizer
    self.kernels = kernels
    self.head = head
    self.weights = weights
    encoder = Encoder(weights, kernels: kernels)
  }

  private init(sharing other: TextModel) {
    (configuration, tokenizer, kernels) = (other.configuration, other.tokenizer, other.kernels)
    (weights, head, threshold) = (other.weights, other.head, other.threshold)
    (makesSketches, sketch) = (other.makesSketches, other.sketch)
    encoder = Encoder(weights, kernels: kernels)
  }

  /// Another model with the same weights and a workspace of its own, for another thread.
  public func sibling() -> TextModel { TextModel(sharing: self) }

  /// The largest magnitude of each input of each layer's products over `texts`, by weight.
  func activationPeaks(_ texts: [String]) -> [ParameterKey: [Float]] {
    var peaks: [ParameterKey: [Float]] = [:]
    encoder.observer = { key, input in
      var top = peaks[key] ?? [Float](repeating: 0, count: input.columns)
      for row in 0..<input.rows {
        for (column, value) in input.row(row).enumerated() {
          top[column] = max(top[column], abs(value))
        }
      }
      peaks[key] = top
    }
    for text in texts {
      _ = encoder.hiddenStates(TokenBatch([encode(TextInput(text)).ids]))
    }
    encoder.observer = nil
    return peaks
  }

  /// Σ xᵀx over the inputs x of the layers' products that `keys` lists, for all tokens of `texts`.
  func inputMoments(_ texts: [String], of keys: Set<ParameterKey>) -> [ParameterKey: Matrix] {
    var moments: [ParameterKey: Matrix] = [:]
    var scratch: [Int: PackedMatrix] = [:]
    let (kernels, longest) = (kernels, maximumTokens)
    encoder.observer = { key, input in
      guard keys.contains(key) else { return }
      let width = input.columns
      let sum = moments[key] ?? Matrix(rows: width, columns: width)
      let room =
        scratch[width] ?? PackedMatrix(depth: longest, columns: width, kernels: kernels)
      kernels.linearWeightGradient(
        outputGradient: input, input: input, weightGradient: sum, scratch: room)
      (moments[key], scratch[width]) = (sum, room)
    }
    for text in texts {
      _ = encoder.hiddenStates(TokenBatch([encode(TextInput(text)).ids]))
    }
    encoder.observer = nil
    return moments
  }

  /// The tokens of one input.
  public func encode(_ input: TextInput) -> Encoding {
    var text = input.text
    if let embedding = configuration.embedding {
      if embedding.lowercases { text = text.lowercased() }
      if !embedding.prompt.isEmpty { text = embedding.prompt + text }
    }
    return tokenizer.encode(text, pair: input.pair, maximumLength: maximumTokens)
  }

  /// Predicts for `inputs` in one batch. The answer for an input has the same bits in any batch.
  public func predict(_ inputs: [TextInput]) -> [Prediction] {
    let start = ContinuousClock.now
    let encodings = inputs.map(encode)
    let (seconds, attoseconds) = (ContinuousClock.now - start).components
    tokenizationNanoseconds = seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    return predict(encoded: encodings)
  }

  /// Predicts for inputs that are tokenised already.
  public func predict(encoded encodings: [Encoding]) -> [Prediction] {
    if encodings.isEmpty { return [] }
    let batch = TokenBatch(encodings.map(\.ids), tokenTypes: encodings.map(\.typeIDs))
    var predictions = zip(encodings, values(batch, encodings)).map { encoding, value in
      Prediction(
        value: value, tokenCount: encoding.ids.count, unknownTokenCount: encoding.unknownCount,
        isTruncated: encoding.isTruncated)
    }
    if let sketch, task == .classification || task == .multiLabelClassification,
      let pooled = encoder.pooled
    {
      for index in predictions.indices { predictions[index].sketch = sketch(pooled.row(index)) }
    }
    return predictions
  }

  private func values(_ batch: TokenBatch, _ encodings: [Encoding]) -> [Prediction.Value] {
    switch head {
    case .encoders:
      let logits = encoder.logits(batch)
      guard task == .tokenClassification else {
        return encodings.indices.map { sequenceValue(logits.row($0)) }
      }
      return tokenValues(encodings, logits, batch)
    case .tokens(let weight, let bias):
      let states = encoder.hiddenStates(batch)
      let logits = Matrix(rows: states.rows, columns: labels.count)
      kernels.linear(states, weight, bias: bias, output: logits)
      return tokenValues(encodings, logits, batch)
    case .embedding(let head):
      let states = encoder.hiddenStates(batch)
      return head.vectors(states, batch.layout, kernels: kernels).map { .vector($0) }
    }
  }

  private func tokenValues(
    _ encodings: [Encoding], _ logits: Matrix, _ batch: TokenBatch
  ) -> [Prediction.Value] {
    encodings.enumerated().map { index, encoding in
      .tokens(tokenLabels(encoding, logits, from: batch.layout.starts[index]))
    }
  }

  private func sequenceValue(_ logits: [Float]) -> Prediction.Value {
    switch task {
    case .multiLabelClassification:
      let probabilities = logits.map(HeadFunction.sigmoid)
      return .labels(
        probabilities.indices.filter { probabilities[$0] >= threshold },
        probabilities: probabilities)
    case .regression:
      return .scores(
        configuration.scoreActivation == .sigmoid ? logits.map(HeadFunction.sigmoid) : logits)
    case .classification, .tokenClassification, .embedding:
      return .label(
        HeadFunction.top(logits),
        probabilities: HeadFunction.softmax(logits, temperature: configuration.temperature))
    }
  }

  private func tokenLabels(
    _ encoding: Encoding, _ logits: Matrix, from start: Int
  ) -> [TokenLabel] {
    encoding.ids.enumerated().compactMap { place, id in
      if tokenizer.isFrame(id) { return nil }
      let values = logits.row(start + place)
      let top = HeadFunction.top(values)
      return TokenLabel(
        token: tokenizer.token(for: id) ?? "", labelIndex: top,
        probability: HeadFunction.softmax(values)[top])
    }
  }
}
