import Foundation

/// Why a JSON text was refused, and where: byte offset, line, column and the JSON pointer (RFC 6901) of the
/// value being read.
public struct JSONError: LocalizedError, Sendable, Equatable {
  /// What was wrong with the text.
  public enum Reason: Sendable, Equatable {
    /// Nothing but white space.
    case empty
    /// The text ends inside a value.
    case unexpectedEnd
    /// A byte that no JSON value, or no continuation of this one, has here.
    case unexpectedByte(UInt8)
    /// A byte order mark, which RFC 8259 section 8.1 forbids senders to add.
    case byteOrderMark
    /// Something other than white space after the value.
    case trailingBytes
    /// An object names the same key twice.
    case duplicateKey(String)
    /// Arrays and objects nested deeper than the limit.
    case tooDeep(limit: Int)
    /// More bytes than the limit.
    case tooManyBytes(limit: Int)
    /// More values than the limit.
    case tooManyElements(limit: Int)
    /// A number that breaks the grammar of RFC 8259 section 6, such as `01`, `1.`, `NaN` or `Infinity`.
    case invalidNumber
    /// A number too large for a double.
    case numberOverflow
    /// A control character inside a string that is not escaped.
    case controlCharacter(UInt8)
    /// A backslash followed by something that is not an escape.
    case invalidEscape
    /// `\uD800` to `\uDFFF` without its other half.
    case loneSurrogate
    /// Bytes that are not UTF-8.
    case invalidUTF8
  }

  /// What was wrong.
  public let reason: Reason
  /// Offset in bytes from the start of the text.
  public let offset: Int
  /// Line, counted from 1.
  public internal(set) var line = 1
  /// Column in Unicode scalars, counted from 1.
  public internal(set) var column = 1
  /// JSON pointer (RFC 6901) of the value being read; empty for the whole text.
  public internal(set) var path = ""

  init(_ reason: Reason, at offset: Int) {
    self.reason = reason
    self.offset = offset
  }

  /// The place and what is wrong there, in one sentence.
  public var errorDescription: String? {
    let place = path.isEmpty ? "" : " (at \(path))"
    return "JSON line \(line), column \(column), byte \(offset)\(place): \(explanation)"
  }

  /// How to mend the text.
  public var recoverySuggestion: String? {
    switch reason {
    case .empty: "Send one JSON value."
    case .unexpectedEnd: "Send the whole text; it is cut off."
    case .unexpectedByte, .trailingBytes: "Check for missing quotes, commas or brackets."
    case .byteOrderMark: "Save the text as UTF-8 without a byte order mark."
    case .duplicateKey: "Keep one of the two."
    case .tooDeep, .tooManyBytes, .tooManyElements: "Send less, or raise the limit."
    case .invalidNumber:
      "Write numbers as in RFC 8259: 0, -1, 2.5, 1e3; there is no NaN or Infinity."
    case .numberOverflow: "Numbers must fit in a double, up to about 1.8e308."
    case .controlCharacter: "Escape it as \\u00XX, \\n, \\r or \\t."
    case .invalidEscape: "The escapes are \\\" \\\\ \\/ \\b \\f \\n \\r \\t and \\uXXXX."
    case .loneSurrogate: "Write both halves of the pair, or the character itself."
    case .invalidUTF8: "Encode the text as UTF-8."
    }
  }

  private var explanation: String {
    switch reason {
    case .empty: return "the text is empty"
    case .unexpectedEnd: return "the text ends inside a value"
    case .unexpectedByte(let byte):
      if byte > 0x20, byte < 0x7F { return "unexpected '\(Character(UnicodeScalar(byte)))'" }
      return "unexpected byte 0x\(String(byte, radix: 16, uppercase: true))"
    case .byteOrderMark: return "the text starts with a byte order mark"
    case .trailingBytes: return "something follows the value"
    case .duplicateKey(let key): return "the key \"\(key.prefix(64))\" stands twice in one object"
    case .tooDeep(let limit): return "nested deeper than \(limit)"
    case .tooManyBytes(let limit): return "longer than \(limit) bytes"
    case .tooManyElements(let limit): return "more than \(limit) values"
    case .invalidNumber: return "not a number that JSON knows"
    case .numberOverflow: return "the number is too large"
    case .controlCharacter(let byte): return "control character \(byte) inside a string"
    case .invalidEscape: return "unknown escape in a string"
    case .loneSurrogate: return "half a surrogate pair in a string"
    case .invalidUTF8: return "the bytes are not UTF-8"
    }
  }
}
