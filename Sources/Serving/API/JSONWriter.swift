import HTTP
import JSON

/// Writes JSON straight to bytes, for answers whose making is worth counting: a vector of 1024 numbers, a label.
struct JSONWriter {
  private var bytes: [UInt8] = []
  private var isFinite = true

  init(capacity: Int = 64) { bytes.reserveCapacity(capacity) }

  /// Bytes that are JSON as they stand: braces, names, `,`.
  mutating func raw(_ text: StaticString) {
    text.withUTF8Buffer { bytes.append(contentsOf: $0) }
  }

  mutating func string(_ text: String) { JSONValue.write(string: text, to: &bytes) }

  mutating func integer(_ value: Int) { bytes.append(contentsOf: value.description.utf8) }

  mutating func bool(_ value: Bool) { bytes.append(contentsOf: (value ? "true" : "false").utf8) }

  /// A number in the fewest digits that read back the same float. One that is not finite spoils the whole.
  mutating func number(_ value: Float) {
    do throws(JSONValue.NotFinite) {
      try JSONValue.write(number: value, to: &bytes)
    } catch {
      isFinite = false
    }
  }

  /// What was written.
  ///
  /// - Throws: the problem of numbers that are not finite, for which there is no JSON.
  func finished() throws(Problem) -> [UInt8] {
    if isFinite { return bytes }
    throw Problem(
      status: .internalServerError, detail: "The answer holds a number that is not finite.",
      mend: "Tell the operator the request id: the model's weights are not sound.")
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
