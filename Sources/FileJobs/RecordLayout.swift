import Files

/// How the rows of a file are laid out: where what stands, and what its bytes mean. What is nil is found by itself, where it
/// is beyond doubt.
public struct RecordLayout: Sendable {
  /// Column of the text: a name of a header or of a JSON member, or a number from 1.
  public var text: String?
  /// Column of the second text of a pair.
  public var pair: String?
  /// Column of the truth.
  public var label: String?
  /// Whether the rows are labelled: without header and choice, they are then label and text.
  public var hasLabels: Bool
  /// The byte between columns.
  public var separator: UInt8?
  /// Whether the first row names the columns.
  public var hasHeader: Bool?
  /// The encoding.
  package var encoding: TextEncoding?

  /// Columns by choice; nil takes the usual names, or the only column.
  public init(
    text: String? = nil, pair: String? = nil, label: String? = nil, hasLabels: Bool = false
  ) {
    (self.text, self.pair, self.label, self.hasLabels) = (text, pair, label, hasLabels)
  }

  /// The columns that were chosen.
  var chosen: [String] { [text, pair, label].compactMap { $0 } }

  static let textNames = ["text", "sentence", "sentence1", "input", "query", "text_a", "question"]
  static let pairNames = ["text_pair", "sentence2", "pair", "passage", "text_b", "context"]
  static let labelNames = ["label", "labels", "score", "target", "truth", "answers", "answer"]

  /// A name of a column as it is compared: in small letters, without spaces around it.
  static func folded(_ name: String) -> String { trimmed(name).lowercased() }

  /// `text` without white space and byte order marks around it.
  static func trimmed(_ text: String) -> String {
    let scalars = Array(text.unicodeScalars)
    func isSpace(_ scalar: Unicode.Scalar) -> Bool {
      scalar.properties.isWhitespace || scalar == "\u{FEFF}"
    }
    guard let first = scalars.firstIndex(where: { !isSpace($0) }),
      let last = scalars.lastIndex(where: { !isSpace($0) })
    else { return "" }
    if first == 0 && last == scalars.count - 1 { return text }
    return String(String.UnicodeScalarView(scalars[first...last]))
  }

  /// Whether all of `fields` could be the names of columns: different, short, and no sentences.
  static func areNames(_ fields: [String]) -> Bool {
    Set(fields.map(folded)).count == fields.count
      && fields.allSatisfy { field in
        let name = trimmed(field)
        return !name.isEmpty && name.utf8.count <= 40 && Double(name) == nil
          && name.utf8.count(where: { $0 == 32 }) < 3
          && !name.unicodeScalars.contains { ".,;:!?\"'".unicodeScalars.contains($0) }
      }
  }

  /// Whether `fields` hold a name by which a header is known.
  func isHeader(_ fields: [String]) -> Bool {
    let names = fields.map(Self.folded)
    let named = chosen.filter { Int($0) == nil }
    if !named.isEmpty { return named.contains { names.contains(Self.folded($0)) } }
    return names.contains { Self.textNames.contains($0) }
      && (!hasLabels || label != nil || names.contains { Self.labelNames.contains($0) }
        || Self.areNames(fields))
  }
}
