import Foundation
import JSON
import Tensor

/// A model without layers: a vector for each token, of which a text has the mean. Read as sentence-transformers saves `StaticEmbedding`
/// and as model2vec saves a `StaticModel`, whose tables may have fewer rows than there are tokens, and a weight for each token.
enum StaticTable {
  /// How a text becomes the rows that are taken.
  struct Reading: Sendable, Equatable {
    /// Whether unknown tokens have no part, as in model2vec.
    var dropsUnknown = false
    /// Tokens after which a text is cut by its characters first: so many times the median length of a token. Nil for no cut.
    var cutTokens: Int?
  }

  /// Longer texts are cut: each token takes a row of memory.
  static let longestText = 32768
  /// Where neither file nor caller says.
  private static let longestModel2Vec = 512

  /// Whether the `config.json` in `directory` is model2vec's.
  static func isModel2Vec(_ directory: String) -> Bool {
    let path = directory + "/config.json"
    guard FileManager.default.fileExists(atPath: path),
      let json = try? ModelConfigurationFile.json(path: path)
    else { return false }
    return json["model_type"]?.stringValue == "model2vec"
  }

  /// The model that the table in `encoderDirectory` is.
  ///
  /// - Throws: `ModelError` naming file, key or tensor.
  static func describe(
    _ directory: String, _ encoderDirectory: String, _ modules: SentenceTransformersModules
  ) throws -> ModelConfiguration {
    let shape = try shape(encoderDirectory)
    var configuration = ModelConfiguration(
      directory: directory, encoderDirectory: encoderDirectory, architecture: "StaticEmbedding",
      task: .embedding, shape: shape, labels: [], scoreActivation: .identity,
      embedding: EmbeddingConfiguration(poolings: [.mean]), maximumTokens: longestText, notes: [])
    (configuration.prompts, configuration.lowercases) = (modules.prompts, modules.lowercases)
    configuration.table = Reading()
    if case .embedding(let embedding) = modules.kind { configuration.embedding = embedding }
    let path = encoderDirectory + "/config.json"
    guard isModel2Vec(encoderDirectory) else { return configuration }
    let json = try ModelConfigurationFile.json(path: path)
    configuration.architecture = "StaticModel"
    var longest: Int? = longestModel2Vec
    if let value = json["max_length"] {
      longest = value.isNull ? nil : try SavedModule.length(json, "max_length", path: path)
    }
    configuration.maximumTokens = min(longest ?? longestText, longestText)
    configuration.table = Reading(dropsUnknown: true, cutTokens: longest)
    let isNormalised = configuration.embedding?.steps.contains(.normalize) ?? false
    if json["normalize"]?.boolValue == true && !isNormalised {
      configuration.embedding?.steps.append(.normalize)
    }
    return configuration
  }

  private static func shape(_ directory: String) throws -> ModelShape {
    let file = try Checkpoint(files: directory)
    let name = try name(file)
    guard let entry = file[name], entry.shape.count == 2, entry.shape[1] > 0 else {
      throw ModelError.wrongTensor(
        path: file.path, name: name, found: "\(file[name]?.shape ?? [])", wanted: "[tokens, width]")
    }
    let rows = file["mapping"]?.shape.first ?? entry.shape[0]
    return ModelShape(
      modelType: "model2vec",
      embeddings: EmbeddingShape(
        vocabularySize: rows, width: entry.shape[1], positions: .none, positionCount: longestText,
        norm: nil),
      encoder: StackShape(width: entry.shape[1], blocks: []), maximumTokens: longestText)
  }

  private static func name(_ file: Checkpoint) throws -> String {
    let names = ["embedding.weight", "embeddings"]
    guard let name = names.first(where: { file[$0] != nil }) else {
      throw file.missing(names[0])
    }
    return name
  }

  /// The table with a row for each token, in the file as it is or made of mapping and weights.
  ///
  /// - Throws: `ModelError` naming the tensor.
  static func unfolded(_ file: Checkpoint) throws -> Checkpoint {
    let name = try name(file)
    guard let entry = file[name], entry.shape.count == 2 else { return file }
    let isPlain = file["mapping"] == nil && file["weights"] == nil && entry.type != "I8"
    if isPlain { return file }
    let stored = try rows(file, name, entry)
    let mapping = try file["mapping"].map { try integers(file, "mapping", $0, below: stored.rows) }
    let count = mapping?.count ?? stored.rows
    var scales: [Float]?
    if file["weights"] != nil {
      let weights = Matrix(rows: 1, columns: count)
      try file.read("weights", into: weights)
      scales = weights.row(0)
    }
    var bytes = Data(capacity: count * stored.columns * MemoryLayout<Float>.size)
    for token in 0..<count {
      let scale = scales?[token] ?? 1
      let row = stored.row(mapping?[token] ?? token).map { $0 * scale }
      row.withUnsafeBytes { bytes.append(contentsOf: $0) }
    }
    return Checkpoint(
      try SafeTensors(
        path: file.path,
        data: SafeTensors.encode([("embedding.weight", [count, stored.columns], bytes)])))
  }

  private static func rows(
    _ file: Checkpoint, _ name: String, _ entry: SafeTensors.Entry
  ) throws -> Matrix {
    let rows = Matrix(rows: entry.shape[0], columns: entry.shape[1])
    guard entry.type == "I8", let bytes = file.bytes(name) else {
      try file.read(name, into: rows)
      return rows
    }
    // Their scale is the same for all, and is left out: the vectors are divided by their length.
    return Matrix(
      rows: rows.rows, columns: rows.columns, bytes.map { Float(Int8(bitPattern: $0)) })
  }

  private static func integers(
    _ file: Checkpoint, _ name: String, _ entry: SafeTensors.Entry, below limit: Int
  ) throws -> [Int] {
    let sizes = ["I64": 8, "I32": 4, "U32": 4, "U16": 2, "I16": 2]
    guard let size = sizes[entry.type], entry.shape.count == 1, let bytes = file.bytes(name) else {
      throw ModelError.wrongTensor(
        path: file.path, name: name, found: "\(entry.type) \(entry.shape)",
        wanted: "a vector of integers")
    }
    return try (0..<entry.count).map { index in
      let start = bytes.startIndex + index * size
      let value = bytes[start..<start + size].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      guard value < UInt64(limit) else {
        throw ModelError.badTensors(
          path: file.path, problem: "\"\(name)\" names a row outside of the table")
      }
      return Int(value)
    }
  }
}

extension Architecture {
  /// A table without layers: `StaticEmbedding` of sentence-transformers, `StaticModel` of model2vec.
  static let staticTable = Architecture(
    modelTypes: ["model2vec"], classPrefix: "Static", tensorPrefix: "",
    read: { reader in
      throw ModelError.unsupported(
        path: reader.path, what: "a table without layers", supported: "serving it, not training it")
    },
    headPlan: SequenceHeadShape(activation: nil),
    names: { key, _ in key.part == .words ? [.encoder("embedding.weight")] : [] },
    otherNames: [{ key, _ in key.part == .words ? [.encoder("embeddings")] : [] }])
}
