extension JSONValue {
  /// The value as UTF-8 text. Doubles have the fewest digits that read back the same; those that are
  /// not finite become null, because JSON has no word for them. `pretty` puts each member on a line.
  public func serialized(pretty: Bool = false, sortedKeys: Bool = false) -> [UInt8] {
    var writer = JSONWriter(pretty: pretty, sortedKeys: sortedKeys)
    writer.write(self, level: 0)
    return writer.output
  }

  /// `serialized` as a string.
  public func text(pretty: Bool = false, sortedKeys: Bool = false) -> String {
    String(decoding: serialized(pretty: pretty, sortedKeys: sortedKeys), as: UTF8.self)
  }

  /// Appends `text` as a JSON string, quotes included, to `output`.
  public static func appendString(_ text: String, to output: inout [UInt8]) {
    let hex = Array("0123456789abcdef".utf8)
    output.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"): output += [UInt8(ascii: "\\"), byte]
      case 0x0A: output += [UInt8(ascii: "\\"), UInt8(ascii: "n")]
      case 0x0D: output += [UInt8(ascii: "\\"), UInt8(ascii: "r")]
      case 0x09: output += [UInt8(ascii: "\\"), UInt8(ascii: "t")]
      case 0..<0x20: output += Array("\\u00".utf8) + [hex[Int(byte >> 4)], hex[Int(byte & 15)]]
      default: output.append(byte)
      }
    }
    output.append(UInt8(ascii: "\""))
  }
}

private struct JSONWriter {
  let pretty: Bool
  let sortedKeys: Bool
  var output: [UInt8] = []

  init(pretty: Bool, sortedKeys: Bool) {
    self.pretty = pretty
    self.sortedKeys = sortedKeys
  }

  mutating func write(_ value: JSONValue, level: Int) {
    switch value {
    case .null: output += Array("null".utf8)
    case .bool(let value): output += Array((value ? "true" : "false").utf8)
    case .integer(let value): output += Array(String(value).utf8)
    case .double(let value): output += Array((value.isFinite ? "\(value)" : "null").utf8)
    case .string(let value): JSONValue.appendString(value, to: &output)
    case .array(let values):
      list(values, "[", "]", level) { writer, value in writer.write(value, level: level + 1) }
    case .object(let object):
      let members = sortedKeys ? object.members.sorted { $0.name < $1.name } : object.members
      list(members, "{", "}", level) { writer, member in
        JSONValue.appendString(member.name, to: &writer.output)
        writer.output += Array((writer.pretty ? ": " : ":").utf8)
        writer.write(member.value, level: level + 1)
      }
    }
  }

  private mutating func list<Element>(
    _ elements: [Element], _ open: String, _ close: String, _ level: Int,
    _ body: (inout JSONWriter, Element) -> Void
  ) {
    output += Array(open.utf8)
    for (index, element) in elements.enumerated() {
      if index > 0 { output.append(UInt8(ascii: ",")) }
      newline(level + 1)
      body(&self, element)
    }
    if !elements.isEmpty { newline(level) }
    output += Array(close.utf8)
  }

  private mutating func newline(_ level: Int) {
    guard pretty else { return }
    output.append(0x0A)
    output += [UInt8](repeating: 0x20, count: 2 * level)
  }
}
