import Tensor

extension Checkpoint {
  /// Whether layers are kept in 8 bits.
  public var isQuantized: Bool { types.contains("I8") }

  /// What the layers are computed in where `asked` is asked for; not `auto`.
  ///
  /// - Parameter path: what errors call the model.
  /// - Throws: `ModelError.wrongPrecision` where the weights are of another kind.
  public func precision(
    _ asked: Precision, path: String, kernels: Kernels
  ) throws(ModelError) -> Precision {
    let fits = isQuantized ? asked == .int8 || asked == .auto : asked != .int8
    guard fits else {
      throw .wrongPrecision(path: path, asked: asked.rawValue, isQuantized: isQuantized)
    }
    if isQuantized { return .int8 }
    return kernels.inferring(in: asked).usesBFloat16 ? .bf16 : .f32
  }
}

extension ModelDirectory {
  /// What the layers of the model in `directory` are computed in on this machine where `asked` is asked for; not `auto`.
  ///
  /// - Throws: `ModelError` or `TensorError`.
  public static func precision(_ asked: Precision, directory: String) throws -> Precision {
    let checkpoint = try Checkpoint(directory: describe(directory).encoderDirectory)
    return try checkpoint.precision(asked, path: directory, kernels: .best())
  }
}
