import JSON

/// A part of a text that an answer names.
public struct TextSpan: Sendable, Equatable {
  /// What it is; nil for an answer to a question.
  public var label: String?
  /// The part of the text.
  public var text: String
  /// Its tokens joined, as pipelines of `transformers` have it; nil for an answer to a question.
  public var word: String?
  /// Its probability.
  public var score: Float
  /// Where it stands, in Unicode code points.
  public var range: Range<Int>

  /// A part of a text.
  public init(
    label: String? = nil, text: String, word: String? = nil, score: Float, range: Range<Int>
  ) {
    (self.label, self.text, self.word) = (label, text, word)
    (self.score, self.range) = (score, range)
  }

  /// A place in a text as a JSON schema.
  static func place(_ what: String) -> JSONValue {
    [
      "type": "integer", "minimum": 0,
      "description": .string("Unicode code points of the text before the one \(what)."),
    ]
  }
}

/// A text by its code points.
struct CodePoints {
  private let text: String
  /// For each code point, where it begins; and the end.
  private let places: [String.Index]

  /// Takes a text apart.
  init(_ text: String) {
    self.text = text
    places = Array(text.unicodeScalars.indices) + [text.endIndex]
  }

  /// How many there are.
  var count: Int { places.count - 1 }

  /// A part; what is beyond the end is left out.
  subscript(range: Range<Int>) -> String {
    let range = range.clamped(to: 0..<count)
    return String(text.unicodeScalars[places[range.lowerBound]..<places[range.upperBound]])
  }

  /// Whether a space is among these.
  func hasSpace(_ range: Range<Int>) -> Bool {
    let range = range.clamped(to: 0..<count)
    return text.unicodeScalars[places[range.lowerBound]..<places[range.upperBound]]
      .contains { $0 == " " }
  }
}
