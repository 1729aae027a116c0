import Foundation
import JSON
import Tensor

/// A model as a Hugging Face directory: `config.json`, `model.safetensors`, and beside them the
/// tokenizer's files.
public enum ModelDirectory {
  /// Reads shape, task and labels from `directory`, and checks that they are supported.
  ///
  /// - Throws: `ModelError` naming file and key.
  public static func describe(_ directory: String) throws -> ModelConfiguration {
    var isDirectory: ObjCBool = false
    guard FileManager.default.fileExists(atPath: directory, isDirectory: &isDirectory),
      isDirectory.boolValue
    else { throw ModelError.noDirectory(path: directory) }
    let modules = try SentenceTransformersModules(directory: directory)
    var encoderDirectory = directory
    if let folder = modules?.encoderPath, !folder.isEmpty { encoderDirectory += "/" + folder }
    let path = encoderDirectory + "/config.json"
    let json = try HuggingFaceConfiguration.json(path: path)
    let encoder = try HuggingFaceConfiguration.read(json, path: path)
    let head = try HuggingFaceTask(json, family: encoder.family, path: path)
    var configuration = ModelConfiguration(
      directory: directory, encoderDirectory: encoderDirectory, architecture: head.architecture,
      task: head.task, encoder: encoder, labels: head.labels,
      scoreActivation: head.scoreActivation, embedding: nil,
      maximumTokens: min(encoder.maximumTokens, modules?.maximumTokens ?? .max), notes: [])
    if let embedding = modules?.embedding {
      configuration.embedding = embedding
      (configuration.task, configuration.labels) = (.embedding, [])
      configuration.encoder.labels = []
    } else if head.task == .embedding {
      configuration.embedding = EmbeddingConfiguration(poolings: [.mean])
      configuration.notes.append(
        "neither a head nor modules.json is there: embeddings by mean pooling, not normalised")
    }
    if head.task == .classification {
      configuration.temperature = try temperature(directory)
    }
    return configuration
  }

  /// What `martlet train` fitted and wrote to `martlet.json`; 1 where it says nothing of it.
  ///
  /// - Throws: `ModelError.badConfiguration` for one that no fit gives.
  private static func temperature(_ directory: String) throws -> Float {
    let path = directory + "/martlet.json"
    guard FileManager.default.fileExists(atPath: path),
      let value = try HuggingFaceConfiguration.json(path: path)["temperature"], !value.isNull
    else { return 1 }
    guard let number = value.doubleValue, number >= 0.01, number <= 100 else {
      throw ModelError.badConfiguration(
        path: path, key: "temperature", problem: "is not a number from 0.01 to 100")
    }
    return Float(number)
  }

  /// Reads shape and weights of the encoder, with its head on the whole text if it has one.
  ///
  /// - Throws: `ModelError` naming file, key or tensor.
  public static func read(_ directory: String) throws -> EncoderParameters {
    let configuration = try describe(directory)
    return try read(
      configuration.encoder, Checkpoint(directory: configuration.encoderDirectory))
  }

  /// Reads the weights of `configuration` from `file`.
  public static func read(
    _ configuration: EncoderConfiguration, _ file: Checkpoint
  ) throws -> EncoderParameters {
    // The file must be able to hold what the configuration asks for, before memory is taken for it.
    try checkSize(configuration, file)
    let names = names(configuration, file)
    try checkTables(configuration, file, names)
    var configuration = configuration
    if configuration.positionalEncoding == .sinusoidal,
      try !hasSinusoids(configuration, file, names)
    {
      configuration.positionalEncoding = .learned
    }
    var parameters = EncoderParameters(configuration)
    var used: Set<String> = [names.positions]
    for entry in parameters.entries {
      let target = parameters.matrix(entry)
      for source in names.sources(entry) {
        let part: Matrix
        if entry.rows == 1 && source.rows.count != 1 {
          part = target.columnRange(source.rows).asVector
        } else {
          part = target.rowRange(source.rows)
        }
        let name = present(source.name, file)
        used.insert(name)
        guard entry.isLayerWeight, file[name]?.type == "I8" else {
          try file.read(name, into: part)
          continue
        }
        if parameters.quantization == nil { parameters.quantization = .init() }
        let stored = try file.readQuantized(name, into: part)
        parameters.quantization?.scales[entry.name, default: []] += stored.scales
        if let factors = stored.smoothing {
          parameters.quantization?.smoothing[entry.name] = factors
        }
        used.formUnion([name + "_scale", name + "_smoothing"])
      }
    }
    try refuseStrangers(file, names, used: used)
    return parameters
  }

  /// Tensors in the encoder's own namespace that nothing asked for mean that shape and weights are
  /// not of the same model. Heads of other tasks and stored constants are skipped.
  private static func refuseStrangers(
    _ file: Checkpoint, _ names: HuggingFaceNames, used: Set<String>
  ) throws {
    let constants = ["embeddings.position_ids", "embeddings.token_type_ids"]
    let spaces = ["encoder.", "transformer.", "embeddings."].map { names.prefix + $0 }
    let strangers = file.names.filter { name in
      !used.contains(name) && spaces.contains { name.hasPrefix($0) }
        && !constants.contains { name == names.prefix + $0 }
    }
    if let first = strangers.min() {
      throw ModelError.extraTensor(path: file.path, name: first)
    }
  }

  /// Shapes of the tables, whose size no other check bounds.
  private static func checkTables(
    _ c: EncoderConfiguration, _ file: Checkpoint, _ names: HuggingFaceNames
  ) throws {
    var tables = [(names.prefix + "embeddings.word_embeddings.weight", c.vocabularySize)]
    if c.positionalEncoding == .learned || file[names.positions] != nil {
      tables.append((names.positions, c.positionCount))
    } else if c.positionCount > longestSinusoids {
      throw ModelError.badConfiguration(
        path: file.path, key: "max_position_embeddings",
        problem: "(\(c.positionCount)) is above \(longestSinusoids), and no table is stored")
    }
    if c.tokenTypeCount > 0 {
      tables.append((names.prefix + "embeddings.token_type_embeddings.weight", c.tokenTypeCount))
    }
    for (name, rows) in tables {
      guard let entry = file[name] else {
        throw ModelError.missingTensor(path: file.path, name: name)
      }
      guard entry.shape == [rows, c.hiddenSize] else {
        throw ModelError.wrongTensor(
          path: file.path, name: name, found: "\(entry.type) \(entry.shape)",
          wanted: "F32, F16 or BF16 \([rows, c.hiddenSize])")
      }
    }
  }

  private static let longestSinusoids = 1 << 16
  /// Tensors that a layer of any family has.
  private static let tensorsPerLayer = 16

  /// Writes shape and weights to `directory`, made where it is missing. Each file appears whole or
  /// not at all.
  public static func write(_ parameters: EncoderParameters, to directory: String) throws {
    let configuration = parameters.configuration
    do {
      try FileManager.default.createDirectory(
        atPath: directory, withIntermediateDirectories: true)
      let config = HuggingFaceConfiguration.encode(configuration)
      try Data(config.serializedBytes(pretty: true)).write(
        to: URL(fileURLWithPath: directory + "/config.json"), options: .atomic)
      try encode(parameters).write(
        to: URL(fileURLWithPath: directory + "/model.safetensors"), options: .atomic)
    } catch {
      throw ModelError.unreadable(
        path: directory, reason: "cannot be written (\(error.localizedDescription))")
    }
  }

  /// The bytes of `model.safetensors`.
  public static func encode(
    _ parameters: EncoderParameters, extra: [(name: String, matrix: Matrix)] = []
  ) -> Data {
    let configuration = parameters.configuration
    let names = HuggingFaceNames(
      configuration: configuration,
      prefix: configuration.labels.isEmpty ? "" : HuggingFaceNames.prefix(configuration.family))
    var tensors: [(name: String, shape: [Int], bytes: Data)] = []
    for entry in parameters.entries {
      for source in names.sources(entry) {
        if entry.rows == 1 && source.rows.count != 1 {
          let start = entry.offset + source.rows.lowerBound
          tensors.append(
            (
              source.name, [source.rows.count],
              parameters.buffer.bytes(start..<start + source.rows.count)
            ))
        } else {
          if let quantization = parameters.quantization, entry.isLayerWeight {
            tensors += quantized(
              source.name, parameters.matrix(entry).rowRange(source.rows),
              smoothing: quantization.smoothing[entry.name],
              scales: quantization.scales[entry.name].map { Array($0[source.rows]) })
            continue
          }
          let start = entry.offset + source.rows.lowerBound * entry.columns
          let count = source.rows.count * entry.columns
          // A table of one row, such as RoBERTa's token types, stays a matrix.
          let isTable = entry.name.hasPrefix("embeddings.") && !entry.name.contains("norm")
          let shape =
            entry.rows == 1 && !isTable && !(entry.decays && entry.name.hasSuffix("weight"))
            ? [entry.columns] : [source.rows.count, entry.columns]
          tensors.append((source.name, shape, parameters.buffer.bytes(start..<start + count)))
        }
      }
    }
    if configuration.positionalEncoding != .learned {
      let count = configuration.positionCount * configuration.hiddenSize
      let table = parameters.positions?.buffer ?? FloatBuffer(count: count)
      tensors.append(
        (
          names.positions, [configuration.positionCount, configuration.hiddenSize],
          table.bytes(0..<count)
        ))
    }
    for (name, matrix) in extra {
      let shape = matrix.rows == 1 ? [matrix.columns] : [matrix.rows, matrix.columns]
      tensors.append((name, shape, matrix.buffer.bytes(0..<matrix.count)))
    }
    return SafeTensors.encode(
      tensors.sorted { $0.name < $1.name }, metadata: ["format": "pt"])
  }

  /// A weight in 8 bits: its values, its scales and, where there are any, its smoothing factors.
  private static func quantized(
    _ name: String, _ weight: Matrix, smoothing: [Float]?, scales: [Float]?
  ) -> [(name: String, shape: [Int], bytes: Data)] {
    let (values, scales) = QuantizedMatrix.stored(
      weight, smoothing: smoothing, scales: scales)
    let bytes = values.withUnsafeBytes { Data($0) }
    func floats(_ values: [Float]) -> Data {
      FloatBuffer(values).bytes(0..<values.count)
    }
    var tensors = [
      (name: name, shape: [weight.rows, weight.columns], bytes: bytes),
      (name: name + "_scale", shape: [weight.rows], bytes: floats(scales)),
    ]
    if let smoothing {
      tensors.append((name + "_smoothing", [weight.columns], floats(smoothing)))
    }
    return tensors
  }

  private static func names(
    _ configuration: EncoderConfiguration, _ file: Checkpoint
  ) -> HuggingFaceNames {
    let prefix = HuggingFaceNames.prefix(configuration.family)
    let hasPrefix = file.names.contains { $0.hasPrefix(prefix) }
    return HuggingFaceNames(configuration: configuration, prefix: hasPrefix ? prefix : "")
  }

  /// Checkpoints converted from TensorFlow call a norm's weight gamma and its bias beta.
  private static func present(_ name: String, _ file: Checkpoint) -> String {
    if file[name] != nil || !name.contains("LayerNorm") { return name }
    let old = name.replacingOccurrences(of: "LayerNorm.weight", with: "LayerNorm.gamma")
      .replacingOccurrences(of: "LayerNorm.bias", with: "LayerNorm.beta")
    return file[old] == nil ? name : old
  }

  private static func hasSinusoids(
    _ configuration: EncoderConfiguration, _ file: Checkpoint, _ names: HuggingFaceNames
  ) throws -> Bool {
    guard file[names.positions] != nil else { return true }
    let (rows, columns) = (configuration.positionCount, configuration.hiddenSize)
    let stored = Matrix(rows: rows, columns: columns)
    try file.read(names.positions, into: stored)
    let wanted = PositionalEncoding.sinusoids(positions: rows, width: columns)
    return (0..<rows).allSatisfy { row in
      zip(stored.row(row), wanted.row(row)).allSatisfy { abs($0 - $1) < 1e-4 }
    }
  }

  private static func checkSize(_ c: EncoderConfiguration, _ file: Checkpoint) throws {
    let stored = file.parameterCount
    let needed = tensorsPerLayer * c.layerCount
    guard needed <= file.names.count else {
      throw ModelError.badTensors(
        path: file.path,
        problem: "it holds \(file.names.count) tensors where \(c.layerCount) layers have \(needed)")
    }
    let layer = 4 * c.hiddenSize * c.hiddenSize + 2 * c.hiddenSize * c.feedForwardSize
    let (layers, overflow) = layer.multipliedReportingOverflow(by: c.layerCount)
    let wanted = layers.addingReportingOverflow(c.vocabularySize * c.hiddenSize)
    guard !overflow, !wanted.overflow, wanted.partialValue <= stored else {
      throw ModelError.badTensors(
        path: file.path,
        problem: "it holds \(stored) numbers, fewer than the shape in config.json needs")
    }
  }
}
