import Files
import JSON
import Tokenization

/// Writes what a tokenizer makes of texts, a line for each.
public struct TokenWriter {
  /// What a line says.
  public enum Format: String, Sendable, CaseIterable {
    /// Ids, a tab, tokens.
    case table
    /// Ids with spaces between.
    case ids
    /// Tokens with spaces between.
    case tokens
    /// The number of tokens.
    case count
    /// An object of ids, tokens, segments, and whether the text was cut.
    case json
  }

  private let output: OutputFile
  private let format: Format
  private let tokenizer: Tokenizer
  private var bytes: [UInt8] = []
  /// Tokens written so far.
  public private(set) var tokenCount = 0

  /// A writer of what `tokenizer` makes.
  package init(_ output: OutputFile, format: Format, tokenizer: Tokenizer) {
    (self.output, self.format, self.tokenizer) = (output, format, tokenizer)
  }

  /// Adds a line.
  ///
  /// - Throws: `FileError` where the output cannot be written.
  public mutating func write(_ encoding: Encoding) throws {
    tokenCount += encoding.ids.count
    bytes.removeAll(keepingCapacity: true)
    switch format {
    case .ids: appendIDs(encoding.ids)
    case .tokens: appendTokens(encoding.ids)
    case .count: append(encoding.ids.count)
    case .table:
      appendIDs(encoding.ids)
      bytes.append(UInt8(ascii: "\t"))
      appendTokens(encoding.ids)
    case .json: bytes += json(encoding).serializedBytes()
    }
    bytes.append(UInt8(ascii: "\n"))
    try output.write(bytes)
  }

  /// Writes what is still held; a file appears now.
  ///
  /// - Throws: `FileError` where the output cannot be written.
  public func finish() throws { try output.commit() }

  private mutating func append(_ number: Int) {
    bytes.append(contentsOf: String(number).utf8)
  }

  private mutating func appendIDs(_ ids: [Int32]) {
    for (place, id) in ids.enumerated() {
      if place > 0 { bytes.append(UInt8(ascii: " ")) }
      append(Int(id))
    }
  }

  /// White space inside of a token would look like an end of it.
  private mutating func appendTokens(_ ids: [Int32]) {
    for (place, id) in ids.enumerated() {
      if place > 0 { bytes.append(UInt8(ascii: " ")) }
      for byte in (tokenizer.token(for: id) ?? "").utf8 {
        if byte > 0x20 {
          bytes.append(byte)
        } else {
          bytes.append(contentsOf: "\u{FFFD}".utf8)
        }
      }
    }
  }

  private func json(_ encoding: Encoding) -> JSONValue {
    var object: JSONObject = [
      "ids": .array(encoding.ids.map { JSONValue(Int($0)) }),
      "tokens": .array(encoding.ids.map { .string(tokenizer.token(for: $0) ?? "") }),
      "type_ids": .array(encoding.typeIDs.map { JSONValue(Int($0)) }),
      "truncated": JSONValue(encoding.isTruncated),
      "unknown": JSONValue(encoding.unknownCount),
    ]
    if !encoding.origins.isEmpty {
      object["offsets"] = .array(
        encoding.origins.map {
          [JSONValue($0.range.lowerBound), JSONValue($0.range.upperBound)]
        })
    }
    return .object(object)
  }
}
