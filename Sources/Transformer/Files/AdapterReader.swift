import Foundation
import JSON
import Tensor

/// Reads a directory as peft writes it: low-rank additions (LoRA) and a head for a base that stands elsewhere.
struct AdapterReader {
  /// Put before all names.
  static let prefix = "base_model.model."
  static let weights = "adapter_model.safetensors"

  private let directory: String
  private let configuration: AdapterConfiguration
  private let file: SafeTensors

  /// Reads the settings and the header of the weights.
  ///
  /// - Throws: `ModelError` naming key or tensor.
  init(directory: String) throws {
    self.directory = directory
    configuration = try AdapterConfiguration(directory: directory)
    let path = directory + "/" + Self.weights
    guard FileManager.default.fileExists(atPath: path) else {
      let isPickled = FileManager.default.fileExists(atPath: directory + "/adapter_model.bin")
      throw ModelError.missingFile(
        path: path,
        hint: isPickled
          ? "adapter_model.bin is a pickle, which can run code and is not read; a present peft saves safetensors."
          : "An adapter needs its weights in this file.")
    }
    file = try SafeTensors(path: path)
  }

  /// What the base's files and the adapter's say together.
  ///
  /// - Throws: `ModelError`, before memory is taken.
  func describe() throws -> ModelConfiguration {
    let baseDirectory = try configuration.baseDirectory(from: directory)
    guard !AdapterConfiguration.isIn(baseDirectory) else {
      throw ModelError.unsupported(
        path: configuration.path, what: "an adapter of an adapter (\(baseDirectory))",
        supported: "a base with all of its weights")
    }
    var model = try ModelDirectory.describe(baseDirectory)
    model.directory = directory
    guard let architecture = model.shape.architecture else { return model }
    if let head = try head(model, architecture) {
      model.embedding = nil
      (model.architecture, model.task, model.labels) = (head.architecture, head.task, head.labels)
      (model.prompts, model.lowercases, model.scoreActivation) = (Prompts(), false, .identity)
      model.notes = []
      model.maximumTokens = model.shape.maximumTokens
      model.shape.setHead(head, architecture)
    }
    if let embedding = try SentenceTransformersModules(directory: directory).embedding {
      (model.embedding, model.task, model.labels) = (embedding, .embedding, [])
      model.shape.head = nil
    }
    model.temperature = try ModelDirectory.temperature(directory, head: model.task)
    model.shape.adapter = AdapterShape(additions: try additions(model.shape))
    try checkRest(model)
    let ranks = Set(model.shape.adapter?.additions.map(\.rank) ?? []).sorted()
    model.notes.append(
      "low-rank additions of rank \(ranks.map(String.init).joined(separator: ", ")) to "
        + "\(model.shape.adapter?.additions.count ?? 0) layers of \(baseDirectory)")
    return model
  }

  /// The head that the adapter brings or is for; nil where the base stays what it is.
  private func head(
    _ base: ModelConfiguration, _ architecture: Architecture
  ) throws -> HeadDescription? {
    let own = directory + "/config.json"
    if FileManager.default.fileExists(atPath: own) {
      let json = try ModelConfigurationFile.json(path: own)
      let family = try ModelConfigurationFile.architecture(ConfigReader(json: json, path: own))
      guard family.modelTypes == architecture.modelTypes else {
        throw ModelError.badConfiguration(
          path: own, key: "model_type",
          problem: "is not that of the base, \(base.encoderDirectory)")
      }
      let head = try HeadDescription(json, architecture, path: own)
      return head.task == .embedding ? nil : head
    }
    let isOnTokens = configuration.task == "TOKEN_CLS"
    let layer =
      isOnTokens
      ? base.shape.tokenHead + ".weight"
      : architecture.names(ParameterKey(.head, .classifier, .weight), base.shape).first?.name ?? ""
    guard let rows = file.entries[Self.prefix + layer]?.shape.first else { return nil }
    if base.labels.count == rows, (base.task == .tokenClassification) == isOnTokens { return nil }
    let kind = isOnTokens ? "ForTokenClassification" : "ForSequenceClassification"
    return try HeadDescription(
      [
        "architectures": [.string(architecture.classPrefix + kind)], "num_labels": JSONValue(rows),
      ], architecture, path: file.path)
  }

  /// The base's layers by the names that the file has for them, with and without the family's prefix.
  private func layers(_ shape: ModelShape) -> [String: LinearLayer] {
    let prefix = shape.architecture?.tensorPrefix ?? ""
    var layers: [String: LinearLayer] = [:]
    for layer in shape.linearLayers {
      layers[layer.name] = layer
      if layer.isPrefixed { layers[prefix + layer.name] = layer }
    }
    return layers
  }

  private static func end(_ matrix: Character) -> String { ".lora_\(matrix).weight" }

  /// The additions, whose tensors have the shapes that settings and base ask for.
  private func additions(_ shape: ModelShape) throws -> [AdapterShape.Addition] {
    let layers = layers(shape)
    var found: [(LinearLayer, AdapterShape.Addition)] = []
    for name in file.entries.keys.sorted() where name.hasSuffix(Self.end("A")) {
      let full = String(name.dropLast(Self.end("A").count))
      let short = full.hasPrefix(Self.prefix) ? String(full.dropFirst(Self.prefix.count)) : full
      guard let layer = layers[short], full != short else {
        throw ModelError.unsupported(
          path: file.path, what: "LoRA of \"\(full)\"",
          supported: "linear layers of the base, such as "
            + (layers.keys.sorted().prefix(3).joined(separator: ", ")))
      }
      let rank = configuration.rank(of: short)
      try check(name, [rank, layer.inputs])
      try check(full + Self.end("B"), [layer.rows.count, rank])
      found.append((layer, layer.addition(rank: rank, scale: configuration.scale(of: short))))
    }
    guard !found.isEmpty else {
      throw ModelError.badTensors(path: file.path, problem: "it holds no lora_A")
    }
    let order = Dictionary(
      shape.tensors.enumerated().map { ($1.key, $0) }, uniquingKeysWith: { first, _ in first })
    let additions = found.map(\.1).sorted {
      ((order[$0.product] ?? 0), $0.layer) < ((order[$1.product] ?? 0), $1.layer)
    }
    for (one, next) in zip(additions, additions.dropFirst()) where one.down == next.down {
      throw ModelError.badTensors(
        path: file.path, problem: "it holds two additions to \(one.product)")
    }
    return additions
  }

  private func check(_ name: String, _ wanted: [Int]) throws {
    guard let entry = file.entries[name] else {
      throw ModelError.missingTensor(path: file.path, name: name)
    }
    guard entry.shape == wanted, FloatFormat(rawValue: entry.type) != nil else {
      throw ModelError.wrongTensor(
        path: file.path, name: name, found: "\(entry.type) \(entry.shape)",
        wanted: "F32, F16 or BF16 \(wanted)")
    }
  }

  /// Everything in the file has a place, and every head tensor is there or in the base.
  private func checkRest(_ model: ModelConfiguration) throws {
    let base = try Checkpoint(directory: model.encoderDirectory)
    var known: Set<String> = []
    for spec in model.shape.tensors where spec.key.place == .head && !spec.key.isLowRank {
      let (own, other) = try names(spec, model.shape, base)
      if file.entries[own] != nil {
        known.insert(own)
        try check(own, spec.fileShape(rows: spec.isVector ? spec.columns : spec.rows))
      } else if base[other] == nil {
        throw ModelError.missingTensor(path: file.path, name: own)
      }
    }
    known.formUnion(model.tokenLayerTensors.map { Self.prefix + $0.name })
    for name in file.entries.keys.sorted() where !known.contains(name) {
      if name.hasSuffix(Self.end("A")) { continue }
      if name.hasSuffix(Self.end("B")) {
        let partner = String(name.dropLast(Self.end("B").count)) + Self.end("A")
        if file.entries[partner] != nil { continue }
        throw ModelError.missingTensor(path: file.path, name: partner)
      }
      throw ModelError.unsupported(
        path: file.path, what: "tensor \"\(name.prefix(200))\"",
        supported: "lora_A and lora_B of linear layers, and the head's own tensors")
    }
  }

  /// What the adapter and the base call a head's tensor.
  private func names(
    _ spec: TensorSpec, _ shape: ModelShape, _ base: Checkpoint
  ) throws -> (own: String, base: String) {
    let stored = try CheckpointNames(shape, in: base)
    let written = CheckpointNames(
      shape, stored.architecture, prefix: stored.architecture.tensorPrefix)
    let own = written.sources(spec).first?.name ?? ""
    return (Self.prefix + own, stored.sources(spec).first?.name ?? "")
  }

  /// The tensors that the base lacks or that stand in the adapter's place: the head's and the additions'.
  ///
  /// - Throws: `ModelError` naming the tensor.
  func parameters(_ shape: ModelShape, base: Checkpoint) throws -> ModelParameters {
    let parameters = ModelParameters(shape, .head)
    let layers = Dictionary(
      layers(shape).map { ($1.addition(rank: 1, scale: 1).up, ($0, $1)) },
      uniquingKeysWith: { $0.0.utf8.count > $1.0.utf8.count ? $0 : $1 })
    for addition in shape.adapter?.additions ?? [] {
      guard let (name, layer) = layers[addition.up], let down = parameters[addition.down],
        let up = parameters[addition.up]
      else { continue }
      let full = [name, layer.name].map { Self.prefix + $0 }
        .first { file.entries[$0 + Self.end("A")] != nil }
      guard let full else {
        throw ModelError.missingTensor(path: file.path, name: Self.prefix + name + Self.end("A"))
      }
      try file.read(full + Self.end("A"), into: down)
      let stored = Matrix(rows: up.rows, columns: up.columns)
      try file.read(full + Self.end("B"), into: stored)
      for run in layer.runs { up.rowRange(run.ours).copy(from: stored.rowRange(run.stored)) }
    }
    for spec in parameters.tensors where !spec.key.isLowRank {
      let (own, other) = try names(spec, shape, base)
      let target =
        spec.isVector ? parameters.matrix(spec).asVector : parameters.matrix(spec)
      if file.entries[own] != nil {
        try file.read(own, into: target)
      } else {
        try base.read(other, into: target)
      }
    }
    return parameters
  }

  /// Reads a tensor of the head on tokens, which stands beside the shape, from here or from the base; see `SafeTensors.read`.
  func read(_ name: String, into target: Matrix, base: Checkpoint) throws {
    if file.entries[Self.prefix + name] == nil { return try base.read(name, into: target) }
    try file.read(Self.prefix + name, into: target)
  }
}
