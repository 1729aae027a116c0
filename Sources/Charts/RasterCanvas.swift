import Foundation

/// Draws on pixels, two in each direction for one of the drawing, edges smoothed.
struct RasterCanvas: ChartCanvas {
  private static let scale = 2.0
  let width: Int
  let height: Int
  private var pixels: [Color]

  init(width: Double, height: Double) {
    self.width = Int(width * Self.scale)
    self.height = Int(height * Self.scale)
    pixels = [Color](repeating: .paper, count: self.width * self.height)
  }

  /// Red, green and blue of each pixel, by rows.
  var bytes: [UInt8] { pixels.flatMap { [$0.red, $0.green, $0.blue] } }

  mutating func line(_ points: [Point], _ color: Color, width: Double, dashed: Bool) {
    var travelled = 0.0
    for (a, b) in zip(points, points.dropFirst()) {
      let length = ((b.x - a.x) * (b.x - a.x) + (b.y - a.y) * (b.y - a.y)).squareRoot()
      if dashed {
        var place = 0.0
        while place < length {
          let phase = (travelled + place).truncatingRemainder(dividingBy: 9)
          let step = min(phase < 5 ? 5 - phase : 9 - phase, length - place)
          if phase < 5 {
            stroke(
              between(a, b, place / length), between(a, b, (place + step) / length), color, width)
          }
          place += max(step, 0.01)
        }
      } else {
        stroke(a, b, color, width)
      }
      travelled += length
    }
  }

  private func between(_ a: Point, _ b: Point, _ share: Double) -> Point {
    Point(x: a.x + (b.x - a.x) * share, y: a.y + (b.y - a.y) * share)
  }

  /// Colours each pixel by how much of it lies within half a width of the segment.
  private mutating func stroke(_ a: Point, _ b: Point, _ color: Color, _ width: Double) {
    let (ax, ay) = (a.x * Self.scale, a.y * Self.scale)
    let (dx, dy) = (b.x * Self.scale - ax, b.y * Self.scale - ay)
    let half = width * Self.scale / 2
    let square = dx * dx + dy * dy
    forEachPixel(
      x: min(ax, ax + dx) - half - 1...max(ax, ax + dx) + half + 1,
      y: min(ay, ay + dy) - half - 1...max(ay, ay + dy) + half + 1
    ) { x, y in
      let (px, py) = (Double(x) + 0.5 - ax, Double(y) + 0.5 - ay)
      let along = square > 0 ? min(max((px * dx + py * dy) / square, 0), 1) : 0
      let (ex, ey) = (px - along * dx, py - along * dy)
      return (color, half + 0.5 - (ex * ex + ey * ey).squareRoot())
    }
  }

  mutating func rectangle(_ corner: Point, width: Double, height: Double, _ color: Color) {
    let (left, top) = (corner.x * Self.scale, corner.y * Self.scale)
    let (right, bottom) = (left + width * Self.scale, top + height * Self.scale)
    forEachPixel(x: left...max(left, right), y: top...max(top, bottom)) { x, y in
      let across = min(Double(x) + 1, right) - max(Double(x), left)
      let down = min(Double(y) + 1, bottom) - max(Double(y), top)
      return (color, max(across, 0) * max(down, 0))
    }
  }

  mutating func dot(_ center: Point, radius: Double, _ color: Color) {
    stroke(center, center, color, radius * 2)
  }

  mutating func text(
    _ text: String, at: Point, size: Double, _ color: Color, _ anchor: TextAnchor, upright: Bool
  ) {
    let unit = size / StrokeFont.height
    let length = StrokeFont.width(text) * unit
    let shift = anchor == .start ? 0 : anchor == .middle ? length / 2 : length
    var place = -shift
    for character in text {
      for stroke in StrokeFont.strokes(character) {
        let points = stroke.map { point in
          let (x, y) = (place + point.x * unit, point.y * unit)
          return upright
            ? Point(x: at.x + y, y: at.y - x) : Point(x: at.x + x, y: at.y + y)
        }
        line(points, color, width: size / 11, dashed: false)
      }
      place += StrokeFont.advance * unit
    }
  }

  private mutating func forEachPixel(
    x: ClosedRange<Double>, y: ClosedRange<Double>, _ body: (Int, Int) -> (Color, Double)
  ) {
    guard x.lowerBound.isFinite, x.upperBound.isFinite, y.lowerBound.isFinite,
      y.upperBound.isFinite
    else { return }
    let columns =
      max(0, Int(max(x.lowerBound, 0)))..<max(0, min(width, Int(min(x.upperBound, 1e6)) + 1))
    let rows =
      max(0, Int(max(y.lowerBound, 0)))..<max(0, min(height, Int(min(y.upperBound, 1e6)) + 1))
    guard columns.lowerBound < width, rows.lowerBound < height else { return }
    for row in rows {
      for column in columns {
        let (color, cover) = body(column, row)
        guard cover > 0 else { continue }
        let index = row * width + column
        pixels[index] = pixels[index].mixed(with: color, min(cover, 1))
      }
    }
  }
}
