import CKernels

/// The right-hand side B of a product, in the panels that the micro-kernel streams.
///
/// B has `depth` rows and `columns` columns; panels are padded with zeros.
public struct PackedMatrix: Sendable {
  /// Rows of B: the length of each sum.
  public let depth: Int
  /// Columns of B.
  public let columns: Int
  let buffer: FloatBuffer

  /// Room for a B of `depth` × `columns`, at most.
  public init(depth: Int, columns: Int, kernels: Kernels) {
    self.depth = depth
    self.columns = columns
    buffer = FloatBuffer(
      count: depth * kernels.panels(columns) * kernels.panelColumns)
  }

  private init(depth: Int, columns: Int, buffer: FloatBuffer) {
    self.depth = depth
    self.columns = columns
    self.buffer = buffer
  }

  /// Floats that the packed form of a B of `depth` × `columns` takes.
  public static func floats(depth: Int, columns: Int, kernels: Kernels) -> Int {
    depth * kernels.panels(columns) * kernels.panelColumns
  }

  /// A B of `depth` × `columns` whose packed form `storage` holds or will hold.
  public init(depth: Int, columns: Int, in storage: FloatBuffer, kernels: Kernels) {
    precondition(
      storage.count >= Self.floats(depth: depth, columns: columns, kernels: kernels),
      "B is larger than its storage")
    self.init(depth: depth, columns: columns, buffer: storage)
  }

  /// B is `weight` transposed: `weight` is [columns, depth], as linear layers keep it.
  public static func transposing(
    _ weight: Matrix, in storage: FloatBuffer? = nil, kernels: Kernels
  ) -> PackedMatrix {
    let packed =
      storage.map {
        PackedMatrix(depth: weight.columns, columns: weight.rows, in: $0, kernels: kernels)
      } ?? PackedMatrix(depth: weight.columns, columns: weight.rows, kernels: kernels)
    packed.fill(weight, transposed: true, kernels: kernels)
    return packed
  }

  /// B is `matrix` as it stands: [depth, columns].
  public static func direct(_ matrix: Matrix, kernels: Kernels) -> PackedMatrix {
    let packed = PackedMatrix(depth: matrix.rows, columns: matrix.columns, kernels: kernels)
    packed.fill(matrix, transposed: false, kernels: kernels)
    return packed
  }

  /// Packs other values of the same shape into this storage; `transposed` as in `transposing`.
  public func repack(_ matrix: Matrix, transposed: Bool, kernels: Kernels) {
    fill(matrix, transposed: transposed, kernels: kernels)
  }

  /// The same storage seen as a smaller B.
  func reshaped(depth: Int, columns: Int, kernels: Kernels) -> PackedMatrix {
    precondition(
      depth * kernels.panels(columns) * kernels.panelColumns <= buffer.count,
      "B is larger than its storage")
    return PackedMatrix(depth: depth, columns: columns, buffer: buffer)
  }

  func fill(_ b: Matrix, transposed: Bool, kernels: Kernels) {
    let shape = transposed ? (b.columns, b.rows) : (b.rows, b.columns)
    precondition(shape == (depth, columns), "B has another shape")
    kernels.pool.split(kernels.panels(columns)) { panels in
      kernels.table.pointee.pack(
        buffer.base, b.base, depth, columns, transposed ? 1 : b.stride,
        transposed ? b.stride : 1, panels.lowerBound, panels.upperBound)
    }
  }
}
