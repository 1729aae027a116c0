import Files
import Foundation
import Tensor

/// What rounding weights can learn from typical texts.
public struct QuantizationCalibration {
  let model: TextModel
  let texts: [String]
  let strength: Float
  let progress: (Double) -> Void

  /// - Parameters:
  ///   - model: the model in single precision.
  ///   - texts: typical ones; a few hundred are enough.
  ///   - smoothing: strength, 0 to 1, of moving outliers from inputs to weights.
  ///   - progress: gets the share that is done.
  public init(
    _ model: TextModel, texts: [String], smoothing: Float = 0.5,
    progress: @escaping (Double) -> Void = { _ in }
  ) {
    (self.model, self.texts, strength) = (model, texts, smoothing)
    self.progress = progress
  }
}

/// Writes a model directory whose layers are in 8 bits.
public enum Quantizer {
  /// Floats of input moments that are kept at a time.
  private static let momentFloats = 1 << 28

  /// Factors that move outliers from a product's inputs to its weights: for input p,
  /// s = (largest |x|)^α / (largest |w|)^(1 − α) (SmoothQuant, Xiao et al., 2023, equation 4).
  ///
  /// - Parameter peaks: largest |x| by weight and input, from `TextModel.activationPeaks`.
  static func smoothing(
    _ parameters: ModelParameters, peaks: [ParameterKey: [Float]], strength: Float
  ) -> [ParameterKey: [Float]] {
    var factors: [ParameterKey: [Float]] = [:]
    for spec in parameters.tensors {
      guard spec.isQuantizable, let inputs = peaks[spec.key] else { continue }
      let weight = parameters.matrix(spec)
      var tops = [Float](repeating: 0, count: weight.columns)
      for row in 0..<weight.rows {
        for (column, value) in weight.row(row).enumerated() {
          tops[column] = max(tops[column], abs(value))
        }
      }
      factors[spec.key] = zip(inputs, tops).map { input, top in
        guard input > 0, top > 0 else { return 1 }
        return min(max(pow(input, strength) / pow(top, 1 - strength), 1e-3), 1e3)
      }
    }
    return factors
  }

  /// Replaces the layers' weights by integers times scales, rounded for the inputs that the
  /// calibration's texts bring (`WeightRounding`).
  ///
  /// - Throws: `RejectedInput` for a text without tokens.
  static func quantize(
    _ parameters: ModelParameters, _ calibration: QuantizationCalibration?
  ) throws -> ModelParameters.Quantization {
    var result = ModelParameters.Quantization()
    guard let calibration, !calibration.texts.isEmpty else { return result }
    if calibration.strength > 0 {
      result.smoothing = smoothing(
        parameters, peaks: try calibration.model.activationPeaks(calibration.texts),
        strength: calibration.strength)
    }
    let specs = parameters.tensors.filter(\.isQuantizable)
    var done = 0
    while done < specs.count {
      // As many weights at a time as their moments leave room for.
      var (keys, floats): (Set<ParameterKey>, Int) = ([], 0)
      for spec in specs[done...] {
        floats += spec.columns * spec.columns
        if !keys.isEmpty && floats > momentFloats { break }
        keys.insert(spec.key)
      }
      let moments = try calibration.model.inputMoments(calibration.texts, of: keys)
      for spec in specs[done..<done + keys.count] {
        if let moment = moments[spec.key] {
          result.scales[spec.key] = round(
            parameters.matrix(spec), moment, factors: result.smoothing[spec.key])
        }
        done += 1
        calibration.progress(Double(done) / Double(specs.count))
      }
    }
    return result
  }

  /// Rounds `weight` as its smoothed inputs see it.
  private static func round(_ weight: Matrix, _ moments: Matrix, factors: [Float]?) -> [Float] {
    guard let factors else { return WeightRounding(moments: moments).round(weight) }
    for row in 0..<moments.rows {
      for column in 0..<moments.columns {
        moments[row, column] /= factors[row] * factors[column]
      }
    }
    for row in 0..<weight.rows {
      for column in 0..<weight.columns { weight[row, column] *= factors[column] }
    }
    let scales = WeightRounding(moments: moments).round(weight)
    for row in 0..<weight.rows {
      for column in 0..<weight.columns { weight[row, column] /= factors[column] }
    }
    return scales
  }

  /// Reads `source` and writes it to `target` with 8-bit layers; all other files are copied.
  ///
  /// - Parameter calibration: texts for which weights are rounded; without, each is rounded alone.
  /// - Throws: `ModelError` or `FileError`; `target` is then as it was.
  public static func write(
    _ source: String, to target: String, calibration: QuantizationCalibration? = nil
  ) throws {
    let configuration = try ModelDirectory.describe(source)
    guard configuration.shape.adapter == nil else {
      throw ModelError.adapter(
        path: source,
        mend: "Quantise its base, and name the result as base_model_name_or_path: adapters go over "
          + "8-bit layers.")
    }
    let checkpoint = try Checkpoint(directory: configuration.encoderDirectory)
    var parameters = try ModelDirectory.read(configuration.shape, checkpoint)
    guard parameters.quantization == nil else { throw ModelError.alreadyQuantized(path: source) }
    parameters.quantization = try quantize(parameters, calibration)
    let staged = try StagedFolder(for: target)
    try copyFiles(source, to: staged.path)
    let inside = configuration.encoderDirectory.dropFirst(configuration.directory.count)
    try Folder.make(staged.path + inside)
    let extra = configuration.tokenLayerTensors + configuration.wordHeadTensors(checkpoint)
    for (name, matrix) in extra { try checkpoint.read(name, into: matrix) }
    try OutputFile.write(
      ParameterWriter(parameters, path: staged.path + inside).bytes(extra: extra),
      to: staged.path + inside + "/model.safetensors")
    try staged.replace()
  }

  private static func copyFiles(_ source: String, to target: String) throws {
    let manager = FileManager.default
    try Folder.make(target)
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
