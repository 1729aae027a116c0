/// A text that equals another only byte for byte.
///
/// Swift's `String` takes canonically equal texts (`é` as one scalar or as two) for one, in `==`, sets and dictionaries. Labels,
/// tokens and names are bytes, so whatever is looked up or compared by one is looked up and compared as this.
public struct ExactString: Sendable, Hashable {
  /// The text.
  public let text: String

  /// The same text, compared by its bytes.
  public init(_ text: String) { self.text = text }

  /// Equal where the bytes are.
  public static func == (left: ExactString, right: ExactString) -> Bool {
    left.text.utf8.count == right.text.utf8.count && left.text.utf8.elementsEqual(right.text.utf8)
  }

  /// Hashes the bytes.
  public func hash(into hasher: inout Hasher) {
    let contiguous: Void? = text.utf8.withContiguousStorageIfAvailable {
      hasher.combine(bytes: UnsafeRawBufferPointer($0))
    }
    if contiguous == nil { for byte in text.utf8 { hasher.combine(byte) } }
  }

  /// The place of each text in a list; of one that stands there twice, the first.
  public static func places(in texts: [String]) -> [ExactString: Int] {
    Dictionary(
      texts.enumerated().map { (ExactString($1), $0) }, uniquingKeysWith: { first, _ in first })
  }

  /// The texts without those that stood before, in their order.
  public static func unique(_ texts: [String]) -> [String] {
    var seen = Set<ExactString>()
    return texts.filter { seen.insert(ExactString($0)).inserted }
  }

  /// Whether two lists have the same bytes.
  public static func areEqual(_ left: [String], _ right: [String]) -> Bool {
    left.count == right.count && zip(left, right).allSatisfy { ExactString($0) == ExactString($1) }
  }
}
