import Foundation

/// Why a text is not the JSON that this program takes, and where.
public struct JSONError: Error, Equatable, LocalizedError {
  /// What is wrong.
  public enum Reason: Sendable, Equatable {
    /// No value at all.
    case empty
    /// The text ends inside a value.
    case unexpectedEnd
    /// A byte that no rule allows here.
    case unexpectedByte(UInt8)
    /// Bytes behind the value.
    case trailingBytes
    /// The text is not UTF-8.
    case invalidUTF8
    /// A byte-order mark in front.
    case byteOrderMark
    /// An unescaped control character in a string.
    case controlCharacter(UInt8)
    /// A backslash followed by what is no escape.
    case invalidEscape
    /// Half of a surrogate pair (RFC 8259, section 8.2, leaves it open; refused here).
    case loneSurrogate
    /// A number that breaks the grammar, such as 01 or 1. or NaN.
    case invalidNumber
    /// A number beyond a double's range.
    case numberTooLarge
    /// Two members of an object have this name.
    case duplicateName(String)
    /// Nested deeper than the limit.
    case tooDeep(limit: Int)
    /// More values than the limit.
    case tooManyValues(limit: Int)
    /// More bytes than the limit.
    case tooLong(limit: Int)
  }

  /// What is wrong.
  public let reason: Reason
  /// Byte of the text, from 0.
  public let offset: Int
  /// Line, from 1.
  public let line: Int
  /// Byte of the line, from 1.
  public let column: Int
  /// JSON pointer (RFC 6901) of the value being read.
  public let pointer: String

  /// What, where and how to mend it.
  public var errorDescription: String? {
    let place = "at line \(line), column \(column)" + (pointer.isEmpty ? "" : " (in \(pointer))")
    return "Invalid JSON \(place): \(reason.explanation)"
  }
}

extension JSONError.Reason {
  /// The reason in words, with the mend.
  public var explanation: String {
    switch self {
    case .empty: "the text is empty; send one JSON value."
    case .unexpectedEnd: "the text ends in the middle of a value; close it."
    case .unexpectedByte(let byte):
      "unexpected \(Self.name(byte)); check for a missing comma, colon or quote before it."
    case .trailingBytes: "there are bytes behind the value; send one value only."
    case .invalidUTF8: "a string is not valid UTF-8; encode the text as UTF-8."
    case .byteOrderMark: "a byte-order mark stands in front; remove its three bytes."
    case .controlCharacter(let byte):
      "the control character \(Self.name(byte)) stands in a string; escape it."
    case .invalidEscape: "a backslash starts no valid escape; double it."
    case .loneSurrogate: "\\u escapes hold half of a surrogate pair; send both halves."
    case .invalidNumber: "malformed number; JSON has no leading zeros, no NaN, no Infinity."
    case .numberTooLarge: "a number is too large for a double."
    case .duplicateName(let name): "the name \"\(name)\" occurs twice in one object; keep one."
    case .tooDeep(let limit): "nested more than \(limit) levels deep; flatten it."
    case .tooManyValues(let limit): "more than \(limit) values; split the text."
    case .tooLong(let limit): "more than \(limit) bytes; split the text."
    }
  }

  private static func name(_ byte: UInt8) -> String {
    if byte > 0x20 && byte < 0x7f { return "'\(Character(Unicode.Scalar(byte)))'" }
    let digits = String(byte, radix: 16, uppercase: true)
    return "byte 0x\(digits.count < 2 ? "0" : "")\(digits)"
  }
}
