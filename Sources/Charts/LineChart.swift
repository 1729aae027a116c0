import Foundation

/// Lines over a common axis, with labelled places.
public struct LineChart: Sendable {
  /// One line.
  public struct Series: Sendable {
    /// What the legend calls it.
    public var name: String
    /// Places in rising order; what is not finite breaks the line.
    public var points: [(x: Double, y: Double)]
    /// Whether it is drawn as a thin companion of the others.
    public var isFaint: Bool
    /// Whether single points are drawn as dots, with no line.
    public var isDots: Bool

    /// A line.
    public init(
      _ name: String, _ points: [(x: Double, y: Double)], isFaint: Bool = false,
      isDots: Bool = false
    ) {
      (self.name, self.points, self.isFaint, self.isDots) = (name, points, isFaint, isDots)
    }
  }

  /// A vertical line with a label.
  public struct Marker: Sendable {
    /// Where it stands.
    public var x: Double
    /// What it says.
    public var label: String

    /// A marker.
    public init(x: Double, label: String) { (self.x, self.label) = (x, label) }
  }

  /// Above the chart.
  public var title: String
  /// Below it.
  public var xLabel: String
  /// Beside it.
  public var yLabel: String
  /// The lines.
  public var series: [Series]
  /// Labelled places.
  public var markers: [Marker] = []
  /// Whether the axes are logarithmic.
  public var isLogarithmic: (x: Bool, y: Bool) = (false, false)
  /// Whether the upright axis begins at 0.
  public var fromZero = false
  /// Size in pixels.
  public var size: (width: Double, height: Double) = (760, 420)

  /// A chart with straight axes.
  public init(title: String, xLabel: String, yLabel: String, series: [Series]) {
    (self.title, self.xLabel, self.yLabel, self.series) = (title, xLabel, yLabel, series)
  }

  /// The chart as an SVG document.
  public var svg: String {
    SVGCanvas.document(width: size.width, height: size.height) { draw(on: &$0) }
  }

  var axes: (x: Axis, y: Axis) {
    let points = series.flatMap(\.points)
    return (
      Axis(points.map(\.x) + markers.map(\.x), isLogarithmic: isLogarithmic.x),
      Axis(points.map(\.y), isLogarithmic: isLogarithmic.y, fromZero: fromZero)
    )
  }

  private func draw(on canvas: inout SVGCanvas) {
    let (x, y) = axes
    let names = series.filter { !$0.name.isEmpty }
    let legendRows = names.count > 1 ? (names.count + 3) / 4 : 0
    let frame = (
      left: 70.0, top: 36.0 + Double(legendRows) * 18, right: size.width - 18,
      bottom: size.height - 50
    )
    func place(_ px: Double, _ py: Double) -> Point? {
      guard let sx = x.share(px), let sy = y.share(py) else { return nil }
      return Point(
        x: frame.left + sx * (frame.right - frame.left),
        y: frame.bottom - sy * (frame.bottom - frame.top))
    }
    canvas.text(
      title, at: Point(x: frame.left, y: 20), size: 14, .start)
    for tick in y.ticks {
      guard let at = place(x.low, tick) else { continue }
      canvas.line([at, Point(x: frame.right, y: at.y)], .faint, width: 1)
      canvas.text(
        Axis.label(tick), at: Point(x: frame.left - 6, y: at.y + 4), size: 11, .end)
    }
    for tick in x.ticks {
      guard let at = place(tick, y.low) else { continue }
      canvas.line([at, Point(x: at.x, y: at.y + 4)], .ink, width: 1)
      canvas.text(
        Axis.label(tick), at: Point(x: at.x, y: at.y + 17), size: 11, .middle)
    }
    canvas.line(
      [
        Point(x: frame.left, y: frame.top), Point(x: frame.left, y: frame.bottom),
        Point(x: frame.right, y: frame.bottom),
      ], .ink, width: 1)
    canvas.text(
      xLabel, at: Point(x: (frame.left + frame.right) / 2, y: size.height - 12), size: 12, .middle)
    canvas.text(
      yLabel, at: Point(x: 16, y: (frame.top + frame.bottom) / 2), size: 12, .middle,
      upright: true)
    for (index, line) in series.enumerated() {
      let color = Color.series[index % Color.series.count]
      for piece in pieces(line.points, place) {
        if line.isDots || piece.count == 1 {
          for point in piece { canvas.dot(point, radius: 2.5, color) }
        } else {
          canvas.line(piece, color, width: line.isFaint ? 0.8 : 1.8)
        }
      }
    }
    drawMarkers(on: &canvas, frame: (frame.top, frame.bottom)) { place($0, y.low)?.x }
    guard legendRows > 0 else { return }
    for (index, line) in names.enumerated() {
      let number = series.firstIndex { $0.name == line.name } ?? index
      let left = frame.left + Double(index % 4) * (frame.right - frame.left) / 4
      let row = 38 + Double(index / 4) * 18
      canvas.line(
        [Point(x: left, y: row), Point(x: left + 18, y: row)],
        Color.series[number % Color.series.count], width: 2.5)
      canvas.text(
        line.name, at: Point(x: left + 24, y: row + 4), size: 11, .start)
    }
  }

  private func drawMarkers(
    on canvas: inout SVGCanvas, frame: (top: Double, bottom: Double),
    _ place: (Double) -> Double?
  ) {
    for (index, marker) in markers.enumerated() {
      guard let x = place(marker.x) else { continue }
      canvas.line(
        [Point(x: x, y: frame.top), Point(x: x, y: frame.bottom)], .ink, width: 1, dashed: true)
      let isRight = x > size.width * 0.7
      canvas.text(
        marker.label,
        at: Point(x: x + (isRight ? -4 : 4), y: frame.top + 12 + Double(index) * 14), size: 11,
        isRight ? .end : .start)
    }
  }

  /// The unbroken parts of a line, thinned to what pixels can show.
  private func pieces(
    _ points: [(x: Double, y: Double)], _ place: (Double, Double) -> Point?
  ) -> [[Point]] {
    var pieces: [[Point]] = [[]]
    let every = max(1, points.count / 4000)
    for (index, point) in points.enumerated()
    where index % every == 0 || index == points.count - 1 {
      if let at = place(point.x, point.y) {
        pieces[pieces.count - 1].append(at)
      } else {
        pieces.append([])
      }
    }
    return pieces.filter { !$0.isEmpty }
  }
}
