import Files
import Foundation
import JSON
import Tensor

/// A model as a Hugging Face directory: `config.json`, `model.safetensors`, and beside them the
/// tokenizer's files.
public enum ModelDirectory {
  /// Files that hold weights, or say where they are: those of an adapter beside those of a whole model would contradict them.
  public static let weightFiles = [
    "model.safetensors", "model.safetensors.index.json", AdapterConfiguration.name,
    AdapterReader.weights,
  ]

  /// Reads shape, task and labels from `directory`, and checks that they are supported.
  ///
  /// - Throws: `ModelError` naming file and key.
  ///
  /// - Parameter task: what the model is to be, where its files have layers for several; nil for what `martlet.json` says, or the
  ///   files alone.
  public static func describe(
    _ directory: String, as task: ModelTask? = nil
  ) throws -> ModelConfiguration {
    let found = try describeAsIs(directory)
    guard let task = try task ?? ownTask(directory), task != found.task else { return found }
    if task == .embedding { return found.embedding(pooling: .mean, normalizes: nil) }
    if let other = try TokenLayers.configuration(found, as: task) { return other }
    throw ModelError.wrongTask(path: directory, found: found.task, wanted: task)
  }

  /// The task that `martlet.json` names.
  private static func ownTask(_ directory: String) throws -> ModelTask? {
    let path = directory + "/martlet.json"
    guard FileManager.default.fileExists(atPath: path),
      let name = try ModelConfigurationFile.json(path: path)["task"]?.stringValue
    else { return nil }
    guard let task = ModelTask.all.first(where: { $0.rawValue == name }) else {
      throw ModelError.unsupported(
        path: path, what: "task \"\(name.prefix(100))\"",
        supported: ModelTask.all.map(\.rawValue).joined(separator: ", "))
    }
    return task
  }

  private static func describeAsIs(_ directory: String) throws -> ModelConfiguration {
    var isDirectory: ObjCBool = false
    guard FileManager.default.fileExists(atPath: directory, isDirectory: &isDirectory),
      isDirectory.boolValue
    else { throw ModelError.noDirectory(path: directory) }
    if AdapterConfiguration.isIn(directory) {
      return try AdapterReader(directory: directory).describe()
    }
    let modules = try SentenceTransformersModules(directory: directory)
    var encoderDirectory = directory
    if !modules.encoderPath.isEmpty { encoderDirectory += "/" + modules.encoderPath }
    if modules.isStatic || modules.isPlain && StaticTable.isModel2Vec(encoderDirectory) {
      return try StaticTable.describe(directory, encoderDirectory, modules)
    }
    let path = encoderDirectory + "/config.json"
    var json = try ModelConfigurationFile.json(path: path)
    let reader = ConfigReader(json: json, path: path)
    let colbert = try StanfordColBERT.encoder(json, ModelConfigurationFile.architecture(reader))
    json = colbert ?? json
    let shape = try ModelConfigurationFile.read(json, path: path)
    let head = try HeadDescription(
      json, ModelConfigurationFile.architecture(ConfigReader(json: json, path: path)), path: path)
    var configuration = ModelConfiguration(
      directory: directory, encoderDirectory: encoderDirectory, architecture: head.architecture,
      task: head.task, shape: shape, labels: head.labels,
      scoreActivation: try head.scoreActivation(modules, json, path: path), embedding: nil,
      maximumTokens: min(shape.maximumTokens, modules.maximumTokens ?? .max),
      prompts: modules.prompts, lowercases: modules.lowercases, notes: [])
    configuration.isCrossEncoder =
      modules.isCrossEncoder || json["sentence_transformers"] != nil
    if !modules.isPlain {
      configuration.labels = []
      configuration.shape.head = nil
    }
    if colbert != nil {
      configuration.task = .multiVectorEmbedding
      let (vectors, prompts) = try StanfordColBERT.vectors(
        encoderDirectory, width: shape.hiddenSize)
      (configuration.multiVector, configuration.prompts) = (vectors, prompts)
      return configuration
    }
    switch modules.kind {
    case .causal(let score):
      (configuration.task, configuration.logitScore) = (.regression, score)
      (configuration.labels, configuration.shape.head) = (["LABEL_0"], nil)
      configuration.scoreActivation = try HeadDescription.activation(
        modules, json, path: path, standard: .sigmoid)
    case .embedding(let embedding):
      (configuration.task, configuration.embedding) = (.embedding, embedding)
    case .sparse(let sparse):
      (configuration.task, configuration.sparse) = (.sparseEmbedding, sparse)
    case .multiVector(let vectors):
      (configuration.task, configuration.multiVector) = (.multiVectorEmbedding, vectors)
    case .plain where head.task == .embedding:
      configuration.embedding = EmbeddingConfiguration(poolings: [.mean])
      configuration.notes.append(
        "neither a head nor modules.json is there: embeddings by mean pooling, not normalised")
    case .plain where head.task == .maskedWords:
      configuration.notes.append(
        "it names masked words; embeddings of the encoder alone: martlet embed --pooling mean")
    case .plain: break
    }
    configuration.temperature = try temperature(directory, head: head.task)
    if let decoder = shape.decoder {
      configuration.decoding = try DecodingSettings.read(
        directory: encoderDirectory, config: json, decoder: decoder)
    }
    return configuration
  }

  /// What `martlet train` fitted and wrote to `martlet.json`; 1 where it says nothing of it.
  ///
  /// - Throws: `ModelError.badConfiguration` for one that no fit gives.
  static func temperature(_ directory: String, head: ModelTask) throws -> Float {
    let path = directory + "/martlet.json"
    guard head == .classification, FileManager.default.fileExists(atPath: path),
      let value = try ModelConfigurationFile.json(path: path)["temperature"], !value.isNull
    else { return 1 }
    guard let number = value.doubleValue, number >= 0.01, number <= 100 else {
      throw ModelError.badConfiguration(
        path: path, key: "temperature", problem: "is not a number from 0.01 to 100")
    }
    return Float(number)
  }

  /// Reads shape and weights of the encoder, with its head on the whole text if it has one; an adapter's are merged into its
  /// base's.
  ///
  /// - Throws: `ModelError` naming file, key or tensor, or `TensorError`.
  public static func read(_ directory: String) throws -> ModelParameters {
    try read(describe(directory))
  }

  /// The same of a directory that is described already.
  public static func read(_ configuration: ModelConfiguration) throws -> ModelParameters {
    let checkpoint = try Checkpoint(directory: configuration.encoderDirectory)
    guard configuration.shape.adapter != nil else {
      return try read(configuration.shape, checkpoint)
    }
    let tail = try AdapterReader(directory: configuration.directory)
      .parameters(configuration.shape, base: checkpoint)
    let base = try read(configuration.shape.trunk, checkpoint)
    guard base.quantization == nil else {
      throw ModelError.alreadyQuantized(path: configuration.encoderDirectory)
    }
    var shape = configuration.shape
    shape.embeddings = base.shape.embeddings
    let whole = ModelParameters(shape)
    for spec in whole.tensors {
      if let source = base[spec.key] ?? tail[spec.key] { whole.matrix(spec).copy(from: source) }
    }
    return whole.merged(try Kernels.best())
  }

  /// Reads the weights of `shape` from `file`.
  ///
  /// - Throws: `ModelError` naming the tensor.
  public static func read(_ shape: ModelShape, _ file: Checkpoint) throws -> ModelParameters {
    try ParameterReader(shape, file).parameters()
  }

  /// The head's first layer, where the family keeps it with the encoder and `file` has it: weight [d, d] and
  /// bias [d] of BERT's pooler.
  ///
  /// - Throws: `ModelError` naming the tensor.
  public static func pooler(
    _ shape: ModelShape, _ file: Checkpoint
  ) throws -> (weight: Matrix, bias: Matrix)? {
    let names = try CheckpointNames(shape, in: file)
    var found: [Matrix] = []
    for spec in shape.tensors where spec.key.place == .head && spec.key.part == .pool {
      guard let name = names.withEncoder(spec), file[name] != nil else { return nil }
      let matrix = Matrix(rows: spec.rows, columns: spec.columns)
      try file.read(name, into: matrix)
      found.append(matrix)
    }
    return found.count == 2 ? (found[0], found[1]) : nil
  }

  /// Writes low-rank additions and head of `parameters` to `directory`, as peft does; `base` is the directory of the model
  /// that they go to.
  ///
  /// - Throws: `ModelError` or `FileError`.
  public static func writeAdapter(
    _ parameters: ModelParameters, base: String, to directory: String
  ) throws {
    try AdapterWriter(parameters, base: base)?.write(to: directory)
  }

  /// Writes shape and weights to `directory`, made where it is missing. Each file appears whole or
  /// not at all.
  ///
  /// - Parameters:
  ///   - task: what the head is for, where there is one.
  ///   - scoreActivation: what its numbers go through.
  ///   - base: the directory of a model with the same weights in front of the head: they are copied from there, byte
  ///   for byte, whatever their type.
  public static func write(
    _ parameters: ModelParameters, to directory: String, task: ModelTask = .classification,
    scoreActivation: ScoreActivation = .identity, headOver base: String? = nil
  ) throws {
    let trunk = try base.map { try describe($0) }.flatMap { base in
      base.shape.adapter == nil ? try Checkpoint(directory: base.encoderDirectory) : nil
    }
    let weights = try ParameterWriter(parameters, path: directory, trunk: trunk).bytes()
    guard
      let config = ModelConfigurationFile.encode(
        parameters.shape, task: task, scoreActivation: scoreActivation)
    else {
      throw ModelError.unsupported(
        path: directory, what: "model_type \"\(parameters.shape.modelType)\"",
        supported: Architecture.supported)
    }
    try Folder.make(directory)
    try OutputFile.write(config.serializedBytes(pretty: true), to: directory + "/config.json")
    try OutputFile.write(weights, to: directory + "/model.safetensors")
  }
}
