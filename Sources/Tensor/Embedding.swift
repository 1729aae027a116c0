import CKernels

extension Kernels {
  /// output[i] = table[ids[i]], for each row.
  public func embed(_ ids: [Int32], table: Matrix, output: Matrix) {
    precondition(ids.count == output.rows && table.columns == output.columns, "shapes")
    for (row, id) in ids.enumerated() { output.setRow(row, from: table, row: Int(id)) }
  }

  /// output[i] += table[ids[i]], for each row.
  public func addEmbedding(_ ids: [Int32], table: Matrix, output: Matrix) {
    precondition(ids.count == output.rows && table.columns == output.columns, "shapes")
    for (row, id) in ids.enumerated() { addEmbedding(id, table: table, output: output, row: row) }
  }

  /// output[row] += table[id].
  public func addEmbedding(_ id: Int32, table: Matrix, output: Matrix, row: Int) {
    precondition(row >= 0 && row < output.rows && table.columns == output.columns, "shapes")
    precondition(id >= 0 && id < table.rows, "id outside the table")
    self.table.pointee.add(
      output.base + row * output.stride, table.base + Int(id) * table.stride, output.columns)
  }

  /// Every row of `output` += table[row].
  public func addEmbedding(row: Int, table: Matrix, output: Matrix) {
    precondition(row >= 0 && row < table.rows && table.columns == output.columns, "shapes")
    for target in 0..<output.rows {
      self.table.pointee.add(
        output.base + target * output.stride, table.base + row * table.stride, output.columns)
    }
  }

  /// tableGradient[ids[i]] += outputGradient[i]. Rows are added in order; threads share the columns.
  public func embeddingBackward(_ ids: [Int32], outputGradient: Matrix, tableGradient: Matrix) {
    precondition(
      ids.count == outputGradient.rows && tableGradient.columns == outputGradient.columns)
    pool.split(tableGradient.columns, granularity: 16) { columns in
      for (row, id) in ids.enumerated() {
        precondition(id >= 0 && id < tableGradient.rows, "id outside the table")
        table.pointee.add(
          tableGradient.base + Int(id) * tableGradient.stride + columns.lowerBound,
          outputGradient.base + row * outputGradient.stride + columns.lowerBound, columns.count)
      }
    }
  }
}
