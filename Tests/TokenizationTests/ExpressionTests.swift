import Foundation
import JSON
import Testing
import Tokenization

/// Regular expressions with what Hugging Face's `tokenizers` (Oniguruma) makes of texts, made by
/// Tests/Reference/tokenizer_expressions.py; `MARTLET_EXPRESSIONS` names a larger file.
private func expressionCases() throws -> [JSONValue] {
  let path =
    ProcessInfo.processInfo.environment["MARTLET_EXPRESSIONS"]
    ?? URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("Fixtures/expressions.json").path
  return try Data(contentsOf: URL(fileURLWithPath: path)).split(separator: 0x0A)
    .map { try JSONValue(parsing: Data($0)) }
}

private func splitting(
  _ expression: String, _ behavior: String = "Isolated", inverts: Bool = false,
  characters: Set<Unicode.Scalar>
) throws -> Tokenizer {
  // The ids tell a character that begins a piece from one inside.
  var vocabulary = JSONObject()
  for (index, character) in characters.sorted().enumerated() {
    vocabulary[String(character)] = JSONValue(2 * index)
    vocabulary["<>" + String(character)] = JSONValue(2 * index + 1)
  }
  let document: JSONValue = [
    "model": [
      "type": "BPE", "continuing_subword_prefix": "<>", "merges": [], "vocab": .object(vocabulary),
    ],
    "pre_tokenizer": [
      "type": "Split", "pattern": ["Regex": .string(expression)], "behavior": .string(behavior),
      "invert": .bool(inverts),
    ],
  ]
  return try Tokenizer.parse(document.serializedBytes())
}

@Suite("Regular expressions of tokenizers")
struct ExpressionTests {
  @Test("Texts are split as Oniguruma splits them: known expressions, and such as chance made")
  func splits() throws {
    let cases = try expressionCases()
    #expect(cases.count >= 100)
    var refused = 0
    for row in cases {
      let expression = try #require(row["expression"]?.stringValue)
      let texts = (row["texts"]?.arrayValue ?? []).compactMap(\.stringValue)
      let tokenizer: Tokenizer
      do {
        tokenizer = try splitting(
          expression, row["behavior"]?.stringValue ?? "",
          inverts: row["invert"]?.boolValue ?? false,
          characters: Set(texts.flatMap(\.unicodeScalars)))
      } catch {
        #expect(error.localizedDescription.contains("Supported"))
        refused += 1
        continue
      }
      for (text, pieces) in zip(texts, row["pieces"]?.arrayValue ?? []) {
        var rest = Array(text.utf8)[...]
        var wanted: [String] = []
        for length in pieces.arrayValue?.compactMap(\.intValue) ?? [] {
          let piece = String(
            decoding: rest.prefix(abs(length) - (length < 0 ? 1 : 0)), as: UTF8.self)
          rest = rest.dropFirst(piece.utf8.count)
          if length < 0 { continue }
          for (index, scalar) in piece.unicodeScalars.enumerated() {
            wanted.append((index > 0 ? "<>" : "") + String(scalar))
          }
        }
        let found = tokenizer.encode(text).ids.map { tokenizer.token(for: $0) ?? "" }
        #expect(found == wanted, "\(expression) \(text.debugDescription)")
      }
    }
    #expect(refused < cases.count / 2)
  }

  @Test(
    "What is not supported is refused, with the part of the expression that is not",
    arguments: [
      (#"(a)\1"#, #""\1""#), ("(?<=a)b", "\"(?<=\""), ("(?>a)b", "\"(?>a\""), ("^a", "\"^\""),
      (#"\bx"#, #""\b""#), (#"\p{Han}"#, #""\p{Han}""#), ("[[:alpha:]]", "\"[:\""),
      ("[a&&b]", "\"&&\""), ("a*", "a match of nothing"),
      ("(a*)+b", "repetition of what can be empty"),
      ("(?:ab)*+c", "possessive"), ("(?!ab)c", "look at more than the next"),
      ("(a", "without \")\""),
      ("a)", "without \"(\""), ("[a", "without \"]\""), ("a{2", "no count"), ("a{3,1}", "{3,1}"),
      ("a++*", "repetition of a repetition"), ("(?i:ss)", "where case is ignored"),
      ("(?i:é)", "beyond ASCII where case is ignored"), ("(?:a|b){1,2000}c", "its size"),
      ("[b-a]", "a range that is none"), ("+a", "nothing before it"),
      ("\\", "backslash at the end"),
      (String(repeating: "(", count: 99), "groups 33 deep"),
    ])
  func refusals(expression: String, reason: String) throws {
    let error = #expect(throws: TokenizationError.self) {
      try splitting(expression, characters: ["a"])
    }
    let message = error?.localizedDescription ?? ""
    #expect(message.contains(reason) && message.contains("Supported"), "\(message)")
  }

  @Test(
    "Work grows with a text's length and no faster, for what makes backtracking slow as well",
    arguments: try expressionCases().prefix(9).compactMap { $0["expression"]?.stringValue })
  func linearity(expression: String) throws {
    let units = [
      "a", "A", " ", "\n", " \n", "1", "a ", "A1", "\u{301}", "é世", "'", "'s", "  x", "\u{A0}",
    ]
    let tokenizer = try splitting(
      expression, characters: Set(units.joined().unicodeScalars))
    for unit in units {
      let small = tokenizer.stepCount(String(repeating: unit, count: 2000))
      let large = tokenizer.stepCount(String(repeating: unit, count: 32000))
      #expect(large <= small * 17 + 1000, "\(unit.debugDescription): \(small) and \(large) steps")
    }
  }
}
