import Foundation
import Tensor

/// Writes weights as `model.safetensors`, by the names of their family.
struct ParameterWriter {
  private typealias Tensor = (name: String, shape: [Int], bytes: Data)

  private let parameters: ModelParameters
  private let names: CheckpointNames

  /// - Throws: `ModelError.unsupported` for a family that is not known; messages call the file `path`.
  init(_ parameters: ModelParameters, path: String) throws {
    let shape = parameters.shape
    guard let architecture = shape.architecture else {
      throw ModelError.unsupported(
        path: path, what: "model_type \"\(shape.modelType)\"", supported: Architecture.supported)
    }
    self.parameters = parameters
    names = CheckpointNames(
      shape, architecture, prefix: shape.head == nil ? "" : architecture.tensorPrefix)
  }

  /// The bytes of the file, with the tensors of `extra` beside the shape's.
  func bytes(extra: [(name: String, matrix: Matrix)] = []) -> Data {
    var tensors: [Tensor] = []
    for spec in parameters.tensors {
      let sources = names.sources(spec).sorted { $0.part < $1.part }
      for name in Set(sources.map(\.name)) {
        tensors += joined(
          sources.filter { $0.name == name }.map { self.tensors(spec, $0) }, of: spec)
      }
    }
    let embeddings = parameters.shape.embeddings
    if embeddings.positions != .learned, let name = names.positions {
      let (rows, columns) = (embeddings.positionCount, embeddings.width)
      let table = parameters.shape.sinusoids?.buffer ?? FloatBuffer(count: rows * columns)
      tensors.append((name, [rows, columns], table.bytes(0..<rows * columns)))
    }
    for (name, matrix) in extra {
      let shape = matrix.rows == 1 ? [matrix.columns] : [matrix.rows, matrix.columns]
      tensors.append((name, shape, matrix.buffer.bytes(0..<matrix.count)))
    }
    return SafeTensors.encode(
      tensors.sorted { $0.name < $1.name }, metadata: ["format": "pt"])
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
