import Foundation
import Tensor
import Tokenization

/// A tokenizer, an encoder and a head: what a model directory holds, ready to predict.
///
/// Loading and packing use one thread and no Dispatch, so the arbiter can do it before it forks; the
/// workers then share the weights. Not thread-safe: one for each compute queue, by `sibling()`.
public final class TextModel {
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
  /// How a table without layers reads texts.
  private let table: TableReading?
  /// A weight for each token, for queries that no layer reads.
  let staticWeights: [Float]?
  /// Tokens whose vectors are left out.
  let skippedIDs: Set<Int32>
  private let weights: PackedWeights
  private let head: any TaskHead
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
  /// What describes its inputs and answers.
  public var signature: ModelSignature {
    ModelSignature(
      labels: labels, dimension: configuration.embeddingDimension,
      prompts: configuration.prompts.names)
  }
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
      sequenceHead: own.flatMap { SequenceHead(PieceTensors($0)) }, tokenizer: tokenizer,
      shape: { checkpoint[$0]?.shape }
    ) {
      try adapter?.read($0, into: $1, base: checkpoint) ?? checkpoint.read($0, into: $1)
    }
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
      sequenceHead: head, tokenizer: tokenizer
    ) { name, _ in throw ModelError.missingTensor(path: configuration.directory, name: name) }
  }

  /// `read` gets the tensors of a head that stands beside the encoder, `shape` says which there are.
  private init(
    _ configuration: ModelConfiguration, weights: PackedWeights, encoder: Encoder,
    sequenceHead: SequenceHead?, tokenizer: Tokenizer,
    shape: @escaping (String) -> [Int]? = { _ in nil }, read: (String, Matrix) throws -> Void
  ) throws {
    try configuration.check(tokenizer)
    let tokenizer = configuration.lowercases ? tokenizer.lowercasing() : tokenizer
    self.configuration = configuration
    self.tokenizer = tokenizer
    table = configuration.table.map { TableReading($0, tokenizer) }
    staticWeights = try configuration.sparse?.queryWeights.map {
      try TokenWeights.read($0, count: configuration.shape.vocabularySize)
    }
    skippedIDs = Set(
      (configuration.multiVector?.skippedTokens ?? []).compactMap { tokenizer.id(for: $0) })
    (self.weights, self.encoder) = (weights, encoder)
    head = try withoutActuallyEscaping(read) {
      try configuration.task.definition.head(
        HeadSource(
          configuration: configuration, sequenceHead: sequenceHead, tokenizer: tokenizer,
          weights: weights.parameters, kernels: encoder.kernels, shape: shape, read: $0))
    }
  }

  private init(sharing other: TextModel) {
    (configuration, tokenizer) = (other.configuration, other.tokenizer)
    (weights, head, threshold) = (other.weights, other.head, other.threshold)
    (table, staticWeights, skippedIDs) = (other.table, other.staticWeights, other.skippedIDs)
    (makesSketches, sketch) = (other.makesSketches, other.sketch)
    encoder = Encoder(weights, kernels: other.kernels)
  }

  /// Another model with the same weights and a workspace of its own, for another thread.
  public func sibling() -> TextModel { TextModel(sharing: self) }

  /// Computes over the threads of `pool` from now on, with the same bits; so does every model over the same encoder.
  public func use(_ pool: ComputePool) { encoder.use(pool) }

  /// The tokens of one input, in one sequence or several.
  ///
  /// - Throws: `PredictionError.noTokens`, or `.noRoom` for a pair that only longer inputs have room for.
  public func encode(_ input: TextInput) throws(PredictionError) -> EncodedInput {
    try task.definition.encode(input, by: self)
  }

  /// The tokens of one input in one sequence, whose end is left off where it is too long.
  ///
  /// - Parameter longest: tokens of the sequence at most; nil for what the model reads.
  func encodeWhole(
    _ input: TextInput, maximum longest: Int? = nil
  ) throws(PredictionError) -> EncodedInput {
    let longest = longest ?? maximumTokens
    let prompt = configuration.prompts.text(for: input.parameters)
    let text = prompt + input.text
    if input.pair != nil && tokenizer.frameCount(isPair: true) > longest {
      throw .noRoom(tokens: longest)
    }
    var encoding =
      table?.encode(text, by: tokenizer, maximum: longest)
      ?? tokenizer.encode(text, pair: input.pair, maximumLength: longest)
    if configuration.embedding?.excludesPrompt == true {
      encoding.promptCount = tokenizer.openingCount(prompt, maximum: longest)
      if encoding.promptCount > 0 && encoding.ids.count <= encoding.promptCount { throw .noTokens }
    }
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
      && configuration.embedding?.excludesPrompt == other.configuration.embedding?.excludesPrompt
      && configuration.prompts == other.configuration.prompts
      && configuration.table == other.configuration.table
      && configuration.sparse == other.configuration.sparse
      && configuration.multiVector == other.configuration.multiVector
  }

  /// Answers in one batch inputs to models with one `trunk`, in their order. What several models are asked of the same tokens
  /// is computed once; each answer has the bits that its model gives alone.
  public static func predict(
    _ questions: [(model: TextModel, input: EncodedInput)]
  ) -> [Result<Prediction, PredictionError>] {
    if let first = questions.first?.model, first.task.definition.writesTexts {
      return written(questions)
    }
    let sequences = questions.flatMap { question in
      question.input.encodings.map { (model: question.model, encoding: $0) }
    }
    // The windows of a long text may be any number; what is computed at a time takes memory.
    var (outputs, start): ([SequenceOutput], Int) = ([], 0)
    while start < sequences.count {
      var (end, tokens) = (start, 0)
      while end < sequences.count {
        tokens += sequences[end].encoding.ids.count
        if end > start && tokens > largestRun { break }
        end += 1
      }
      outputs += Self.outputs(Array(sequences[start..<end]))
      start = end
    }
    var rest = outputs[...]
    return questions.map { model, input in
      let own = rest.prefix(input.encodings.count)
      rest = rest.dropFirst(own.count)
      return model.answer(input, Array(own))
    }
  }

  /// Tokens that are computed at a time, where they are not one sequence.
  private static let largestRun = 16384

  /// The texts that each model writes, one model after the other.
  private static func written(
    _ questions: [(model: TextModel, input: EncodedInput)]
  ) -> [Result<Prediction, PredictionError>] {
    var results = [Result<Prediction, PredictionError>](
      repeating: .failure(.notFinite), count: questions.count)
    let own = Dictionary(grouping: questions.indices) { ObjectIdentifier(questions[$0].model) }
    for places in own.values {
      let model = questions[places[0]].model
      let answers = model.task.definition.answers(places.map { questions[$0].input }, by: model)
      for (place, answer) in zip(places, answers ?? []) { results[place] = answer }
    }
    return results
  }

  /// What each model's head says of each sequence: the part of a prediction that takes time, in one batch over one `trunk`.
  package static func outputs(
    _ sequences: [(model: TextModel, encoding: Encoding)]
  ) -> [SequenceOutput] {
    let apart = sequences.indices.filter { sequences[$0].encoding.seenCount != nil }
    let unread = sequences.indices.filter { !sequences[$0].encoding.isRead }
    // What one sequence needs must not change the bits of another's answer.
    if !unread.isEmpty || !apart.isEmpty && apart.count < sequences.count {
      return outputs(sequences, parted: [Set(apart), Set(unread)])
    }
    guard let first = sequences.first?.model else { return [] }
    precondition(sequences.allSatisfy { $0.model.encoder === first.encoder }, "one trunk")
    let shared = SharedSequences(
      sequences.map { (reader: ObjectIdentifier($0.model), encoding: $0.encoding) })
    guard let batch = first.batch(shared.encodings) else { return [] }
    let models = shared.readers.map { sequences[$0.questions[0]].model }
    first.encoder.run(
      batch, keeping: models.reduce(first.head.kept) { $0.union($1.head.kept) })
    var results = [SequenceOutput?](repeating: nil, count: sequences.count)
    for (model, reader) in zip(models, shared.readers) {
      let own = model.head.outputs(
        model.encoder, reader.sequences, reader.questions.map { sequences[$0].encoding })
      for (place, output) in zip(reader.questions, own) { results[place] = output }
    }
    return results.compactMap(\.self)
  }

  /// The same in several batches: the first set, those in no set, and no batch for the second, which the layers do not read.
  private static func outputs(
    _ sequences: [(model: TextModel, encoding: Encoding)], parted sets: [Set<Int>]
  ) -> [SequenceOutput] {
    var results = [SequenceOutput](repeating: SequenceOutput([]), count: sequences.count)
    let rest = Set(sequences.indices).subtracting(sets[0]).subtracting(sets[1])
    for part in [sets[0], rest] where !part.isEmpty {
      let places = part.sorted()
      for (place, output) in zip(places, outputs(places.map { sequences[$0] })) {
        results[place] = output
      }
    }
    return results
  }

  /// The answer for an input, of what the head said of its sequences. The kernels let nothing that is not finite become a number
  /// again, so what leaves the model tells.
  package func answer(
    _ input: EncodedInput, _ outputs: [SequenceOutput]
  ) -> Result<Prediction, PredictionError> {
    guard outputs.count == input.encodings.count,
      outputs.allSatisfy({ $0.values.allSatisfy(\.isFinite) })
    else { return .failure(.notFinite) }
    let definition = task.definition
    var prediction = Prediction(
      value: definition.value(outputs, of: input, by: self), tokenCount: input.tokenCount,
      unknownTokenCount: input.encodings.reduce(0) { $0 + $1.unknownCount },
      isTruncated: input.encodings.contains(where: \.isTruncated))
    if let sketch, definition.hasProbabilities, let pooled = outputs.first?.pooled,
      !pooled.isEmpty
    {
      prediction.sketch = sketch(pooled)
    }
    return .success(prediction)
  }

  private func batch(_ encodings: [Encoding]) -> TokenBatch? {
    // One row of segments, as RoBERTa has it, is every token's.
    let hasSegments = configuration.shape.embeddings.tokenTypeCount > 1
    return try? TokenBatch(
      encodings.map(\.ids), tokenTypes: hasSegments ? encodings.map(\.typeIDs) : nil,
      seen: encodings.contains { $0.seenCount != nil } ? encodings.map(\.seenCount) : [])
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
}
