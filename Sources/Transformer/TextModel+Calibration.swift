import Tensor

/// What quantising learns of typical texts.
extension TextModel {
  /// The largest magnitude of each input of each layer's products over `texts`, by weight.
  ///
  /// - Throws: `RejectedInput` for a text without tokens.
  func activationPeaks(_ texts: [String]) throws -> [ParameterKey: [Float]] {
    var peaks: [ParameterKey: [Float]] = [:]
    encoder.observer = { key, input in
      var top = peaks[key] ?? [Float](repeating: 0, count: input.columns)
      for row in 0..<input.rows {
        for (column, value) in input.row(row).enumerated() {
          top[column] = max(top[column], abs(value))
        }
      }
      peaks[key] = top
    }
    try observe(texts)
    return peaks
  }

  /// Σ xᵀx over the inputs x of the layers' products that `keys` lists, for all tokens of `texts`.
  ///
  /// - Throws: `RejectedInput` for a text without tokens.
  func inputMoments(_ texts: [String], of keys: Set<ParameterKey>) throws -> [ParameterKey: Matrix]
  {
    var moments: [ParameterKey: Matrix] = [:]
    var scratch: [Int: PackedMatrix] = [:]
    let (kernels, longest) = (kernels, maximumTokens)
    encoder.observer = { key, input in
      guard keys.contains(key) else { return }
      let width = input.columns
      let sum = moments[key] ?? Matrix(rows: width, columns: width)
      let room =
        scratch[width] ?? PackedMatrix(depth: longest, columns: width, kernels: kernels)
      kernels.linearWeightGradient(
        outputGradient: input, input: input, weightGradient: sum, scratch: room)
      (moments[key], scratch[width]) = (sum, room)
    }
    try observe(texts)
    return moments
  }

  /// Runs the encoder for its observer.
  private func observe(_ texts: [String]) throws {
    defer { encoder.observer = nil }
    for (index, text) in texts.enumerated() {
      do {
        let ids = try encode(TextInput(text)).encoding.ids
        _ = encoder.hiddenStates(try TokenBatch([ids]))
      } catch let error as PredictionError {
        throw RejectedInput(index: index, reason: error)
      }
    }
  }
}
