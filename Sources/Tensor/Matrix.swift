/// A view of rows in a `FloatBuffer`: row-major, `stride` floats from one row to the next.
///
/// Invariant: every element lies inside the buffer; checked when the view is made.
public struct Matrix: Sendable {
  /// The storage looked at.
  public let buffer: FloatBuffer
  /// Where row 0 starts.
  public let offset: Int
  /// Rows in view.
  public let rows: Int
  /// Columns in view.
  public let columns: Int
  /// Floats from one row's start to the next's.
  public let stride: Int

  /// A view of `rows` × `columns` from `offset`; rows stand side by side unless `stride` says more.
  public init(
    _ buffer: FloatBuffer, offset: Int = 0, rows: Int, columns: Int, stride: Int? = nil
  ) {
    let stride = stride ?? columns
    precondition(rows >= 0 && columns >= 0 && offset >= 0 && stride >= columns, "bad shape")
    precondition(
      rows == 0 || offset + (rows - 1) * stride + columns <= buffer.count,
      "matrix outside its buffer")
    self.buffer = buffer
    self.offset = offset
    self.rows = rows
    self.columns = columns
    self.stride = stride
  }

  /// New zeroed storage for `rows` × `columns`.
  public init(rows: Int, columns: Int) {
    self.init(FloatBuffer(count: rows * columns), rows: rows, columns: columns)
  }

  /// New storage with `values` by rows.
  public init(rows: Int, columns: Int, _ values: [Float]) {
    precondition(values.count == rows * columns, "values do not fill the shape")
    self.init(FloatBuffer(values), rows: rows, columns: columns)
  }

  /// Floats between rows of `columns` that products read: an odd number of cache lines, since rows a power of two
  /// apart would share a few of a cache's sets, and the rows of a product's tile would turn each other out.
  public static func spread(_ columns: Int) -> Int { ((columns + 15) / 16 | 1) * 16 }

  /// Floats in view.
  public var count: Int { rows * columns }

  /// Whether rows stand side by side.
  public var isContiguous: Bool { stride == columns }

  var base: UnsafeMutablePointer<Float> { buffer.base + offset }

  /// The element at (`row`, `column`).
  public subscript(row: Int, column: Int) -> Float {
    get {
      precondition(row >= 0 && row < rows && column >= 0 && column < columns, "outside the matrix")
      return base[row * stride + column]
    }
    nonmutating set {
      precondition(row >= 0 && row < rows && column >= 0 && column < columns, "outside the matrix")
      base[row * stride + column] = newValue
    }
  }

  /// The rows of `range`, in place.
  public func rowRange(_ range: Range<Int>) -> Matrix {
    precondition(range.lowerBound >= 0 && range.upperBound <= rows, "rows outside the matrix")
    return Matrix(
      buffer, offset: offset + range.lowerBound * stride, rows: range.count, columns: columns,
      stride: stride)
  }

  /// The columns of `range`, in place.
  public func columnRange(_ range: Range<Int>) -> Matrix {
    precondition(
      range.lowerBound >= 0 && range.upperBound <= columns, "columns outside the matrix")
    return Matrix(
      buffer, offset: offset + range.lowerBound, rows: rows, columns: range.count, stride: stride)
  }

  /// A copy of one row.
  public func row(_ index: Int) -> [Float] {
    precondition(index >= 0 && index < rows, "row outside the matrix")
    return buffer.values(offset + index * stride..<offset + index * stride + columns)
  }

  /// A copy of all elements, by rows.
  public var values: [Float] { (0..<rows).flatMap(row) }

  /// Copies row `source` of `other` into row `index`.
  public func setRow(_ index: Int, from other: Matrix, row source: Int) {
    precondition(index >= 0 && index < rows && source >= 0 && source < other.rows, "bad row")
    precondition(columns == other.columns, "rows differ in length")
    (base + index * stride).update(from: other.base + source * other.stride, count: columns)
  }

  /// Sets every element to zero.
  public func zero() {
    for row in 0..<rows { (base + row * stride).update(repeating: 0, count: columns) }
  }
}

extension Matrix {
  /// Copies all elements of `other`, which has the same shape.
  public func copy(from other: Matrix) {
    precondition(rows == other.rows && columns == other.columns, "shapes")
    for row in 0..<rows { setRow(row, from: other, row: row) }
  }
}

extension Matrix {
  /// A view of one row as a contiguous vector.
  public var asVector: Matrix {
    precondition(rows == 1, "a vector has one row")
    return Matrix(buffer, offset: offset, rows: 1, columns: columns)
  }
}
