/// Writes JSON straight to bytes, for answers whose making is worth counting: a vector of 1024 numbers, a label.
package struct JSONWriter {
  @usableFromInline var written: [UInt8] = []
  private var isFinite = true

  /// Nothing yet, in memory for so many bytes.
  package init(capacity: Int = 64) { written.reserveCapacity(capacity) }

  /// Bytes that are JSON as they stand: braces, names, `,`.
  package mutating func raw(_ text: StaticString) {
    text.withUTF8Buffer { written.append(contentsOf: $0) }
  }

  /// A string with its quotes.
  package mutating func string(_ text: String) { JSONValue.write(string: text, to: &written) }

  /// A whole number.
  package mutating func integer(_ value: Int) { written.append(contentsOf: value.description.utf8) }

  /// A truth value.
  package mutating func bool(_ value: Bool) {
    written.append(contentsOf: (value ? "true" : "false").utf8)
  }

  /// A number in the fewest digits that read back the same float. One that is not finite spoils the whole.
  package mutating func number(_ value: Float) {
    do throws(JSONValue.NotFinite) {
      try JSONValue.write(number: value, to: &written)
    } catch {
      isFinite = false
    }
  }

  /// What was written.
  ///
  /// - Throws: `NotFinite` where a number has no JSON.
  package func bytes() throws(JSONValue.NotFinite) -> [UInt8] {
    if !isFinite { throw JSONValue.NotFinite() }
    return written
  }

  /// A list of numbers.
  @inlinable package mutating func numbers(_ values: some Sequence<Float>) {
    list(values) { $1.number($0) }
  }

  /// A list of strings.
  package mutating func strings(_ values: some Sequence<String>) {
    list(values) { $1.string($0) }
  }

  /// A list, each element of which `write` writes.
  @inlinable package mutating func list<Element>(
    _ elements: some Sequence<Element>, _ write: (Element, inout JSONWriter) -> Void
  ) {
    written.append(UInt8(ascii: "["))
    var isFirst = true
    for element in elements {
      if !isFirst { written.append(UInt8(ascii: ",")) }
      isFirst = false
      write(element, &self)
    }
    written.append(UInt8(ascii: "]"))
  }
}
