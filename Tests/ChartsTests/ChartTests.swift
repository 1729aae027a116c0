import Charts
import Foundation
import Testing

private let chart = LineChart(
  title: "rates", xLabel: "step", yLabel: "rate",
  series: [
    .init("a<b", [(0, 0), (50, 1), (100, 0.5)]), .init("c", [(0, 1), (50, .nan), (100, 0)]),
  ])

@Suite("Charts")
struct ChartTests {
  @Test("An SVG is well-formed XML with a path for each unbroken piece and escaped names")
  func svg() {
    let text = chart.svg
    let parser = XMLCheck()
    #expect(parser.accepts(text))
    #expect(text.contains("a&lt;b") && !text.contains("nan"))
  }

  @Test("Ticks are round and span the values, on straight and logarithmic axes")
  func ticks() {
    let straight = Axis([0.3, 9.2], isLogarithmic: false)
    #expect(straight.ticks == [0, 2, 4, 6, 8, 10])
    let logarithmic = Axis([1e-6, 0.5], isLogarithmic: true)
    #expect(logarithmic.ticks.first == 1e-6 && logarithmic.ticks.count >= 5)
    #expect(logarithmic.share(-1) == nil && logarithmic.share(.nan) == nil)
    let flat = Axis([2, 2], isLogarithmic: false)
    #expect(flat.low < 2 && flat.high > 2)
    #expect(Axis([], isLogarithmic: true).share(3) != nil)
  }

  @Test(
    "An axis holds at the ends of what a double is",
    arguments: [
      [1.7e308, -1.7e308], [0, .leastNonzeroMagnitude], [1e16, 1e16 + 2], [-1e300, 1e300],
      [.leastNormalMagnitude / 2, 1], [.nan],
      [.infinity, 3],
    ])
  func extremes(values: [Double]) {
    for isLogarithmic in [false, true] {
      var chart = LineChart(
        title: "t", xLabel: "x", yLabel: "y",
        series: [.init("a", values.enumerated().map { (Double($0), $1) })])
      chart.isLogarithmic.y = isLogarithmic
      #expect(chart.terminal(columns: 20, rows: 6).split(separator: "\n").count == 10)
      #expect(!chart.svg.contains("nan") && !chart.svg.contains("inf"))
      let axis = Axis(values, isLogarithmic: isLogarithmic)
      #expect(axis.low < axis.high && axis.ticks.count < 20)
    }
  }

  @Test("Markup in a name is text, with a combining mark behind it too, and controls are replaced")
  func escaping() {
    let name = "<\u{301}script>\"&\u{338} \u{0}\u{8}\r\n"
    let svg = LineChart(
      title: name, xLabel: "", yLabel: "", series: [.init("", [(0, 0), (1, 1)])]
    ).svg
    let wanted = "&lt;\u{301}script&gt;&quot;&amp;\u{338} \u{FFFD}\u{FFFD}\r\n"
    #expect(Array(svg.utf8).firstRange(of: Array(wanted.utf8)) != nil)
    var page = HTMLPage(title: name)
    page.paragraph(name)
    #expect(Array(page.document.utf8).firstRange(of: Array("<p>\(wanted)</p>".utf8)) != nil)
  }

  @Test("A terminal chart has its rows, and draws the highest value above the lowest")
  func terminal() {
    let text = LineChart(
      title: "t", xLabel: "x", yLabel: "y", series: [.init("a", [(0, 0), (1, 1)])]
    ).terminal(columns: 20, rows: 6)
    let lines = text.split(separator: "\n").map(String.init)
    #expect(lines.count == 10)
    #expect(
      lines[1].hasSuffix("⠊") || lines[1].contains { $0.unicodeScalars.first!.value > 0x2800 })
    #expect(!lines[6].hasSuffix("⠊"))
  }

  @Test("A heat map leaves blank what is missing")
  func heatMap() {
    let map = HeatMap(
      title: "m", xLabel: "x", yLabel: "y", columns: ["1", "2"], rows: ["a"], values: [[1, nil]])
    #expect(map.svg.components(separatedBy: "<rect").count == 3)
    #expect(XMLCheck().accepts(map.svg))
  }

  @Test(
    "A name of another format is refused before anything is written, with the name to take",
    arguments: ["a.gif", "a.png", "a", "a.svg.PNG"])
  func endings(name: String) throws {
    let folder = NSTemporaryDirectory() + "martlet-chart-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let path = "\(folder)/\(name)"
    let error = #expect(throws: ChartError.unknownFormat(path: path)) {
      try ChartFile.write(to: path, svg: chart.svg)
    }
    #expect(error?.localizedDescription.contains(".svg.") == true)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == [])
  }

  @Test("A folder that is not there is named")
  func nowhere() {
    let error = #expect(throws: (any Error).self) {
      try ChartFile.write(to: "/nowhere/a.svg", svg: chart.svg)
    }
    #expect(error?.localizedDescription.hasPrefix("/nowhere/a.svg: ") == true)
  }
}

/// Counts tags: every opened one must be closed.
private struct XMLCheck {
  func accepts(_ text: String) -> Bool {
    var open: [String] = []
    for piece in text.split(separator: "<").map(String.init) {
      guard let end = piece.firstIndex(of: ">") else { return false }
      let tag = String(piece[..<end])
      if tag.hasPrefix("/") {
        guard open.popLast() == String(tag.dropFirst()) else { return false }
      } else if !tag.hasSuffix("/") {
        open.append(String(tag.prefix { $0 != " " && $0 != "\n" }))
      }
    }
    return open.isEmpty
  }
}
