import Foundation

/// A table of numbers as shades, with the numbers in them where there is room.
public struct HeatMap: Sendable {
  /// Above the map.
  public var title: String
  /// What the columns are.
  public var xLabel: String
  /// What the rows are.
  public var yLabel: String
  /// Names of the columns.
  public var columns: [String]
  /// Names of the rows.
  public var rows: [String]
  /// `values[row][column]`; nil is left blank.
  public var values: [[Double?]]
  /// Digits behind the point.
  public var digits = 1
  /// Whether numbers are written into the cells.
  public var showsNumbers: Bool

  /// A map; numbers are shown when there are at most 400 cells.
  public init(
    title: String, xLabel: String, yLabel: String, columns: [String], rows: [String],
    values: [[Double?]]
  ) {
    precondition(
      values.count == rows.count && values.allSatisfy { $0.count == columns.count },
      "a value for each cell")
    (self.title, self.xLabel, self.yLabel) = (title, xLabel, yLabel)
    (self.columns, self.rows, self.values) = (columns, rows, values)
    showsNumbers = rows.count * columns.count <= 400
  }

  /// The map as an SVG document.
  public var svg: String {
    SVGCanvas.document(width: size.width, height: size.height) { draw(on: &$0) }
  }

  private var cell: (width: Double, height: Double) {
    if showsNumbers {
      let longest = columns.map(\.count).max() ?? 0
      return (max(46, Double(longest) * 7 + 8), 26)
    }
    return (
      min(12, max(1, 700 / Double(max(1, columns.count)))),
      min(12, max(1, 420 / Double(max(1, rows.count))))
    )
  }

  private var left: Double { Double(rows.map(\.count).max() ?? 0) * 7 + 40 }

  private var size: (width: Double, height: Double) {
    (
      max(left + cell.width * Double(columns.count) + 20, Double(title.count) * 8 + 40),
      44 + cell.height * Double(rows.count) + 46
    )
  }

  private func draw(on canvas: inout SVGCanvas) {
    let numbers = values.flatMap { $0 }.compactMap { $0 }.filter(\.isFinite)
    let (low, high) = (numbers.min() ?? 0, numbers.max() ?? 1)
    canvas.text(title, at: Point(x: 20, y: 20), size: 14, .start)
    for (row, line) in values.enumerated() {
      let y = 36 + Double(row) * cell.height
      for (column, value) in line.enumerated() {
        guard let value, value.isFinite else { continue }
        let share = high > low ? (value - low) / (high - low) : 0.5
        let x = left + Double(column) * cell.width
        canvas.rectangle(
          Point(x: x, y: y), width: cell.width, height: cell.height, .heat(share))
        guard showsNumbers else { continue }
        canvas.text(
          String(format: "%.\(digits)f", value),
          at: Point(x: x + cell.width / 2, y: y + cell.height / 2 + 4), size: 11,
          .middle, share > 0.55 ? .paper : .ink)
      }
      if row % labelEvery(rows.count, cell.height) == 0 {
        canvas.text(
          rows[row], at: Point(x: left - 6, y: y + cell.height / 2 + 4), size: 11, .end)
      }
    }
    let bottom = 36 + cell.height * Double(rows.count)
    for (column, name) in columns.enumerated()
    where column % labelEvery(columns.count, cell.width / 2.5) == 0 {
      canvas.text(
        name, at: Point(x: left + (Double(column) + 0.5) * cell.width, y: bottom + 16), size: 11,
        .middle)
    }
    canvas.text(
      xLabel, at: Point(x: left + cell.width * Double(columns.count) / 2, y: bottom + 36), size: 12,
      .middle)
    canvas.text(
      yLabel, at: Point(x: 16, y: 36 + cell.height * Double(rows.count) / 2), size: 12, .middle,
      upright: true)
  }

  private func labelEvery(_ count: Int, _ room: Double) -> Int {
    max(1, Int((14 / max(room, 0.5)).rounded(.up)))
  }
}
