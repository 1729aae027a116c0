import Tensor

/// Where a checkpoint keeps the tensors of a shape.
struct CheckpointNames {
  /// One tensor of a checkpoint and the rows of ours that it fills; columns, where ours is a vector.
  struct Source {
    let name: String
    let range: Range<Int>
    /// Which of the checkpoint's tensor's equal parts it is, of how many.
    let part, parts: Int
  }

  let shape: ModelShape
  let architecture: Architecture
  /// Put before the encoder's tensors: the family's in a model with a head, nothing in a bare one.
  let prefix: String
  /// Which of the family's ways of naming the checkpoint has.
  private let names: @Sendable (ParameterKey, ModelShape) -> [CheckpointSlice]

  /// The names in `file`, whose tensors may or may not have the family's prefix.
  ///
  /// - Throws: `ModelError.unsupported` for a family that is not known.
  init(_ shape: ModelShape, in file: Checkpoint) throws {
    guard let architecture = shape.architecture else {
      throw ModelError.unsupported(
        path: file.path, what: "model_type \"\(shape.modelType)\"",
        supported: Architecture.supported)
    }
    let prefix = architecture.tensorPrefix
    let given = file.names.contains { $0.hasPrefix(prefix) } ? prefix : ""
    let ways = ([architecture.names] + architecture.otherNames).map {
      CheckpointNames(shape, architecture, prefix: given, names: $0)
    }
    // Where none has all, the family's own names make the better message.
    self = ways.first { $0.isIn(file) } ?? ways[0]
  }

  /// - Parameter names: one of the family's ways of naming; nil for the first.
  init(
    _ shape: ModelShape, _ architecture: Architecture, prefix: String,
    names: (@Sendable (ParameterKey, ModelShape) -> [CheckpointSlice])? = nil
  ) {
    (self.shape, self.architecture, self.prefix) = (shape, architecture, prefix)
    self.names = names ?? architecture.names
  }

  /// Whether `file` has the weights of the first block, and what is of words, under these names.
  private func isIn(_ file: Checkpoint) -> Bool {
    shape.tensors.filter {
      $0.key.role == .weight && ($0.key.block == 0 || $0.key.place == .output)
        || $0.key.part == .words && $0.key.role == .table
    }.allSatisfy {
      sources($0).allSatisfy { file[$0.name] != nil }
    }
  }

  /// What the checkpoint has of one of our tensors.
  func sources(_ spec: TensorSpec) -> [Source] {
    names(spec.key, shape).map { slice in
      let all = spec.isVector ? spec.columns : spec.rows
      let size = all / slice.parts
      return Source(
        name: full(slice), range: slice.part * size..<(slice.part + slice.span) * size,
        part: slice.filePart, parts: slice.fileParts)
    }
  }

  /// What the checkpoint calls a tensor of the head that stands with the encoder; nil for others.
  func withEncoder(_ spec: TensorSpec) -> String? {
    names(spec.key, shape).first { $0.isPrefixed }.map(full)
  }

  /// What the checkpoint calls the position table, which `transformers` has even where it is constant; nil
  /// where the family has none.
  var positions: String? {
    names(ParameterKey(.embeddings, .positions, .table), shape).first.map(full)
  }

  /// The rows of one of our tensors that a source fills.
  static func view(_ matrix: Matrix, _ spec: TensorSpec, _ source: Source) -> Matrix {
    spec.isVector ? matrix.columnRange(source.range).asVector : matrix.rowRange(source.range)
  }

  /// The shape that a source's tensor has in the file.
  static func shape(_ spec: TensorSpec, _ source: Source) -> [Int] {
    spec.fileShape(rows: source.range.count * source.parts)
  }

  /// The first parts of the encoder's names, such as "bert.encoder.": what stands there is the encoder's.
  func namespaces(_ tensors: [TensorSpec]) -> Set<String> {
    let keys = tensors.filter { $0.key.place != .head }.map(\.key)
    return Set(
      keys.flatMap { names($0, shape) }.filter(\.isPrefixed).compactMap { slice in
        slice.name.utf8.firstIndex(of: UInt8(ascii: ".")).map {
          prefix + slice.name[...$0]
        }
      })
  }

  private func full(_ slice: CheckpointSlice) -> String {
    slice.isPrefixed ? prefix + slice.name : slice.name
  }
}
