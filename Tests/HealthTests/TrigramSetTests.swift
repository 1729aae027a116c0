import Health
import Testing

@Suite("Unseen trigrams")
struct TrigramSetTests {
  @Test("a text of the set has nothing unseen, whatever its case and its white space")
  func seen() {
    let set = TrigramSet(["Call me at eight"])
    #expect(set.unseenShare(of: "Call me at eight") == 0)
    #expect(set.unseenShare(of: "cALL\tME at\nEIGHT") == 0)
    #expect(TrigramSet().unseenShare(of: "") == 1)
    #expect(TrigramSet([""]).unseenShare(of: "") == 0)
  }

  @Test("the share is what one counts by hand, beginning and end included")
  func share() {
    // Trigrams of bytes, 0 before and behind: 00a 0ab abc bc0; of "abx": 00a 0ab abx bx0.
    let set = TrigramSet(["abc"])
    #expect(set.unseenShare(of: "abx") == 0.5)
    #expect(set.unseenShare(of: "ab") == 1.0 / 3)
    #expect(set.unseenShare(of: "xyz") == 1)
  }

  @Test("another script and replaced characters are unseen, and all lengths of text are taken")
  func damage() {
    let set = TrigramSet([
      "see you at eight then", "ok, lunch tomorrow?", "call me when you are home",
    ])
    #expect(set.unseenShare(of: "when you call") < 0.5)
    #expect(set.unseenShare(of: "明天一起吃午饭吗") > 0.9)
    let damaged = set.unseenShare(of: "see y\u{FFFD}u at eight th\u{FFFD}n")
    #expect(damaged > set.unseenShare(of: "see you at eight then") + 0.3)
  }

  @Test("a set reads back from base64, and nothing else does")
  func base64() {
    let set = TrigramSet(["one text", "and another, Ünicode"])
    #expect(TrigramSet(base64: set.base64) == set)
    #expect(set.base64.utf8.count == 10_924)
    for other in ["", "AAAA", String(set.base64.dropLast(4)), "?" + set.base64.dropFirst()] {
      #expect(TrigramSet(base64: other) == nil)
    }
  }

  @Test("however many texts there are, half of the table stays empty")
  func saturation() {
    var generator = SplitMix(state: 3)
    let texts = (0..<3000).map { _ in
      String(
        (0..<60).map { _ in
          Character(Unicode.Scalar(UInt32.random(in: 0x4E00...0x9FFF, using: &generator)) ?? "x")
        })
    }
    let set = TrigramSet(texts)
    let other = String(
      (0..<400).map { _ in
        Character(Unicode.Scalar(UInt32.random(in: 0xAC00...0xD7A3, using: &generator)) ?? "x")
      })
    #expect(set.unseenShare(of: other) > 0.3)
  }

  @Test("half of the texts make the set, and the others find it as a new text does")
  func halves() throws {
    var generator = SplitMix(state: 5)
    let words = (0..<2000).map { "w\($0)q" }
    func text() -> String {
      (0..<8).map { _ in words[Int.random(in: words.indices, using: &generator)] }
        .joined(separator: " ")
    }
    let texts = (0..<400).map { _ in text() }
    let (set, shares) = try #require(TrigramSet.halves(of: texts))
    let measured = shares.compactMap { $0 }
    #expect(shares.count == 400 && measured.count == 200)
    for (text, share) in zip(texts, shares) where share == nil {
      #expect(set.unseenShare(of: text) == 0)
    }
    let fresh = (0..<200).map { _ in set.unseenShare(of: text()) }
    let test = Statistics.kolmogorovSmirnov(measured, fresh)
    #expect(test.pValue > 0.001)
    #expect(measured.reduce(0, +) > 0)
    #expect(TrigramSet.halves(of: ["one"]) == nil)
  }
}
