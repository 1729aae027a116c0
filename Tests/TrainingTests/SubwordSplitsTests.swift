import Testing
import Tokenization
import Training

private let texts = [
  "unable to undo the undoing", "able doing does undo", "the unable able undoing undo does",
  "做不到 不到 做到 不做 做不到 不到 做到 不做",
]

/// What the tokens stand for, without the marks of continuation.
private func letters(_ ids: [Int32], _ tokenizer: Tokenizer) -> String {
  ids.map { id in
    let token = tokenizer.token(for: id) ?? ""
    let isContinuing = !tokenizer.continuingPrefix.isEmpty && token.hasPrefix("##")
    return isContinuing ? String(token.dropFirst(2)) : token
  }.joined()
}

@Suite("Subword splits")
struct SubwordSplitsTests {
  @Test(
    "Parts spell what the whole spells, in every kind of learned vocabulary",
    arguments: [0..<3, 3..<4])
  func spelling(rows: Range<Int>) throws {
    let tokenizer = try Tokenizer.learn(corpus: texts[rows])
    let splits = SubwordSplits(tokenizer)
    var generator = SeededGenerator(seed: 1)
    var longer = 0
    for text in texts[rows] {
      let whole = tokenizer.encode(text).ids
      for _ in 0..<20 {
        let parts = splits.split(whole, share: 0.5, limit: 100, using: &generator)
        #expect(letters(parts, tokenizer) == letters(whole, tokenizer))
        #expect(parts.first == whole.first && parts.last == whole.last)
        longer += parts.count > whole.count ? 1 : 0
      }
    }
    #expect(longer > 0)
  }

  @Test("A share of 0 splits nothing, of 1 everything that has parts")
  func shares() throws {
    let tokenizer = try Tokenizer.learn(corpus: texts[0..<3])
    let splits = SubwordSplits(tokenizer)
    let whole = tokenizer.encode(texts[0]).ids
    var generator = SeededGenerator(seed: 1)
    #expect(splits.split(whole, share: 0, limit: 100, using: &generator) == whole)
    let parts = splits.split(whole, share: 1, limit: 100, using: &generator)
    // One token a letter, and the two around the text.
    #expect(parts.count == texts[0].count { $0 != " " } + 2)
  }

  @Test("A row does not outgrow the longest input", arguments: [6, 8, 11])
  func limit(tokens: Int) throws {
    let tokenizer = try Tokenizer.learn(corpus: texts[0..<3])
    let splits = SubwordSplits(tokenizer)
    let whole = tokenizer.encode(texts[0], maximumLength: 6).ids
    var generator = SeededGenerator(seed: 3)
    for _ in 0..<20 {
      let parts = splits.split(whole, share: 1, limit: tokens, using: &generator)
      #expect(parts.count <= tokens && parts.last == whole.last)
    }
  }

  @Test("The same seed gives the same parts; special tokens have none")
  func determinism() throws {
    let tokenizer = try Tokenizer.learn(corpus: texts[0..<3])
    let splits = SubwordSplits(tokenizer)
    let whole = tokenizer.encode(texts[1]).ids
    var (one, two) = (SeededGenerator(seed: 5), SeededGenerator(seed: 5))
    #expect(
      splits.split(whole, share: 0.4, limit: 100, using: &one)
        == splits.split(whole, share: 0.4, limit: 100, using: &two))
    let special: [Int32] = [0, 1, 2, 3, 4, 9999, -1]
    #expect(splits.split(special, share: 1, limit: 100, using: &one) == special)
  }
}
