import Foundation
import Tensor

/// Reads the weights of a shape out of a checkpoint.
struct ParameterReader {
  private let file: Checkpoint
  private let names: CheckpointNames
  private var shape: ModelShape

  private static let longestSinusoids = 1 << 16
  /// Buffers that `transformers` stores beside the weights.
  private static let constants = [
    "embeddings.position_ids", "embeddings.token_type_ids", "encoder.embed_positions.weight",
  ]
  /// Ends of names of stored constants: the angles of rotary places.
  private static let constantEnds = ["rotary_emb.inv_freq", "rotary_embeddings.inv_freq"]

  /// Checks that `file` holds what `shape` asks for, before memory is taken for it.
  ///
  /// - Throws: `ModelError` naming the tensor or key.
  init(_ shape: ModelShape, _ file: Checkpoint) throws {
    (self.shape, self.file) = (shape, file)
    names = try CheckpointNames(shape, in: file)
    try checkCount()
    try checkSinusoids()
    for spec in shape.tensors {
      for source in names.sources(spec) { try check(spec, source) }
    }
  }

  /// The weights.
  ///
  /// - Throws: `ModelError` naming the tensor.
  mutating func parameters() throws -> ModelParameters {
    if shape.embeddings.positions == .sinusoidal, try !hasSinusoids() {
      shape.embeddings.positions = .learned
    }
    var parameters = ModelParameters(shape)
    var used = Set([names.positions].compactMap(\.self))
    for spec in parameters.tensors {
      for source in names.sources(spec) {
        try read(source, spec, into: &parameters, used: &used)
      }
    }
    try refuseStrangers(used: used, parameters.tensors)
    return parameters
  }

  private func read(
    _ source: CheckpointNames.Source, _ spec: TensorSpec, into parameters: inout ModelParameters,
    used: inout Set<String>
  ) throws {
    let target = CheckpointNames.view(parameters.matrix(spec), spec, source)
    let name = present(source.name, spec)
    used.insert(name)
    let count = source.range.count
    let place = source.part * count..<(source.part + 1) * count
    guard spec.isQuantizable, file[name]?.type == "I8" else {
      return try read(spec, source, place, into: target) { try file.read(name, into: $0) }
    }
    if parameters.quantization == nil { parameters.quantization = .init() }
    try read(spec, source, place, into: target) { whole in
      let stored = try file.readQuantized(name, into: whole)
      parameters.quantization?.scales[spec.key, default: []] += stored.scales[place]
      if let factors = stored.smoothing { parameters.quantization?.smoothing[spec.key] = factors }
    }
    used.formUnion([name + "_scale", name + "_smoothing"])
  }

  /// Reads a tensor whole with `read`, and takes those of its rows (columns of a vector) that stand at `place`.
  private func read(
    _ spec: TensorSpec, _ source: CheckpointNames.Source, _ place: Range<Int>, into target: Matrix,
    _ read: (Matrix) throws -> Void
  ) throws {
    if source.parts == 1 { return try read(target) }
    let count = source.range.count * source.parts
    let whole =
      spec.isVector
      ? Matrix(rows: 1, columns: count) : Matrix(rows: count, columns: spec.columns)
    try read(whole)
    target.copy(from: spec.isVector ? whole.columnRange(place) : whole.rowRange(place))
  }

  /// Checkpoints converted from TensorFlow call a norm's gain gamma and its shift beta.
  private func present(_ name: String, _ spec: TensorSpec) -> String {
    let old: String
    switch spec.key.role {
    case .gain: old = "gamma"
    case .shift: old = "beta"
    case .table, .weight, .bias: return name
    }
    guard file[name] == nil, let dot = name.utf8.lastIndex(of: UInt8(ascii: ".")) else {
      return name
    }
    let other = String(name[...dot]) + old
    return file[other] == nil ? name : other
  }

  /// Tensors in the encoder's own namespace that nothing asked for mean that shape and weights are
  /// not of the same model. Heads of other tasks and stored constants are left alone.
  private func refuseStrangers(used: Set<String>, _ tensors: [TensorSpec]) throws {
    let spaces = names.namespaces(tensors)
    let constants = Self.constants.map { names.prefix + $0 }
    let strangers = file.names.filter { name in
      !used.contains(name) && !constants.contains(name) && spaces.contains { name.hasPrefix($0) }
        && !Self.constantEnds.contains { name.hasSuffix($0) }
    }
    if let first = strangers.min() { throw ModelError.extraTensor(path: file.path, name: first) }
  }

  private func check(_ spec: TensorSpec, _ source: CheckpointNames.Source) throws {
    let name = present(source.name, spec)
    guard let entry = file[name] else {
      throw file.missing(name)
    }
    let wanted = CheckpointNames.shape(spec, source)
    guard entry.shape == wanted else {
      throw ModelError.wrongTensor(
        path: file.path, name: name, found: "\(entry.type) \(entry.shape)",
        wanted: "F32, F16 or BF16 \(wanted)")
    }
  }

  private func checkCount() throws {
    let needed = shape.tensors.reduce(0) {
      $0 + ($1.key.block == nil ? 0 : Set(names.sources($1).map(\.name)).count)
    }
    guard needed <= file.names.count else {
      throw ModelError.badTensors(
        path: file.path,
        problem:
          "it holds \(file.names.count) tensors where \(shape.layerCount) layers have \(needed)")
    }
  }

  /// A constant table is made, not read, so no tensor bounds it.
  private func checkSinusoids() throws {
    let embeddings = shape.embeddings
    guard embeddings.positions != .learned else { return }
    if let name = names.positions, let entry = file[name] {
      let wanted = [embeddings.positionCount, embeddings.width]
      guard entry.shape == wanted else {
        throw ModelError.wrongTensor(
          path: file.path, name: name, found: "\(entry.type) \(entry.shape)",
          wanted: "F32, F16 or BF16 \(wanted)")
      }
    } else if embeddings.positionCount > Self.longestSinusoids {
      throw ModelError.badConfiguration(
        path: file.path, key: "max_position_embeddings",
        problem: "(\(embeddings.positionCount)) is above \(Self.longestSinusoids), and no table is "
          + "stored")
    }
  }

  private func hasSinusoids() throws -> Bool {
    guard let name = names.positions, file[name] != nil, let wanted = shape.sinusoids else {
      return true
    }
    let stored = Matrix(rows: wanted.rows, columns: wanted.columns)
    try file.read(name, into: stored)
    return (0..<wanted.rows).allSatisfy { row in
      zip(stored.row(row), wanted.row(row)).allSatisfy { abs($0 - $1) < 1e-4 }
    }
  }
}
