import Foundation
import JSON
import Tensor

/// A model as a Hugging Face directory: `config.json`, `model.safetensors`, and beside them the
/// tokenizer's files.
public enum ModelDirectory {
  /// Reads shape and weights from `directory`.
  ///
  /// - Throws: `ModelError` naming file, key or tensor.
  public static func read(_ directory: String) throws -> EncoderParameters {
    var isDirectory: ObjCBool = false
    guard FileManager.default.fileExists(atPath: directory, isDirectory: &isDirectory),
      isDirectory.boolValue
    else { throw ModelError.noDirectory(path: directory) }
    let configuration = try HuggingFaceConfiguration.read(path: directory + "/config.json")
    let file = try SafeTensors(path: directory + "/model.safetensors")
    return try read(configuration, file)
  }

  /// Reads the weights of `configuration` from `file`.
  public static func read(
    _ configuration: EncoderConfiguration, _ file: SafeTensors
  ) throws -> EncoderParameters {
    // The file must be able to hold what the configuration asks for, before memory is taken for it.
    try checkSize(configuration, file)
    let names = names(configuration, file)
    var configuration = configuration
    if configuration.positionalEncoding == .sinusoidal,
      try !hasSinusoids(configuration, file, names)
    {
      configuration.positionalEncoding = .learned
    }
    let parameters = EncoderParameters(configuration)
    for entry in parameters.entries {
      let target = parameters.matrix(entry)
      for source in names.sources(entry) {
        let part: Matrix
        if entry.rows == 1 && source.rows.count != 1 {
          part = target.columnRange(source.rows).asVector
        } else {
          part = target.rowRange(source.rows)
        }
        try file.read(Self.present(source.name, file), into: part)
      }
    }
    return parameters
  }

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
  public static func encode(_ parameters: EncoderParameters) -> Data {
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
    return SafeTensors.encode(
      tensors.sorted { $0.name < $1.name }, metadata: ["format": "pt"])
  }

  private static func names(
    _ configuration: EncoderConfiguration, _ file: SafeTensors
  ) -> HuggingFaceNames {
    let prefix = HuggingFaceNames.prefix(configuration.family)
    let hasPrefix = file.entries.keys.contains { $0.hasPrefix(prefix) }
    return HuggingFaceNames(configuration: configuration, prefix: hasPrefix ? prefix : "")
  }

  /// Checkpoints converted from TensorFlow call a norm's weight gamma and its bias beta.
  private static func present(_ name: String, _ file: SafeTensors) -> String {
    if file.entries[name] != nil || !name.contains("LayerNorm") { return name }
    let old = name.replacingOccurrences(of: "LayerNorm.weight", with: "LayerNorm.gamma")
      .replacingOccurrences(of: "LayerNorm.bias", with: "LayerNorm.beta")
    return file.entries[old] == nil ? name : old
  }

  private static func hasSinusoids(
    _ configuration: EncoderConfiguration, _ file: SafeTensors, _ names: HuggingFaceNames
  ) throws -> Bool {
    guard file.entries[names.positions] != nil else { return true }
    let (rows, columns) = (configuration.positionCount, configuration.hiddenSize)
    let stored = Matrix(rows: rows, columns: columns)
    try file.read(names.positions, into: stored)
    let wanted = PositionalEncoding.sinusoids(positions: rows, width: columns)
    return (0..<rows).allSatisfy { row in
      zip(stored.row(row), wanted.row(row)).allSatisfy { abs($0 - $1) < 1e-4 }
    }
  }

  private static func checkSize(_ c: EncoderConfiguration, _ file: SafeTensors) throws {
    let stored = file.entries.values.reduce(0) { $0 + $1.count }
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
