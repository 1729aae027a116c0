import Foundation
import JSON

/// A `tokenizer.json` taken apart: its large lists stay text, all else becomes values.
struct TokenizerDocument {
  /// The file without the lists, which are null in it.
  let json: JSONValue
  /// The whole text.
  let bytes: [UInt8]
  /// Where the value of `model.vocab` stands.
  let vocabulary: Range<Int>?
  /// Where the value of `model.merges` stands.
  let merges: Range<Int>?
  /// What messages call the file.
  let path: String

  /// - Throws: `TokenizationError.malformed`.
  init(_ bytes: [UInt8], path: String) throws {
    self.bytes = bytes
    self.path = path
    guard (try? UTF8Span(validating: bytes.span)) != nil else {
      throw TokenizationError.malformed(path: path, problem: "not UTF-8")
    }
    // Where the lists cannot be found, the strict parser sees all and says what is wrong.
    let (vocabulary, merges) = (try? Self.lists(bytes)) ?? (nil, nil)
    var rest: [UInt8] = []
    var start = 0
    for range in [vocabulary, merges].compactMap({ $0 }).sorted(by: {
      $0.lowerBound < $1.lowerBound
    }) {
      rest += bytes[start..<range.lowerBound]
      rest += Array("null".utf8)
      start = range.upperBound
    }
    rest += bytes[start...]
    do {
      json = try JSONValue(parsing: rest, limits: JSONLimits(fileBytes: bytes.count))
    } catch {
      throw TokenizationError.malformed(
        path: path, problem: "not JSON: \(error.localizedDescription)")
    }
    self.vocabulary = vocabulary
    self.merges = merges
  }

  /// An error at a byte of the text.
  func failure(_ failure: JSONCursor.Failure) -> TokenizationError {
    let line = 1 + bytes[..<min(failure.offset, bytes.count)].count { $0 == 0x0A }
    return .malformed(
      path: path, problem: "\(failure.problem), at byte \(failure.offset), line \(line)")
  }

  private static func lists(
    _ text: [UInt8]
  ) throws(JSONCursor.Failure) -> (Range<Int>?, Range<Int>?) {
    var cursor = JSONCursor(text, 0..<text.count)
    var (vocabulary, merges): (Range<Int>?, Range<Int>?)
    try members(&cursor) { (name, cursor) throws(JSONCursor.Failure) in
      guard name == Array("model".utf8), cursor.peek() == UInt8(ascii: "{") else {
        return try cursor.skip()
      }
      try members(&cursor) { (name, cursor) throws(JSONCursor.Failure) in
        _ = cursor.peek()
        let start = cursor.offset
        try cursor.skip()
        if name == Array("vocab".utf8), vocabulary == nil {
          vocabulary = start..<cursor.offset
        } else if name == Array("merges".utf8), merges == nil {
          merges = start..<cursor.offset
        }
      }
    }
    return (vocabulary, merges)
  }

  /// Calls `body` with the name of each member of an object; it must step over the value.
  private static func members(
    _ cursor: inout JSONCursor,
    _ body: ([UInt8], inout JSONCursor) throws(JSONCursor.Failure) -> Void
  ) throws(JSONCursor.Failure) {
    try cursor.expect(UInt8(ascii: "{"))
    if cursor.take(UInt8(ascii: "}")) { return }
    repeat {
      var name: [UInt8] = []
      try cursor.string(into: &name)
      try cursor.expect(UInt8(ascii: ":"))
      try body(name, &cursor)
    } while cursor.take(UInt8(ascii: ","))
    try cursor.expect(UInt8(ascii: "}"))
  }
}
