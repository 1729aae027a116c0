import JSON
import Testing

@Suite("Texts that are equal byte for byte alone")
struct ExactStringTests {
  @Test("canonically equal texts are two, in lookups, lists and comparisons")
  func bytes() {
    let texts = ["\u{E9}", "e\u{301}", "\u{C5}", "\u{212B}", "\u{E9}"]
    let places = ExactString.places(in: texts)
    #expect(places.count == 4)
    #expect(places[ExactString("e\u{301}")] == 1 && places[ExactString("\u{E9}")] == 0)
    #expect(places[ExactString("A\u{30A}")] == nil)
    #expect(ExactString.unique(texts).count == 4)
    #expect(["\u{E9}"] == ["e\u{301}"] && !ExactString.areEqual(["\u{E9}"], ["e\u{301}"]))
    #expect(ExactString.areEqual(texts, texts) && !ExactString.areEqual(texts, []))
  }
}
