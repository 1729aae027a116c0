import Files

/// Rows of values between commas, or another byte (RFC 4180). A line end is LF or CRLF; a field in quotes may hold
/// either, and a quote as two.
package struct CSVReader {
  private let source: ByteReader
  private let separator: UInt8
  /// Line on which the last row began, from 1.
  private(set) var line = 0
  private var nextLine: Int

  init(_ source: ByteReader, separator: UInt8) {
    (self.source, self.separator, nextLine) = (source, separator, source.lineNumber + 1)
  }

  /// The next row that is not blank; nil at the end.
  mutating func row() throws -> [[UInt8]]? {
    while try source.peek() != nil {
      line = nextLine
      let row = try parse()
      if row != [[]] { return row }
    }
    return nil
  }

  private mutating func parse() throws -> [[UInt8]] {
    var row: [[UInt8]] = []
    var size = 0
    while true {
      var field: [UInt8] = []
      let end: UInt8?
      if try source.peek() == UInt8(ascii: "\"") {
        _ = try source.byte()
        end = try quoted(&field)
      } else {
        end = try plain(&field)
      }
      size += field.count + 1
      if size > ByteReader.longestRow { throw source.tooLong(line) }
      row.append(field)
      if end != separator {
        nextLine += 1
        return row
      }
    }
  }

  /// Reads to the comma or line end behind a field, which it returns; nil at the end of the file.
  private func plain(_ field: inout [UInt8]) throws -> UInt8? {
    while let byte = try source.byte() {
      switch byte {
      case separator: return byte
      case UInt8(ascii: "\n"):
        if field.last == UInt8(ascii: "\r") { field.removeLast() }
        return byte
      case UInt8(ascii: "\""):
        throw bad("a quote stands inside a field that does not begin with one")
      default:
        field.append(byte)
        if field.count > ByteReader.longestRow { throw source.tooLong(line) }
      }
    }
    return nil
  }

  private mutating func quoted(_ field: inout [UInt8]) throws -> UInt8? {
    while let byte = try source.byte() {
      if byte == UInt8(ascii: "\"") {
        guard try source.peek() == byte else { return try behindQuotes() }
        _ = try source.byte()
      }
      if byte == UInt8(ascii: "\n") { nextLine += 1 }
      field.append(byte)
      if field.count > ByteReader.longestRow { throw source.tooLong(line) }
    }
    throw bad("the quote that opens a field is never closed")
  }

  private func behindQuotes() throws -> UInt8? {
    var byte = try source.byte()
    if byte == UInt8(ascii: "\r") { byte = try source.byte() }
    guard byte == nil || byte == separator || byte == UInt8(ascii: "\n") else {
      throw bad("characters stand between a closing quote and the end of the field")
    }
    return byte
  }

  private func bad(_ problem: String) -> RecordError {
    .malformed(
      path: source.path, line: line, problem: problem,
      mend: "Put the field in quotes and write each quote in it twice (RFC 4180).")
  }

  /// `field` as a file has it: in quotes where it must be.
  package static func escaped(_ field: String) -> String {
    let needsQuotes = field.utf8.contains {
      $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: "\"") || $0 == 10 || $0 == 13
    }
    guard needsQuotes else { return field }
    return "\"" + field.escaped { $0 == UInt8(ascii: "\"") ? "\"\"" : nil } + "\""
  }
}
