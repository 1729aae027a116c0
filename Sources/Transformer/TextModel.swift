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
  /// Called many times in each layer of a prediction, so that a slow model can be told from a hung one.
  public var progress: (() -> Void)? {
    get { encoder.progress }
    set { encoder.progress = newValue }
  }
  private var sketch: EmbeddingSketch?
  /// Tokens of the prompt that have no part in pooling.
  private let excludedTokens: Int
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
    try configuration.check(tokenizer)
    let tokenizer = configuration.lowercases ? tokenizer.lowercasing() : tokenizer
    self.configuration = configuration
    self.tokenizer = tokenizer
    excludedTokens =
      configuration.embedding?.excludesPrompt ?? false
      ? tokenizer.openingCount(configuration.prompt, maximum: configuration.maximumTokens) : 0
    self.kernels = kernels
    self.head = head
    self.weights = weights
    encoder = Encoder(weights, kernels: kernels)
  }

  private init(sharing other: TextModel) {
    (configuration, tokenizer, kernels) = (other.configuration, other.tokenizer, other.kernels)
    (weights, head, threshold) = (other.weights, other.head, other.threshold)
    excludedTokens = other.excludedTokens
    (makesSketches, sketch) = (other.makesSketches, other.sketch)
    encoder = Encoder(weights, kernels: kernels)
  }

  /// Another model with the same weights and a workspace of its own, for another thread.
  public func sibling() -> TextModel { TextModel(sharing: self) }

  /// The largest magnitude of each input of each layer's products over `texts`, by weight.
  ///
  /// - Throws: `RejectedInput` for a text without tokens.
  func activationPeaks(_ texts: [String]) throws -> [ParameterKey: [Float]] {
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
    try observe(texts)
    return peaks
  }

  /// Σ xᵀx over the inputs x of the layers' products that `keys` lists, for all tokens of `texts`.
  ///
  /// - Throws: `RejectedInput` for a text without tokens.
  func inputMoments(_ texts: [String], of keys: Set<ParameterKey>) throws -> [ParameterKey: Matrix]
  {
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
    try observe(texts)
    return moments
  }

  /// Runs the encoder for its observer.
  private func observe(_ texts: [String]) throws {
    defer { encoder.observer = nil }
    for (index, text) in texts.enumerated() {
      do {
        let ids = try encode(TextInput(text)).encoding.ids
        _ = encoder.hiddenStates(try TokenBatch([ids]))
      } catch let error as PredictionError {
        throw RejectedInput(index: index, reason: error)
      }
    }
  }

  /// The tokens of one input.
  ///
  /// - Throws: `PredictionError.noTokens`, or `.noRoom` for a pair that only longer inputs have room for.
  public func encode(_ input: TextInput) throws(PredictionError) -> EncodedInput {
    let text = configuration.prompt + input.text
    if input.pair != nil && tokenizer.frameCount(isPair: true) > maximumTokens {
      throw .noRoom(tokens: maximumTokens)
    }
    let encoding = tokenizer.encode(text, pair: input.pair, maximumLength: maximumTokens)
    if excludedTokens > 0 && encoding.ids.count <= excludedTokens { throw .noTokens }
    return try EncodedInput(input, encoding)
  }

  /// Predicts for inputs in one batch, each of which has an answer or none. The answer for an input has the same bits in any
  /// batch.
  public func predict(_ inputs: [EncodedInput]) -> [Result<Prediction, PredictionError>] {
    let encodings = inputs.map(\.encoding)
    // One row of segments, as RoBERTa has it, is every token's.
    let hasSegments = configuration.shape.embeddings.tokenTypeCount > 1
    guard !inputs.isEmpty,
      let batch = try? TokenBatch(
        encodings.map(\.ids), tokenTypes: hasSegments ? encodings.map(\.typeIDs) : nil)
    else { return [] }
    let values = values(batch, encodings)
    let makesSketches = task == .classification || task == .multiLabelClassification
    let pooled = makesSketches ? encoder.pooled : nil
    return zip(encodings, values).enumerated().map { index, pair in
      let (encoding, value) = pair
      guard let value else { return .failure(.notFinite) }
      var prediction = Prediction(
        value: value, tokenCount: encoding.ids.count, unknownTokenCount: encoding.unknownCount,
        isTruncated: encoding.isTruncated)
      if let sketch, let pooled { prediction.sketch = sketch(pooled.row(index)) }
      return .success(prediction)
    }
  }

  /// Predicts for `inputs` in one batch.
  ///
  /// - Throws: `RejectedInput` naming the first that has no answer.
  public func predict(_ inputs: [TextInput]) throws(RejectedInput) -> [Prediction] {
    var encoded: [EncodedInput] = []
    for (index, input) in inputs.enumerated() {
      do throws(PredictionError) { encoded.append(try encode(input)) } catch {
        throw RejectedInput(index: index, reason: error)
      }
    }
    return try Self.unwrapped(predict(encoded))
  }

  /// Predicts for inputs that are tokenised already.
  ///
  /// - Throws: `RejectedInput` naming the first that has no answer.
  public func predict(encoded encodings: [Encoding]) throws(RejectedInput) -> [Prediction] {
    var encoded: [EncodedInput] = []
    for (index, encoding) in encodings.enumerated() {
      do throws(PredictionError) { encoded.append(try EncodedInput(TextInput(""), encoding)) } catch
      {
        throw RejectedInput(index: index, reason: error)
      }
    }
    return try Self.unwrapped(predict(encoded))
  }

  private static func unwrapped(
    _ results: [Result<Prediction, PredictionError>]
  ) throws(RejectedInput) -> [Prediction] {
    var predictions: [Prediction] = []
    for (index, result) in results.enumerated() {
      do throws(PredictionError) { predictions.append(try result.get()) } catch {
        throw RejectedInput(index: index, reason: error)
      }
    }
    return predictions
  }

  /// The answer for each sequence; nil where what it is made of is not finite. The kernels let nothing that is not finite become a
  /// number again, so what leaves the model tells.
  private func values(_ batch: TokenBatch, _ encodings: [Encoding]) -> [Prediction.Value?] {
    switch head {
    case .encoders:
      let logits = encoder.logits(batch)
      guard task == .tokenClassification else {
        return encodings.indices.map { index in
          let row = logits.row(index)
          return row.allSatisfy(\.isFinite) ? sequenceValue(row) : nil
        }
      }
      return tokenValues(encodings, logits, batch)
    case .tokens(let weight, let bias):
      let states = encoder.hiddenStates(batch)
      let logits = Matrix(rows: states.rows, columns: labels.count)
      kernels.linear(states, weight, bias: bias, output: logits)
      return tokenValues(encodings, logits, batch)
    case .embedding(let head):
      let states = encoder.hiddenStates(batch)
      return head.vectors(states, batch.layout, skipping: excludedTokens, kernels: kernels).map {
        vector in
        vector.allSatisfy(\.isFinite) ? .vector(vector) : nil
      }
    }
  }

  private func tokenValues(
    _ encodings: [Encoding], _ logits: Matrix, _ batch: TokenBatch
  ) -> [Prediction.Value?] {
    encodings.enumerated().map { index, encoding in
      tokenLabels(encoding, logits, batch.layout[index]).map { .tokens($0) }
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
    _ encoding: Encoding, _ logits: Matrix, _ rows: Range<Int>
  ) -> [TokenLabel]? {
    var labels: [TokenLabel] = []
    for (id, row) in zip(encoding.ids, rows) where !tokenizer.isFrame(id) {
      let values = logits.row(row)
      guard values.allSatisfy(\.isFinite) else { return nil }
      let top = HeadFunction.top(values)
      labels.append(
        TokenLabel(
          token: tokenizer.token(for: id) ?? "", labelIndex: top,
          probability: HeadFunction.softmax(values)[top]))
    }
    return labels
  }
}
