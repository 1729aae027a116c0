import Foundation

/// Places of labels in a list. Labels are bytes: two that Unicode calls equal, but that differ in bytes, are two.
package struct LabelIndex: Sendable {
  private let places: [[UInt8]: Int]

  /// The places of `labels`; of a label that stands there twice, the first.
  package init(_ labels: some Sequence<String>) {
    places = Dictionary(
      labels.enumerated().map { (Array($1.utf8), $0) }, uniquingKeysWith: { first, _ in first })
  }

  /// The place of `label`; nil where it is not among them.
  package subscript(label: String) -> Int? { places[Array(label.utf8)] }

  /// The different labels among `labels`, in order of their bytes.
  package static func distinct(_ labels: some Sequence<String>) -> [String] {
    Set(labels.map { Array($0.utf8) }).sorted { $0.lexicographicallyPrecedes($1) }
      .map { String(decoding: $0, as: UTF8.self) }
  }

  /// Whether two lists hold the same labels in the same order.
  package static func areEqual(_ a: [String], _ b: [String]) -> Bool {
    a.elementsEqual(b) { $0.utf8.elementsEqual($1.utf8) }
  }

  /// Labels that a reader takes for the same: they differ in case, spaces, invisible characters or Unicode form alone.
  package static func lookalikes(_ labels: [String]) -> [[String]] {
    Dictionary(grouping: labels, by: appearance).values.filter { $0.count > 1 }
      .sorted { Array($0[0].utf8).lexicographicallyPrecedes(Array($1[0].utf8)) }
  }

  private static func appearance(_ label: String) -> [UInt8] {
    let visible = label.precomposedStringWithCompatibilityMapping.lowercased().unicodeScalars
      .filter { !$0.properties.isWhitespace && !$0.properties.isDefaultIgnorableCodePoint }
    return Array(String(String.UnicodeScalarView(visible)).utf8)
  }
}
