import Foundation
import Tensor

/// Writes a model directory whose layers are in 8 bits.
public enum Quantizer {
  /// Factors that move outliers from a product's inputs to its weights: for input p,
  /// s = (largest |x|)^α / (largest |w|)^(1 − α) (SmoothQuant, Xiao et al., 2023, equation 4).
  ///
  /// - Parameter peaks: largest |x| by weight and input, from `TextModel.activationPeaks`.
  public static func smoothing(
    _ parameters: EncoderParameters, peaks: [String: [Float]], strength: Float
  ) -> [String: [Float]] {
    var factors: [String: [Float]] = [:]
    for entry in parameters.entries {
      guard entry.isLayerWeight, let inputs = peaks[entry.name] else { continue }
      let weight = parameters.matrix(entry)
      var tops = [Float](repeating: 0, count: weight.columns)
      for row in 0..<weight.rows {
        for (column, value) in weight.row(row).enumerated() {
          tops[column] = max(tops[column], abs(value))
        }
      }
      factors[entry.name] = zip(inputs, tops).map { input, top in
        guard input > 0, top > 0 else { return 1 }
        return min(max(pow(input, strength) / pow(top, 1 - strength), 1e-3), 1e3)
      }
    }
    return factors
  }

  /// Reads `source` and writes it to `target` with 8-bit layers; all other files are copied.
  ///
  /// - Parameter smoothing: makes the factors, or none.
  /// - Throws: `ModelError`; `target` is then not left half written.
  public static func write(
    _ source: String, to target: String,
    smoothing: (EncoderParameters) -> [String: [Float]] = { _ in [:] }
  ) throws {
    let configuration = try ModelDirectory.describe(source)
    let checkpoint = try Checkpoint(directory: configuration.encoderDirectory)
    var parameters = try ModelDirectory.read(configuration.encoder, checkpoint)
    guard parameters.quantization == nil else { throw ModelError.alreadyQuantized(path: source) }
    parameters.quantization = .init(smoothing: smoothing(parameters))
    let partial = target + ".partial"
    let manager = FileManager.default
    do {
      try? manager.removeItem(atPath: partial)
      try copyFiles(source, to: partial)
      let inside = configuration.encoderDirectory.dropFirst(configuration.directory.count)
      let folder = partial + inside
      try manager.createDirectory(atPath: folder, withIntermediateDirectories: true)
      var extra: [(name: String, matrix: Matrix)] = []
      if configuration.task == .tokenClassification {
        let (labels, width) = (configuration.labels.count, configuration.encoder.hiddenSize)
        extra = [
          ("classifier.weight", Matrix(rows: labels, columns: width)),
          ("classifier.bias", Matrix(rows: 1, columns: labels)),
        ]
        for (name, matrix) in extra { try checkpoint.read(name, into: matrix) }
      }
      try ModelDirectory.encode(parameters, extra: extra).write(
        to: URL(fileURLWithPath: folder + "/model.safetensors"))
      if manager.fileExists(atPath: target) { try manager.removeItem(atPath: target) }
      try manager.moveItem(atPath: partial, toPath: target)
    } catch let error as ModelError {
      try? manager.removeItem(atPath: partial)
      throw error
    } catch {
      try? manager.removeItem(atPath: partial)
      throw ModelError.unreadable(
        path: target, reason: "cannot be written (\(error.localizedDescription))")
    }
  }

  private static func copyFiles(_ source: String, to target: String) throws {
    let manager = FileManager.default
    try manager.createDirectory(atPath: target, withIntermediateDirectories: true)
    for name in try manager.contentsOfDirectory(atPath: source) {
      let isWeights =
        name.hasSuffix(".safetensors") || name.hasSuffix(".bin")
        || name.hasSuffix(".safetensors.index.json") || name == "onnx" || name == "openvino"
      if isWeights || name.hasPrefix(".") { continue }
      var isFolder: ObjCBool = false
      let path = source + "/" + name
      if manager.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue,
        manager.fileExists(atPath: path + "/model.safetensors"),
        manager.fileExists(atPath: path + "/tokenizer.json")
      {
        try copyFiles(path, to: target + "/" + name)
      } else {
        try manager.copyItem(atPath: path, toPath: target + "/" + name)
      }
    }
  }
}
