import Foundation
import Tensor

/// Reads the weights of a shape out of a checkpoint.
struct ParameterReader {
  private let file: Checkpoint
  private let names: CheckpointNames
  private let extent: ModelParameters.Extent
  private let shape: ModelShape

  private static let longestSinusoids = 1 << 16
  /// Buffers that `transformers` stores beside the weights.
  private static let constants = [
    "embeddings.position_ids", "embeddings.token_type_ids", "encoder.embed_positions.weight",
    "decoder.embed_positions.weight",
  ]
  /// Ends of names of stored constants: the angles of rotary places.
  private static let constantEnds = ["rotary_emb.inv_freq", "rotary_embeddings.inv_freq"]

  /// Checks that `file` holds what `shape` asks for, before memory is taken for it.
  ///
  /// - Parameter extent: which of the tensors are read.
  /// - Throws: `ModelError` naming the tensor or key.
  init(
    _ shape: ModelShape, _ file: Checkpoint, _ extent: ModelParameters.Extent = .whole
  ) throws {
    (self.shape, self.file, self.extent) = (shape, file, extent)
    names = try CheckpointNames(shape, in: file)
    if extent == .whole {
      try checkCount()
      try checkSinusoids()
    }
    for spec in shape.tensors where extent.has(spec) {
      for source in names.sources(spec) { try check(spec, source) }
    }
  }

  /// The weights.
  ///
  /// - Throws: `ModelError` naming the tensor.
  func parameters() throws -> ModelParameters {
    var shape = shape
    if shape.embeddings.positions == .sinusoidal, try !hasSinusoids() {
      shape.embeddings.positions = .learned
    }
    if extent == .whole { try refuseStrangers() }
    var parameters = ModelParameters(shape, extent)
    for spec in parameters.tensors {
      for source in names.sources(spec) { try read(source, spec, into: &parameters) }
    }
    return parameters
  }

  /// Names in the checkpoint of all that is read, in the order of the shape's tensors.
  private var contents: [String] {
    let tensors = shape.tensors.filter(extent.has).flatMap { spec in
      names.sources(spec).map { present($0.name, spec) }
    }
    let scales = tensors.filter { file[$0]?.type == "I8" }.flatMap {
      [$0 + "_scale", $0 + "_smoothing"]
    }
    return ([names.positions].compactMap(\.self) + tensors + scales).filter { file[$0] != nil }
  }

  /// Whether the other reads the same bytes into the same shape, whatever its tensors are called.
  ///
  /// - Throws: `ModelError.extraTensor` where this one's checkpoint is of another shape than it says.
  func readsSame(as other: ParameterReader) throws -> Bool {
    guard shape == other.shape else { return false }
    try refuseStrangers()
    let (own, others) = (contents, other.contents)
    return own.count == others.count
      && zip(own, others).allSatisfy { file.hasSame($0, as: other.file, $1) }
  }

  private func read(
    _ source: CheckpointNames.Source, _ spec: TensorSpec, into parameters: inout ModelParameters
  ) throws {
    let target = CheckpointNames.view(parameters.matrix(spec), spec, source)
    let name = present(source.name, spec)
    if mayBeMissing(spec), file[name] == nil { return }
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
    case .table, .weight, .bias, .down, .up: return name
    }
    guard file[name] == nil, let dot = name.utf8.lastIndex(of: UInt8(ascii: ".")) else {
      return name
    }
    let other = String(name[...dot]) + old
    return file[other] == nil ? name : other
  }

  /// Tensors in the encoder's own namespace that nothing asked for mean that shape and weights are
  /// not of the same model. Heads of other tasks and stored constants are left alone.
  private func refuseStrangers() throws {
    let used = Set(contents)
    let spaces = names.namespaces(shape.tensors)
    let constants = (Self.constants + (try tables())).map { names.prefix + $0 }
    let strangers = file.names.filter { name in
      !used.contains(name) && !constants.contains(name) && spaces.contains { name.hasPrefix($0) }
        && !Self.constantEnds.contains { name.hasSuffix($0) }
    }
    if let first = strangers.min() {
      throw ModelError.extraTensor(path: file.path, name: file.stored(first))
    }
  }

  /// Names under which the words' table stands a second time.
  ///
  /// - Throws: `ModelError.extraTensor` for one with other numbers.
  private func tables() throws -> [String] {
    let copies = names.architecture.copies
    guard let words = shape.tensors.first.flatMap({ names.sources($0).first?.name }) else {
      return copies
    }
    let own = Set(contents)
    for name in Set(copies.flatMap { [$0, names.prefix + $0] })
    where file[name] != nil && !own.contains(name) && !file.hasSame(name, as: file, words) {
      throw ModelError.extraTensor(path: file.path, name: file.stored(name))
    }
    return copies
  }

  /// A bias of scores may be missing, and is zero then.
  private func mayBeMissing(_ spec: TensorSpec) -> Bool {
    spec.key.place == .output && spec.key.role == .bias
  }

  private func check(_ spec: TensorSpec, _ source: CheckpointNames.Source) throws {
    let name = present(source.name, spec)
    guard let entry = file[name] else {
      if mayBeMissing(spec) { return }
      throw file.missing(name)
    }
    let wanted = CheckpointNames.shape(spec, source)
    guard entry.shape == wanted else {
      throw ModelError.wrongTensor(
        path: file.path, name: file.stored(name), found: "\(entry.type) \(entry.shape)",
        wanted: "F64, F32, F16 or BF16 \(wanted)")
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
          "it holds \(file.names.count) tensors where \(shape.blocks.count) layers have \(needed)")
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
          path: file.path, name: file.stored(name), found: "\(entry.type) \(entry.shape)",
          wanted: "F64, F32, F16 or BF16 \(wanted)")
      }
    } else if embeddings.positionCount > Self.longestSinusoids {
      throw ModelError.badConfiguration(
        path: file.path, key: "max_position_embeddings",
        problem: "(\(embeddings.positionCount)) is above \(Self.longestSinusoids), and no table is "
          + "stored")
    }
  }

  private func hasSinusoids() throws -> Bool {
    guard let name = names.positions, file[name] != nil,
      let wanted = shape.embeddings.constantPositions
    else {
      return true
    }
    let stored = Matrix(rows: wanted.rows, columns: wanted.columns)
    try file.read(name, into: stored)
    return (0..<wanted.rows).allSatisfy { row in
      zip(stored.row(row), wanted.row(row)).allSatisfy { abs($0 - $1) < 1e-4 }
    }
  }
}
