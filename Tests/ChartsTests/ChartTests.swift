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

  @Test("A PNG has sound chunks, and its stream unpacks to the pixels")
  func png() throws {
    let file = chart.png
    #expect(Array(file.prefix(4)) == [0x89, 0x50, 0x4E, 0x47])
    #expect(Array(file.suffix(8).prefix(4)) == Array("IEND".utf8))
    var generator = SystemRandomNumberGenerator()
    let noise = (0..<5000).map {
      $0 % 700 < 300 ? UInt8(7) : UInt8.random(in: 0...255, using: &generator)
    }
    #expect(try unpacked(PNGEncoder.zlib(noise)) == noise)
    #expect(try unpacked(PNGEncoder.zlib([])) == [])
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
    #expect(map.png.count > 100)
  }

  @Test("An ending that cannot be drawn is refused before anything is written")
  func endings() {
    #expect(throws: ChartError.unknownFormat(path: "a.gif")) {
      try ChartFile.write(to: "a.gif", svg: "", png: [])
    }
    #expect(throws: ChartError.self) {
      try ChartFile.write(to: "/nowhere/a.svg", svg: "", png: [])
    }
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

/// Reads what `PNGEncoder` writes: one block of fixed codes (RFC 1951), and checks Adler-32.
private func unpacked(_ bytes: [UInt8]) throws -> [UInt8] {
  var place = 16
  func bit() -> Int {
    defer { place += 1 }
    return Int(bytes[place / 8] >> UInt8(place % 8)) & 1
  }
  func code(_ width: Int) -> Int { (0..<width).reduce(0) { value, _ in value << 1 | bit() } }
  #expect(bit() == 1 && bit() == 1 && bit() == 0)
  var output: [UInt8] = []
  while true {
    var symbol = code(7)
    if symbol <= 0x17 {
      symbol += 256
    } else {
      symbol = symbol << 1 | bit()
      if symbol < 0xC0 {
        symbol -= 0x30
      } else if symbol < 0xC8 {
        symbol += 280 - 0xC0
      } else {
        symbol = (symbol << 1 | bit()) - 0x190 + 144
      }
    }
    if symbol == 256 { break }
    if symbol < 256 {
      output.append(UInt8(symbol))
    } else {
      #expect(code(5) == 0)
      let last = try #require(output.last)
      output += [UInt8](repeating: last, count: symbol == 285 ? 258 : symbol - 257 + 3)
    }
  }
  var (a, b) = (1, 0)
  for byte in output {
    a = (a + Int(byte)) % 65521
    b = (b + a) % 65521
  }
  let stored = bytes.suffix(4).reduce(0) { $0 << 8 | Int($1) }
  #expect(stored == b << 16 | a)
  return output
}
