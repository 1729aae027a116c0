import Foundation
import Tensor

/// A tensor as it stands in a file.
private struct Copy {
  var type: String
  var shape: [Int]
  var bytes: Data

  /// Some of its `count` rows.
  func rows(_ range: Range<Int>, of count: Int) -> Copy? {
    guard shape.first == count, range.lowerBound >= 0, range.upperBound <= count else { return nil }
    let size = bytes.count / max(1, count)
    let start = bytes.startIndex + range.lowerBound * size
    return Copy(
      type: type, shape: [range.count] + shape.dropFirst(),
      bytes: bytes[start..<start + range.count * size])
  }
}

extension Checkpoint {
  fileprivate func copy(_ name: String) -> Copy? {
    guard let entry = self[name], let bytes = bytes(name) else { return nil }
    return Copy(type: entry.type, shape: entry.shape, bytes: bytes)
  }
}

/// Writes weights as `model.safetensors`, by the names of their family.
struct ParameterWriter {
  typealias Tensor = (name: String, shape: [Int], bytes: Data)

  private let parameters: ModelParameters
  private let names: CheckpointNames
  /// What is copied from another file, byte for byte, by the name that is written.
  private let copies: [String: Copy]

  /// - Parameter trunk: what stands in front of the head is copied from it.
  /// - Throws: `ModelError.unsupported` for a family that is not known; messages call the file `path`.
  init(_ parameters: ModelParameters, path: String, trunk: Checkpoint? = nil) throws {
    let shape = parameters.shape
    guard let architecture = shape.architecture else {
      throw ModelError.unsupported(
        path: path, what: "model_type \"\(shape.modelType)\"", supported: Architecture.supported)
    }
    self.parameters = parameters
    let names = CheckpointNames(
      shape, architecture,
      prefix: shape.head == nil && shape.decoder == nil ? "" : architecture.tensorPrefix)
    self.names = names
    copies = try trunk.map { try Self.copies(parameters, names, $0) } ?? [:]
  }

  private static func copies(
    _ parameters: ModelParameters, _ names: CheckpointNames, _ trunk: Checkpoint
  ) throws -> [String: Copy] {
    let stored = try CheckpointNames(parameters.shape, in: trunk)
    var copies: [String: Copy] = [:]
    if let own = names.positions, let other = stored.positions { copies[own] = trunk.copy(other) }
    for spec in parameters.tensors where spec.key.place != .head {
      let others = stored.sources(spec)
      for own in names.sources(spec) {
        // What is written apart may be stored as one.
        guard
          let other = others.first(where: {
            $0.range.lowerBound <= own.range.lowerBound
              && own.range.upperBound <= $0.range.upperBound
          })
        else { continue }
        let (rows, all) = (own.range.count, other.range.count * other.parts)
        if own.parts == 1 {
          let first =
            other.part * other.range.count + own.range.lowerBound - other.range.lowerBound
          copies[own.name] = trunk.copy(other.name)?.rows(first..<first + rows, of: all)
        } else if own.parts == other.parts, own.part == other.part, rows == other.range.count {
          copies[own.name] = trunk.copy(other.name)
        }
      }
    }
    return copies
  }

  /// The bytes of the file, with the tensors of `extra` beside the shape's.
  func bytes(extra: [(name: String, matrix: Matrix)] = []) -> Data {
    var tensors = tensors { _ in true }
    let embeddings = parameters.shape.embeddings
    if embeddings.positions != .learned, let name = names.positions,
      copies.isEmpty || copies[name] != nil
    {
      let (rows, columns) = (embeddings.positionCount, embeddings.width)
      let table =
        parameters.shape.embeddings.constantPositions?.buffer ?? FloatBuffer(count: rows * columns)
      tensors.append(
        copy(name) ?? (name, [rows, columns], table.bytes(0..<rows * columns)))
    }
    for (name, matrix) in extra {
      let shape = matrix.rows == 1 ? [matrix.columns] : [matrix.rows, matrix.columns]
      tensors.append((name, shape, matrix.buffer.bytes(0..<matrix.count)))
    }
    return SafeTensors.encode(
      tensors.sorted { $0.name < $1.name }, types: copies.mapValues(\.type),
      metadata: ["format": "pt"])
  }

  private func copy(_ name: String) -> Tensor? {
    copies[name].map { (name, $0.shape, $0.bytes) }
  }

  /// Those tensors of the file that make up the wanted ones.
  func tensors(where isWanted: (TensorSpec) -> Bool) -> [Tensor] {
    parameters.tensors.filter(isWanted).flatMap { spec in
      let sources = names.sources(spec).sorted { $0.part < $1.part }
      return Set(sources.map(\.name)).flatMap { name in
        copy(name).map { [$0] }
          ?? joined(
            sources.filter { $0.name == name }.map { self.tensors(spec, $0) }, of: spec)
      }
    }
  }

  /// Parts of the same tensors, one behind the other. Smoothing factors belong to the inputs, so all parts have
  /// the same.
  private func joined(_ parts: [[Tensor]], of spec: TensorSpec) -> [Tensor] {
    guard var whole = parts.first else { return [] }
    for part in parts.dropFirst() {
      for (index, tensor) in part.enumerated() where index < 2 {
        whole[index].shape[0] += tensor.shape[0]
        whole[index].bytes += tensor.bytes
      }
    }
    return whole
  }

  private func tensors(_ spec: TensorSpec, _ source: CheckpointNames.Source) -> [Tensor] {
    let view = CheckpointNames.view(parameters.matrix(spec), spec, source)
    if let quantization = parameters.quantization, spec.isQuantizable {
      return Self.quantized(
        source.name, view, shape: spec.fileShape(rows: source.range.count),
        smoothing: quantization.smoothing[spec.key],
        scales: quantization.scales[spec.key].map { Array($0[source.range]) })
    }
    let bytes = parameters.buffer.bytes(view.offset..<view.offset + view.count)
    return [(source.name, spec.fileShape(rows: source.range.count), bytes)]
  }

  /// A weight in 8 bits: its values, its scales and, where there are any, its smoothing factors.
  private static func quantized(
    _ name: String, _ weight: Matrix, shape: [Int], smoothing: [Float]?, scales: [Float]?
  ) -> [Tensor] {
    let (values, scales) = QuantizedMatrix.stored(weight, smoothing: smoothing, scales: scales)
    func floats(_ values: [Float]) -> Data { FloatBuffer(values).bytes(0..<values.count) }
    var tensors: [Tensor] = [
      (name, shape, values.withUnsafeBytes { Data($0) }),
      (name + "_scale", [weight.rows], floats(scales)),
    ]
    if let smoothing { tensors.append((name + "_smoothing", [weight.columns], floats(smoothing))) }
    return tensors
  }
}
