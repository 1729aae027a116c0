extension JSONValue {
  /// The value as UTF-8 bytes. Doubles are written in the fewest digits that read back the same; a double that is
  /// not finite is written as `null`, as JavaScript does.
  ///
  /// - Parameters:
  ///   - pretty: Two spaces of indentation and one member or element a line.
  ///   - sortedKeys: Members in the order of their keys' bytes, so that equal values give equal bytes.
  public func serializedBytes(pretty: Bool = false, sortedKeys: Bool = false) -> [UInt8] {
    var bytes: [UInt8] = []
    write(to: &bytes, pretty: pretty, sortedKeys: sortedKeys, indentation: 0)
    return bytes
  }

  /// The value as text; see `serializedBytes(pretty:sortedKeys:)`.
  public func serialized(pretty: Bool = false, sortedKeys: Bool = false) -> String {
    String(decoding: serializedBytes(pretty: pretty, sortedKeys: sortedKeys), as: UTF8.self)
  }

  /// Appends the value, compact, to `bytes`.
  public func write(to bytes: inout [UInt8]) {
    write(to: &bytes, pretty: false, sortedKeys: false, indentation: 0)
  }

  /// Appends `text` as a JSON string with its quotes to `bytes`.
  public static func write(string text: String, to bytes: inout [UInt8]) {
    bytes.append(UInt8(ascii: "\""))
    var text = text
    text.withUTF8 { buffer in
      var start = 0
      for index in buffer.indices {
        let byte = buffer[index]
        if byte >= 0x20, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte != 0x7F {
          continue
        }
        bytes.append(contentsOf: buffer[start..<index])
        escape(byte, to: &bytes)
        start = index + 1
      }
      bytes.append(contentsOf: buffer[start...])
    }
    bytes.append(UInt8(ascii: "\""))
  }

  /// Appends a number to `bytes`, in the fewest digits that read back the same. No writer of JSON has another way.
  ///
  /// - Throws: `NotFinite` for what JSON has no number for; nothing is then appended.
  public static func write(
    number: some BinaryFloatingPoint & CustomStringConvertible, to bytes: inout [UInt8]
  ) throws(NotFinite) {
    guard number.isFinite else { throw NotFinite() }
    bytes.append(contentsOf: number.description.utf8)
  }

  /// A number that is infinite, or none.
  public struct NotFinite: Error, Equatable {}

  private static func escape(_ byte: UInt8, to bytes: inout [UInt8]) {
    bytes.append(UInt8(ascii: "\\"))
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes.append(byte)
    case 0x08: bytes.append(UInt8(ascii: "b"))
    case 0x09: bytes.append(UInt8(ascii: "t"))
    case 0x0A: bytes.append(UInt8(ascii: "n"))
    case 0x0C: bytes.append(UInt8(ascii: "f"))
    case 0x0D: bytes.append(UInt8(ascii: "r"))
    default:
      let digits = Array("0123456789abcdef".utf8)
      bytes.append(contentsOf: "u00".utf8)
      bytes.append(digits[Int(byte >> 4)])
      bytes.append(digits[Int(byte & 15)])
    }
  }

  private func write(
    to bytes: inout [UInt8], pretty: Bool, sortedKeys: Bool, indentation: Int
  ) {
    switch self {
    case .null: bytes.append(contentsOf: "null".utf8)
    case .bool(let value): bytes.append(contentsOf: (value ? "true" : "false").utf8)
    case .number(.integer(let value)): bytes.append(contentsOf: value.description.utf8)
    case .number(.double(let value)):
      do throws(NotFinite) { try JSONValue.write(number: value, to: &bytes) } catch {
        JSONValue.null.write(to: &bytes)
      }
    case .string(let text): JSONValue.write(string: text, to: &bytes)
    case .array(let elements):
      bytes.append(UInt8(ascii: "["))
      for (index, element) in elements.enumerated() {
        if index > 0 { bytes.append(UInt8(ascii: ",")) }
        if pretty { JSONValue.newLine(indentation + 1, to: &bytes) }
        element.write(
          to: &bytes, pretty: pretty, sortedKeys: sortedKeys, indentation: indentation + 1)
      }
      if pretty, !elements.isEmpty { JSONValue.newLine(indentation, to: &bytes) }
      bytes.append(UInt8(ascii: "]"))
    case .object(let object):
      bytes.append(UInt8(ascii: "{"))
      var order = Array(object.keys.indices)
      if sortedKeys {
        order.sort { object.keys[$0].utf8.lexicographicallyPrecedes(object.keys[$1].utf8) }
      }
      for (position, index) in order.enumerated() {
        if position > 0 { bytes.append(UInt8(ascii: ",")) }
        if pretty { JSONValue.newLine(indentation + 1, to: &bytes) }
        JSONValue.write(string: object.keys[index], to: &bytes)
        bytes.append(UInt8(ascii: ":"))
        if pretty { bytes.append(UInt8(ascii: " ")) }
        object.values[index].write(
          to: &bytes, pretty: pretty, sortedKeys: sortedKeys, indentation: indentation + 1)
      }
      if pretty, !object.isEmpty { JSONValue.newLine(indentation, to: &bytes) }
      bytes.append(UInt8(ascii: "}"))
    }
  }

  private static func newLine(_ indentation: Int, to bytes: inout [UInt8]) {
    bytes.append(UInt8(ascii: "\n"))
    bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: 2 * indentation))
  }
}
