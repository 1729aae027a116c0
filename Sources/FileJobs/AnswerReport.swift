import Foundation

/// How answers to questions agree with true ones, as SQuAD counts (Rajpurkar et al., 2016 and 2018): of several true answers the
/// nearest counts; where there is none, the empty answer is right.
public struct AnswerReport: Sendable, Equatable {
  /// Questions counted.
  public private(set) var count = 0
  private var exact = 0
  private var overlap = 0.0

  /// Nothing counted yet.
  public init() {}

  /// Share of answers that are a true one, apart from case, punctuation and articles.
  public var exactMatch: Double? { count == 0 ? nil : Double(exact) / Double(count) }
  /// Mean F1 over the words that answer and truth share.
  public var f1: Double? { count == 0 ? nil : overlap / Double(count) }

  /// Counts one question.
  public mutating func add(truths: [String], answer: String) {
    let truths = truths.isEmpty ? [""] : truths
    let words = Self.words(answer)
    count += 1
    if truths.contains(where: { Self.words($0) == words }) { exact += 1 }
    overlap += truths.map { Self.f1(Self.words($0), words) }.max() ?? 0
  }

  private static func f1(_ truth: [String], _ answer: [String]) -> Double {
    if truth.isEmpty || answer.isEmpty { return truth == answer ? 1 : 0 }
    var rest = truth
    var common = 0
    for word in answer {
      guard let place = rest.firstIndex(of: word) else { continue }
      rest.remove(at: place)
      common += 1
    }
    return 2 * Double(common) / Double(truth.count + answer.count)
  }

  /// Words in small letters, without ASCII punctuation and articles.
  private static func words(_ text: String) -> [String] {
    var scalars = String.UnicodeScalarView()
    for scalar in text.lowercased().unicodeScalars {
      let isASCII = scalar.value > 0x20 && scalar.value < 0x7F
      if isASCII && !CharacterSet.alphanumerics.contains(scalar) { continue }
      scalars.append(scalar)
    }
    return String(scalars).split(whereSeparator: \.isWhitespace).map { String($0) }
      .filter { !["a", "an", "the"].contains($0) }
  }
}
