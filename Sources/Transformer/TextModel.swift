import Foundation
import Tensor
import Tokenization

/// A tokenizer, an encoder and a head: what a model directory holds, ready to predict.
///
/// Loading and packing use one thread and no Dispatch, so the arbiter can do it before it forks; the
/// workers then share the weights. Not thread-safe: one for each compute queue, by `sibling()`.
public final class TextModel {
  /// What reads the encoder's states.
  private enum Head {
    case sequence(SequenceHead)
    case tokens(weight: PackedMatrix, bias: Matrix)
    case embedding(EmbeddingHead)

    /// Which of the states it reads.
    var kept: RowSelection {
      if case .sequence(let head) = self { head.kept } else { .all }
    }
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
  private let head: Head
  let encoder: Encoder
  var kernels: Kernels { encoder.kernels }

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
  /// What the layers are computed in; not `auto`.
  public var precision: Precision {
    if weights.parameters.quantization != nil { return .int8 }
    return kernels.usesBFloat16 ? .bf16 : .f32
  }

  /// Reads a Hugging Face directory and packs its weights.
  ///
  /// - Parameters:
  ///   - pooling: makes an embedding model of any encoder, whatever its head.
  ///   - normalizes: overrides whether embeddings have length 1.
  ///   - precision: what the layers are computed in; without, single precision or the integers of an 8-bit model, whose
  ///     attention is then in single precision. Read where there are no `trunks`, which have their own.
  ///   - trunks: models that are loaded with the same share what is the same in their files.
  /// - Throws: `ModelError`, `TokenizationError` or `TensorError` naming what is wrong and where.
  public static func load(
    directory: String, threads: Int = 1, pooling: Pooling? = nil, normalizes: Bool? = nil,
    precision: Precision? = nil, sharing trunks: SharedTrunks? = nil
  ) throws -> TextModel {
    let configuration = try ModelDirectory.describe(directory)
      .embedding(pooling: pooling, normalizes: normalizes)
    let trunks = try trunks ?? SharedTrunks(threads: threads, precision: precision)
    let checkpoint = try Checkpoint(directory: configuration.encoderDirectory)
    if let asked = trunks.precision {
      _ = try checkpoint.precision(asked, path: directory, kernels: trunks.kernels)
    }
    return try TextModel(
      configuration, checkpoint: checkpoint,
      tokenizer: trunks.tokenizer(
        directory: configuration.encoderDirectory, lowercases: configuration.lowercases),
      sharing: trunks)
  }

  /// The model that `configuration` and `checkpoint` make.
  public convenience init(
    _ configuration: ModelConfiguration, checkpoint: Checkpoint, tokenizer: Tokenizer,
    kernels: Kernels
  ) throws {
    try self.init(
      configuration, checkpoint: checkpoint, tokenizer: tokenizer,
      sharing: SharedTrunks(kernels: kernels))
  }

  private convenience init(
    _ configuration: ModelConfiguration, checkpoint: Checkpoint, tokenizer: Tokenizer,
    sharing trunks: SharedTrunks
  ) throws {
    let (shape, kernels) = (configuration.shape, trunks.kernels)
    var (weights, encoder) = try trunks.encoder(
      shape, checkpoint, directory: configuration.encoderDirectory)
    let adapter =
      shape.adapter == nil ? nil : try AdapterReader(directory: configuration.directory)
    var own: PackedWeights?
    if shape.head != nil || adapter != nil {
      own = PackedWeights(
        releasing: try adapter?.parameters(shape, base: checkpoint)
          ?? ParameterReader(shape, checkpoint, .head).parameters(), kernels: kernels)
    }
    if adapter != nil, let own {
      weights = PackedWeights(weights, adding: own, kernels: kernels)
      encoder = Encoder(weights, kernels: kernels)
    }
    try self.init(
      configuration, weights: weights, encoder: encoder,
      head: Self.head(configuration, own, kernels: kernels) {
        try adapter?.read($0, into: $1, base: checkpoint) ?? checkpoint.read($0, into: $1)
      }, tokenizer: tokenizer)
  }

  /// The head of a model; `own` has that on the whole text, `read` gets the tensors of one beside it.
  private static func head(
    _ configuration: ModelConfiguration, _ own: PackedWeights?, kernels: Kernels,
    read: (String, Matrix) throws -> Void
  ) throws -> Head {
    let shape = configuration.shape
    if configuration.task == .embedding {
      return .embedding(
        try EmbeddingHead(
          configuration.embedding ?? EmbeddingConfiguration(poolings: [.mean]),
          hiddenSize: shape.hiddenSize, kernels: kernels))
    }
    if let own, let head = SequenceHead(PieceTensors(own)) { return .sequence(head) }
    let labels = configuration.labels.count
    let weight = Matrix(rows: labels, columns: shape.hiddenSize)
    let bias = Matrix(rows: 1, columns: labels)
    let layer = shape.tokenHead
    try read(layer + ".weight", weight)
    try read(layer + ".bias", bias)
    return .tokens(weight: .transposing(weight, kernels: kernels), bias: bias)
  }

  /// A classifier of parts already in memory.
  convenience init(
    classifier configuration: ModelConfiguration, parameters: ModelParameters,
    tokenizer: Tokenizer, kernels: Kernels
  ) throws {
    let weights = PackedWeights(parameters, kernels: kernels)
    guard let head = SequenceHead(PieceTensors(weights)) else {
      throw ModelError.noHead(path: configuration.directory)
    }
    try self.init(
      configuration, weights: weights, encoder: Encoder(weights, kernels: kernels),
      head: .sequence(head), tokenizer: tokenizer)
  }

  private init(
    _ configuration: ModelConfiguration, weights: PackedWeights, encoder: Encoder, head: Head,
    tokenizer: Tokenizer
  ) throws {
    try configuration.check(tokenizer)
    let tokenizer = configuration.lowercases ? tokenizer.lowercasing() : tokenizer
    self.configuration = configuration
    self.tokenizer = tokenizer
    excludedTokens =
      configuration.embedding?.excludesPrompt ?? false
      ? tokenizer.openingCount(configuration.prompt, maximum: configuration.maximumTokens) : 0
    (self.weights, self.encoder, self.head) = (weights, encoder, head)
  }

  private init(sharing other: TextModel) {
    (configuration, tokenizer) = (other.configuration, other.tokenizer)
    (weights, head, threshold) = (other.weights, other.head, other.threshold)
    excludedTokens = other.excludedTokens
    (makesSketches, sketch) = (other.makesSketches, other.sketch)
    encoder = Encoder(weights, kernels: other.kernels)
  }

  /// Another model with the same weights and a workspace of its own, for another thread.
  public func sibling() -> TextModel { TextModel(sharing: self) }

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
    Self.predict(inputs.map { (self, $0) })
  }

  /// What runs for this model and for all that were loaded with the same encoder: together they can be asked in one batch.
  public var trunk: ObjectIdentifier { ObjectIdentifier(encoder) }

  /// Whether the weights of both encoders are the same memory: those of adapters over one base are.
  public func sharesWeights(with other: TextModel) -> Bool {
    weights.parameters.buffer === other.weights.parameters.buffer
  }

  /// Whether both make the same tokens of every input.
  public func encodes(like other: TextModel) -> Bool {
    tokenizer === other.tokenizer && maximumTokens == other.maximumTokens
      && excludedTokens == other.excludedTokens
      && configuration.prompt.utf8.elementsEqual(other.configuration.prompt.utf8)
  }

  /// Answers in one batch inputs to models with one `trunk`, in their order. What several models are asked of the same tokens
  /// is computed once; each answer has the bits that its model gives alone.
  public static func predict(
    _ questions: [(model: TextModel, input: EncodedInput)]
  ) -> [Result<Prediction, PredictionError>] {
    guard let first = questions.first?.model else { return [] }
    precondition(questions.allSatisfy { $0.model.encoder === first.encoder }, "one trunk")
    let shared = SharedSequences(
      questions.map { (reader: ObjectIdentifier($0.model), encoding: $0.input.encoding) })
    guard let batch = first.batch(shared.encodings) else { return [] }
    let models = shared.readers.map { questions[$0.questions[0]].model }
    first.encoder.run(
      batch, keeping: models.reduce(first.head.kept) { $0.union($1.head.kept) })
    var results = [Result<Prediction, PredictionError>](
      repeating: .failure(.notFinite), count: questions.count)
    for (model, reader) in zip(models, shared.readers) {
      let answers = model.answers(
        reader.sequences, reader.questions.map { questions[$0].input.encoding })
      for (question, answer) in zip(reader.questions, answers) { results[question] = answer }
    }
    return results
  }

  private func batch(_ encodings: [Encoding]) -> TokenBatch? {
    // One row of segments, as RoBERTa has it, is every token's.
    let hasSegments = configuration.shape.embeddings.tokenTypeCount > 1
    return try? TokenBatch(
      encodings.map(\.ids), tokenTypes: hasSegments ? encodings.map(\.typeIDs) : nil)
  }

  /// What this model's head says of some sequences of the batch that was run last.
  private func answers(
    _ sequences: [Int], _ encodings: [Encoding]
  ) -> [Result<Prediction, PredictionError>] {
    let (values, pooled) = values(sequences, encodings)
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
  /// number again, so what leaves the model tells. Beside them, what the last layer of a classifier of texts read.
  private func values(
    _ sequences: [Int], _ encodings: [Encoding]
  ) -> (values: [Prediction.Value?], pooled: Matrix?) {
    switch head {
    case .sequence(let head):
      let (pooled, logits, layout) = encoder.read(head, sequences)
      if task == .tokenClassification { return (tokenValues(encodings, logits, layout), nil) }
      let values = encodings.indices.map { index in
        let row = logits.row(index)
        return row.allSatisfy(\.isFinite) ? sequenceValue(row) : nil
      }
      return (values, task == .regression ? nil : pooled)
    case .tokens(let weight, let bias):
      let (states, layout) = encoder.read(sequences, keeping: .all)
      let logits = Matrix(rows: states.rows, columns: labels.count)
      kernels.linear(states, weight, bias: bias, output: logits)
      return (tokenValues(encodings, logits, layout), nil)
    case .embedding(let head):
      let (states, layout) = encoder.read(sequences, keeping: .all)
      let vectors = head.vectors(states, layout, skipping: excludedTokens, kernels: kernels)
      return (vectors.map { $0.allSatisfy(\.isFinite) ? .vector($0) : nil }, nil)
    }
  }

  private func tokenValues(
    _ encodings: [Encoding], _ logits: Matrix, _ layout: RaggedRows
  ) -> [Prediction.Value?] {
    encodings.enumerated().map { index, encoding in
      tokenLabels(encoding, logits, layout[index]).map { .tokens($0) }
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
