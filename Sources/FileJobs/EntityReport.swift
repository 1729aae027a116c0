import JSON
import Scoring

/// How predicted spans of labels agree with true ones: a span is right where its beginning, end and kind are, as `seqeval` counts
/// in its default mode (Ramshaw and Marcus, 1995).
public struct EntityReport: Sendable, Equatable {
  private struct Span: Hashable {
    let kind: ExactString
    let range: Range<Int>
  }

  /// Kinds of spans, in the order in which they came.
  public private(set) var kinds: [String] = []
  private var places: [ExactString: Int] = [:]
  private var scores = ClassScores(classes: 0)

  /// Nothing counted yet.
  public init() {}

  /// Counts one sentence, whose words have these labels.
  public mutating func add(truth: [String], prediction: [String]) {
    let (wanted, found) = (Set(Self.spans(truth)), Set(Self.spans(prediction)))
    for span in wanted.union(found) where places[span.kind] == nil {
      places[span.kind] = kinds.count
      kinds.append(span.kind.text)
    }
    var (truths, predictions, hits) = (
      Self.padded(scores.truths, kinds.count), Self.padded(scores.predictions, kinds.count),
      Self.padded(scores.hits, kinds.count)
    )
    for span in wanted { truths[places[span.kind, default: 0]] += 1 }
    for span in found { predictions[places[span.kind, default: 0]] += 1 }
    for span in wanted.intersection(found) { hits[places[span.kind, default: 0]] += 1 }
    scores = ClassScores(truths: truths, predictions: predictions, hits: hits)
  }

  private static func padded(_ counts: [Double], _ count: Int) -> [Double] {
    counts + [Double](repeating: 0, count: count - counts.count)
  }

  /// Spans that there are.
  public var truths: Int { Int(scores.truths.reduce(0, +)) }
  /// Right ones of those that were predicted; nil where none was.
  public var precision: Double? {
    Self.share(scores.hits.reduce(0, +), of: scores.predictions.reduce(0, +))
  }
  /// Right ones of those that there are; nil where there is none.
  public var recall: Double? {
    Self.share(scores.hits.reduce(0, +), of: scores.truths.reduce(0, +))
  }
  /// F1 over all spans together; nil where there is none on either side.
  public var f1: Double? { scores.microF1 }
  /// F1 of one kind.
  public func f1(_ kind: Int) -> Double? { scores.f1(kind) }

  private static func share(_ part: Double, of whole: Double) -> Double? {
    whole == 0 ? nil : part / whole
  }

  /// The spans of one sentence: `B-` begins one, and so does a change of kind; `E-` and `S-` end one.
  private static func spans(_ labels: [String]) -> [Span] {
    var (spans, start, last): ([Span], Int, (mark: UInt8, kind: ExactString)) = (
      [], 0, (UInt8(ascii: "O"), ExactString(""))
    )
    for (place, label) in (labels + ["O"]).enumerated() {
      let (mark, kind) = parts(label)
      let outside = [UInt8(ascii: "O"), UInt8(ascii: ".")]
      let isOther = kind != last.kind
      let ends =
        [UInt8(ascii: "E"), UInt8(ascii: "S")].contains(last.mark)
        || [UInt8(ascii: "B"), UInt8(ascii: "I")].contains(last.mark)
          && [UInt8(ascii: "B"), UInt8(ascii: "S"), UInt8(ascii: "O")].contains(mark)
        || !outside.contains(last.mark) && isOther
      if ends { spans.append(Span(kind: last.kind, range: start..<place)) }
      let continues = [UInt8(ascii: "E"), UInt8(ascii: "I")].contains(mark)
      let begins =
        [UInt8(ascii: "B"), UInt8(ascii: "S")].contains(mark)
        || [UInt8(ascii: "E"), UInt8(ascii: "S"), UInt8(ascii: "O")].contains(last.mark)
          && continues
        || !outside.contains(mark) && isOther
      if begins { start = place }
      last = (mark, kind)
    }
    return spans
  }

  private static func parts(_ label: String) -> (mark: UInt8, kind: ExactString) {
    let rest = label.utf8.dropFirst()
    let kind = rest.firstIndex(of: UInt8(ascii: "-")).map { rest[rest.index(after: $0)...] } ?? rest
    let text = String(decoding: kind, as: UTF8.self)
    return (label.utf8.first ?? UInt8(ascii: "O"), ExactString(text.isEmpty ? "_" : text))
  }
}
