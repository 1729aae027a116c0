import Health
import Testing

@Suite("Prometheus' text format")
struct PrometheusTextTests {
  @Test("values of labels are escaped as bytes, whatever Swift takes for one character")
  func escaping() {
    var page = PrometheusText()
    page.add(
      "texts_total", .counter, "Texts.",
      ["\"\u{301}", "a\r\nb", "c\\\u{301}", "\n\u{301}", "e\u{301}", "\u{E9}", "\u{0}"].map {
        PrometheusText.Sample(["label": $0], 1)
      })
    let lines = page.text.utf8.split(separator: UInt8(ascii: "\n")).map {
      String(decoding: $0, as: UTF8.self).unicodeScalars.map(String.init).joined()
    }
    #expect(lines.count == 2 + 7)
    let values = lines.dropFirst(2).map { Array($0.utf8.dropFirst(27).dropLast(4)) }
    #expect(
      values == [
        Array(#"\""#.utf8) + [0xCC, 0x81], Array(#"a"#.utf8) + [0x0D] + Array(#"\nb"#.utf8),
        Array(#"c\\"#.utf8) + [0xCC, 0x81], Array(#"\n"#.utf8) + [0xCC, 0x81],
        [0x65, 0xCC, 0x81], [0xC3, 0xA9], [0],
      ])
  }

  @Test("a family stands once, and no series twice: counts add up, the first gauge stays")
  func duplicates() {
    var page = PrometheusText()
    page.add(
      "a_total", .counter, "A.",
      [.init(["l": "x"], 2), .init(["l": "y"], 3), .init(["l": "x"], 4)])
    page.add("b", .gauge, "B.", [.init(["l": "x"], 1), .init(["l": "x"], 9)])
    page.add("a_total", .counter, "A.", [.init(["l": "z"], 5), .init(["l": "y"], 1)])
    page.add("none", .gauge, "Nothing.", [])
    page.add(
      "odd", .gauge, "Odd.", [.init(["v": "1"], .number(.infinity)), .init([:], .number(.nan))])
    #expect(
      page.text == """
        # HELP martlet_a_total A.
        # TYPE martlet_a_total counter
        martlet_a_total{l="x"} 6
        martlet_a_total{l="y"} 4
        martlet_a_total{l="z"} 5
        # HELP martlet_b B.
        # TYPE martlet_b gauge
        martlet_b{l="x"} 1
        # HELP martlet_odd Odd.
        # TYPE martlet_odd gauge
        martlet_odd{v="1"} +Inf
        martlet_odd NaN

        """)
  }
}
