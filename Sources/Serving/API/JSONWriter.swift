import JSON

/// Writes JSON straight to bytes, for answers whose making is worth counting: a vector of 1024 numbers, a label.
struct JSONWriter {
  private(set) var bytes: [UInt8] = []

  init(capacity: Int = 64) { bytes.reserveCapacity(capacity) }

  /// Bytes that are JSON as they stand: braces, names, `,`.
  mutating func raw(_ text: StaticString) {
    text.withUTF8Buffer { bytes.append(contentsOf: $0) }
  }

  mutating func string(_ text: String) { JSONValue.write(string: text, to: &bytes) }

  mutating func integer(_ value: Int) { bytes.append(contentsOf: value.description.utf8) }

  mutating func bool(_ value: Bool) { bytes.append(contentsOf: (value ? "true" : "false").utf8) }

  /// A number in the fewest digits that read back the same float; `null` if it is not finite.
  mutating func number(_ value: Float) {
    bytes.append(contentsOf: (value.isFinite ? value.description : "null").utf8)
  }

  mutating func numbers(_ values: some Sequence<Float>) {
    list(values) { $1.number($0) }
  }

  mutating func strings(_ values: some Sequence<String>) {
    list(values) { $1.string($0) }
  }

  mutating func list<Element>(
    _ elements: some Sequence<Element>, _ write: (Element, inout JSONWriter) -> Void
  ) {
    bytes.append(UInt8(ascii: "["))
    var isFirst = true
    for element in elements {
      if !isFirst { bytes.append(UInt8(ascii: ",")) }
      isFirst = false
      write(element, &self)
    }
    bytes.append(UInt8(ascii: "]"))
  }
}
