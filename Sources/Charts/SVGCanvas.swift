import Foundation

/// A place in a drawing, in pixels from its upper left corner.
struct Point: Sendable, Equatable {
  var x: Double
  var y: Double
}

/// Where a text's given point lies along it.
enum TextAnchor: String {
  case start, middle, end
}

/// Writes a drawing as SVG 1.1.
struct SVGCanvas {
  private var body = ""

  /// The whole document of what `draw` draws; sizes are in pixels.
  static func document(
    width: Double, height: Double, _ draw: (inout SVGCanvas) -> Void
  ) -> String {
    var canvas = SVGCanvas()
    canvas.rectangle(Point(x: 0, y: 0), width: width, height: height, .paper)
    draw(&canvas)
    let (width, height) = (canvas.number(width), canvas.number(height))
    return """
      <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(width) \(height)" width="\(width)" \
      height="\(height)" font-family="sans-serif">
      \(canvas.body)</svg>

      """
  }

  mutating func line(_ points: [Point], _ color: Color, width: Double, dashed: Bool = false) {
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

  /// `at` is on the text's base line. Upright text runs from bottom to top.
  mutating func text(
    _ text: String, at: Point, size: Double, _ anchor: TextAnchor, _ color: Color = .ink,
    upright: Bool = false
  ) {
    body += "<text x=\"\(number(at.x))\" y=\"\(number(at.y))\" font-size=\"\(number(size))\""
    body += " fill=\"\(hex(color))\" text-anchor=\"\(anchor.rawValue)\""
    if upright { body += " transform=\"rotate(-90 \(number(at.x)) \(number(at.y)))\"" }
    body += ">\(Self.escaped(text))</text>\n"
  }

  /// `text` as text or attribute of XML and HTML. Goes by scalars, since `<` with a combining mark behind it is one `Character`;
  /// what XML 1.0 has no place for (section 2.2) is U+FFFD.
  static func escaped(_ text: String) -> String {
    var escaped = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": escaped += "&amp;"
      case "<": escaped += "&lt;"
      case ">": escaped += "&gt;"
      case "\"": escaped += "&quot;"
      case "\t", "\n", "\r": escaped.unicodeScalars.append(scalar)
      case "\u{0}"..<" ", "\u{FFFE}", "\u{FFFF}": escaped += "\u{FFFD}"
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }

  private func hex(_ color: Color) -> String {
    String(format: "#%02x%02x%02x", color.red, color.green, color.blue)
  }

  private func number(_ value: Double) -> String {
    let text = String(format: "%.1f", value)
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }
}
