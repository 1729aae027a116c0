import CKernels

extension Kernels {
  /// output[r, j] = activation(wide[r, j]) · wide[r, f + j]: a gated linear unit (Shazeer, 2020), whose
  /// gate stands first.
  ///
  /// Shapes: wide [m, 2f], output [m, f]; `output` may be the first half of `wide`.
  public func gated(_ wide: Matrix, _ activation: Activation, output: Matrix) {
    precondition(wide.rows == output.rows && wide.columns == 2 * output.columns, "shapes")
    pool.split(wide.rows, granularity: 8) { rows in
      table.pointee.gated(
        output.strided(from: rows.lowerBound), wide.strided(from: rows.lowerBound), rows.count,
        output.columns, activation.code)
    }
  }

  /// Gradient of `gated` on both halves, [m, 2f]; may be in place of `wide`.
  public func gatedBackward(
    outputGradient: Matrix, wide: Matrix, _ activation: Activation, wideGradient: Matrix
  ) {
    precondition(
      wide.rows == outputGradient.rows && wide.columns == 2 * outputGradient.columns, "shapes")
    precondition(wideGradient.rows == wide.rows && wideGradient.columns == wide.columns, "shapes")
    pool.split(wide.rows, granularity: 8) { rows in
      let start = rows.lowerBound
      table.pointee.gated_backward(
        wideGradient.strided(from: start), outputGradient.strided(from: start),
        wide.strided(from: start), rows.count, outputGradient.columns, activation.code)
    }
  }
}
