import Foundation

/// Writes the drawing as SVG 1.1.
struct SVGCanvas: ChartCanvas {
  private var body = ""
  let width: Double
  let height: Double

  init(width: Double, height: Double) {
    (self.width, self.height) = (width, height)
    rectangle(Point(x: 0, y: 0), width: width, height: height, .paper)
  }

  var document: String {
    """
    <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(number(width)) \(number(height))" \
    width="\(number(width))" height="\(number(height))" font-family="sans-serif">
    \(body)</svg>

    """
  }

  mutating func line(_ points: [Point], _ color: Color, width: Double, dashed: Bool) {
    guard let first = points.first else { return }
    var path = "M\(number(first.x)) \(number(first.y))"
    for point in points.dropFirst() { path += "L\(number(point.x)) \(number(point.y))" }
    body += "<path d=\"\(path)\" fill=\"none\" stroke=\"\(hex(color))\""
    body += " stroke-width=\"\(number(width))\" stroke-linejoin=\"round\""
    body += dashed ? " stroke-dasharray=\"5 4\"/>\n" : "/>\n"
  }

  mutating func rectangle(_ corner: Point, width: Double, height: Double, _ color: Color) {
    body += "<rect x=\"\(number(corner.x))\" y=\"\(number(corner.y))\" width=\"\(number(width))\""
    body += " height=\"\(number(height))\" fill=\"\(hex(color))\"/>\n"
  }

  mutating func dot(_ center: Point, radius: Double, _ color: Color) {
    body += "<circle cx=\"\(number(center.x))\" cy=\"\(number(center.y))\""
    body += " r=\"\(number(radius))\" fill=\"\(hex(color))\"/>\n"
  }

  mutating func text(
    _ text: String, at: Point, size: Double, _ color: Color, _ anchor: TextAnchor, upright: Bool
  ) {
    body += "<text x=\"\(number(at.x))\" y=\"\(number(at.y))\" font-size=\"\(number(size))\""
    body += " fill=\"\(hex(color))\" text-anchor=\"\(anchor.rawValue)\""
    if upright { body += " transform=\"rotate(-90 \(number(at.x)) \(number(at.y)))\"" }
    body += ">\(Self.escaped(text))</text>\n"
  }

  static func escaped(_ text: String) -> String {
    text.replacingOccurrences(of: "&", with: "&amp;").replacingOccurrences(of: "<", with: "&lt;")
      .replacingOccurrences(of: ">", with: "&gt;")
  }

  private func hex(_ color: Color) -> String {
    String(format: "#%02x%02x%02x", color.red, color.green, color.blue)
  }

  private func number(_ value: Double) -> String {
    let text = String(format: "%.1f", value)
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }
}
