import Pages

/// One page of a report, whole in itself: no script, no file beside it.
public struct HTMLPage: Sendable {
  private let title: String
  private var body = ""

  /// An empty page.
  public init(title: String) { self.title = title }

  /// A heading.
  public mutating func heading(_ text: String) { body += "<h2>\(Self.escaped(text))</h2>\n" }

  /// A paragraph.
  public mutating func paragraph(_ text: String) { body += "<p>\(Self.escaped(text))</p>\n" }

  /// Text with its spaces and line ends kept.
  public mutating func code(_ text: String) { body += "<pre>\(Self.escaped(text))</pre>\n" }

  /// A chart's SVG document.
  public mutating func figure(_ svg: String) { body += "<figure>\(svg)</figure>\n" }

  /// A table with a header; the first column to the left, the others to the right.
  public mutating func table(_ header: [String], _ rows: [[String]]) {
    func line(_ cells: [String], _ tag: String) -> String {
      "<tr>" + cells.map { "<\(tag)>\(Self.escaped($0))</\(tag)>" }.joined() + "</tr>\n"
    }
    body += "<table>\n" + line(header, "th") + rows.map { line($0, "td") }.joined() + "</table>\n"
  }

  /// The page.
  public var document: String {
    Page.report.document(["title": Self.escaped(title), "body": body])
  }

  private static func escaped(_ text: String) -> String { SVGCanvas.escaped(text) }
}
