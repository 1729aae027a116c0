import Foundation
import JSON
import Testing
import Tokenization

/// Where tokens come from, beside `offset_mapping` of Hugging Face's `tokenizers` by Tests/Reference/tokenizer_offsets.py.
@Suite("Origins of tokens")
struct TokenOriginTests {
  private static let fixture: JSONValue? = {
    let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Fixtures/offsets.json")
    return try? JSONValue(parsing: Data(contentsOf: url))
  }()

  private static func described(_ origins: [TokenOrigin]) -> String {
    var (text, last) = ("", -1)
    for origin in origins {
      let goesOn = origin.sequence != nil && origin.word == last
      text += "\(origin.range.lowerBound),\(origin.range.upperBound),\(goesOn ? 1 : 0);"
      last = origin.sequence == nil ? -1 : origin.word
    }
    return text
  }

  private static func hash(_ text: String) -> Int {
    var value: UInt32 = 0x811C_9DC5
    for byte in text.utf8 { value = (value ^ UInt32(byte)) &* 0x0100_0193 }
    return Int(value)
  }

  @Test(
    "They equal those of Hugging Face tokenizers, for each model and each component",
    arguments: TokenizerFixture.shared.map { Array($0.layouts.indices) } ?? [])
  func origins(index: Int) throws {
    let (shared, fixture) = (try #require(TokenizerFixture.shared), try #require(Self.fixture))
    let texts = shared.texts + (fixture["hard"]?.arrayValue ?? []).compactMap(\.stringValue)
    let layout = shared.layouts[index]
    let tokenizer = try Tokenizer.parse(layout.json.serializedBytes())
    let wanted = fixture["hashes"]?[index]?.arrayValue?.compactMap(\.intValue) ?? []
    #expect(wanted.count == texts.count && wanted.count > 220)
    for (text, want) in zip(texts, wanted) {
      let tokens = tokenizer.tokens(of: text, tracing: true)
      #expect(tokens.ids == tokenizer.tokens(of: text).ids)
      let origins = tokenizer.framed(tokens, nil).origins
      let found = Self.described(origins)
      #expect(
        Self.hash(found) == want, "\(layout.name): \(text.debugDescription): \(found)")
    }
  }

  @Test("A long text's windows are those of Hugging Face tokenizers")
  func windows() throws {
    let layout = try #require(TokenizerFixture.shared?.layouts.first)
    let tokenizer = try Tokenizer.parse(layout.json.serializedBytes())
    let cases = Self.fixture?["windows"]?.arrayValue ?? []
    #expect(cases.count == 2)
    for row in cases {
      let found = try #require(
        tokenizer.windows(
          tokenizer.tokens(of: row["question"]?.stringValue ?? "", tracing: true),
          tokenizer.tokens(of: row["context"]?.stringValue ?? "", sequence: 1, tracing: true),
          maximumLength: row["length"]?.intValue ?? 0, overlap: row["stride"]?.intValue ?? 0))
      let ids = row["ids"]?.arrayValue?.map { $0.arrayValue?.compactMap(\.intValue) ?? [] }
      #expect(found.map { $0.ids.map(Int.init) } == ids && found.count > 1)
      let offsets = row["offsets"]?.arrayValue?.map {
        $0.arrayValue?.map { ($0[0]?.intValue ?? 0)..<($0[1]?.intValue ?? 0) } ?? []
      }
      #expect(found.map { $0.origins.map(\.range) } == offsets)
    }
    let (a, b) = (tokenizer.tokens(of: "a"), tokenizer.tokens(of: "the price of the price"))
    #expect(tokenizer.windows(a, b, maximumLength: 8, overlap: 5) == nil)
  }
}
