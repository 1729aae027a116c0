import Foundation

/// A text that has been written.
public struct GeneratedText: Sendable, Equatable {
  /// Why a text is over.
  public enum End: String, Sendable {
    /// The model ended it.
    case end = "stop"
    /// It is as long as it may be.
    case length
    /// What it was to stop at came.
    case stopText = "stop_text"
  }

  /// Its tokens, without the first and with what ended it.
  public var tokens: [Int32]
  /// The logarithm of each token's probability, as the model gives it; empty for texts of a beam search.
  public var logProbabilities: [Float] = []
  /// The sum of logarithms, in a beam search divided by the length to the power of the length penalty.
  public var score: Float
  /// Why it is over.
  public var end: End
}

/// One request's texts while they are written: greedy search, sampling, or a beam search.
///
/// The search is that of `_beam_search` of transformers' `GenerationMixin`, for one source: what it does for others does not
/// matter to this one.
final class RunningText {
  /// A text so far.
  private struct Hypothesis {
    var tokens: [Int32]
    var score: Float
    var logProbabilities: [Float] = []
  }

  private struct Whole {
    var text: Hypothesis
    var score: Float
    var end: GeneratedText.End
    var isOver = true
  }

  let settings: DecodingSettings
  private var running: [Hypothesis]
  private var finished: [Whole] = []
  private(set) var caches: [SequenceCache]
  private var random: UInt64
  private let decode: ([Int32]) -> String
  private(set) var isOver = false
  /// Whether a score was not a finite number.
  private(set) var hasFailed = false

  private static let impossible: Float = -1e9

  init(
    _ settings: DecodingSettings, start: Int32, cache: SequenceCache,
    decode: @escaping ([Int32]) -> String
  ) {
    self.settings = settings
    self.decode = decode
    random = settings.seed
    caches = [cache]
    // At first all beams are the same text, of which one counts.
    running = (0..<settings.beams).map {
      Hypothesis(tokens: [start], score: $0 == 0 ? 0 : Self.impossible)
    }
    if settings.beams > 1 {
      finished = (0..<settings.beams).map { _ in
        Whole(
          text: Hypothesis(tokens: [start], score: 0), score: Self.impossible, end: .length,
          isOver: false)
      }
    }
  }

  /// The next token of each cache.
  var next: [[Int32]] {
    caches.indices.map { [running[$0].tokens[running[$0].tokens.count - 1]] }
  }

  private var written: Int { running[0].tokens.count - 1 }

  /// Takes the scores behind `next`, one row for each cache.
  func take(_ rows: [[Float]]) {
    if settings.beams > 1 { search(rows) } else { extend(rows[0]) }
  }

  /// What is written, the best first.
  var texts: [GeneratedText] {
    let whole =
      settings.beams > 1
      ? Array(finished.prefix(settings.answers)) : finished
    return whole.map {
      GeneratedText(
        tokens: Array($0.text.tokens.dropFirst()), logProbabilities: $0.text.logProbabilities,
        score: $0.score, end: $0.end)
    }
  }

  // MARK: One text

  private func extend(_ row: [Float]) {
    guard let shift = TokenScores.logSum(row) else {
      (hasFailed, isOver) = (true, true)
      return
    }
    var scores = TokenScores(row)
    scores.apply(settings, after: running[0].tokens)
    let token = settings.samples ? scores.drawn(settings, unit()) : scores.top
    let logarithm = Float(Double(row[token]) - shift)
    running[0].tokens.append(Int32(token))
    running[0].logProbabilities.append(logarithm)
    running[0].score += logarithm
    guard let end = end(running[0].tokens) else { return }
    finished = [Whole(text: running[0], score: running[0].score, end: end)]
    isOver = true
  }

  /// Why this text is over; nil where it goes on.
  private func end(_ tokens: [Int32]) -> GeneratedText.End? {
    if let last = tokens.last, settings.ends.contains(last) { return .end }
    if !settings.stops.isEmpty {
      let text = Array(decode(Array(tokens.dropFirst())).utf8)
      let isThere = settings.stops.contains { text.firstRange(of: Array($0.utf8)) != nil }
      if isThere { return .stopText }
    }
    return tokens.count - 1 >= settings.maximumTokens ? .length : nil
  }

  /// SplitMix64 (Steele, Lea and Flood, 2014), spread over [0, 1).
  private func unit() -> Double {
    random &+= 0x9E37_79B9_7F4A_7C15
    var z = random
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return Double((z ^ (z >> 31)) >> 11) * 0x1p-53
  }

  // MARK: Several texts

  private func search(_ rows: [[Float]]) {
    let beams = settings.beams
    var scored: [(values: [Float], plus: Float)] = []
    for (index, text) in running.enumerated() {
      // At first one row is all beams'.
      guard var scores = TokenScores(logarithmsOf: rows[rows.count == 1 ? 0 : index]) else {
        (hasFailed, isOver) = (true, true)
        return
      }
      scores.apply(settings, after: text.tokens)
      scored.append((scores.values, text.score))
    }
    let kept = max(2, 1 + settings.ends.count) * beams
    let best = TokenScores.best(kept, of: scored)
    let candidates = best.map { candidate in
      var text = running[candidate.row]
      text.tokens.append(candidate.token)
      text.score = candidate.score
      return (text: text, row: candidate.row, end: end(text.tokens))
    }
    finish(candidates.map { ($0.text, $0.end) })
    goOn(candidates.map { ($0.text, $0.row, $0.end != nil) })
    decide(areAllOver: candidates.allSatisfy { $0.end != nil })
  }

  /// Whole texts among the best candidates take the places of worse ones.
  private func finish(_ candidates: [(text: Hypothesis, end: GeneratedText.End?)]) {
    let beams = settings.beams
    if settings.earlyStopping == .first && finished.allSatisfy(\.isOver) { return }
    let length = powf(Float(written + 1), settings.lengthPenalty)
    var merged = finished
    for candidate in candidates.prefix(beams) {
      guard let end = candidate.end else { continue }
      merged.append(
        Whole(text: candidate.text, score: candidate.text.score / length, end: end))
    }
    // Of equals the first stays the first.
    let order = merged.indices.sorted { a, b in
      merged[a].score == merged[b].score ? a < b : merged[a].score > merged[b].score
    }
    finished = order.prefix(beams).map { merged[$0] }
  }

  /// The best texts that are not whole run on, each with its own memory of what it was.
  private func goOn(_ candidates: [(text: Hypothesis, row: Int, isOver: Bool)]) {
    var scored = candidates
    for index in scored.indices where scored[index].isOver {
      scored[index].text.score += Self.impossible
    }
    let order = scored.indices.sorted { a, b in
      let (x, y) = (scored[a].text.score, scored[b].text.score)
      return x == y ? a < b : x > y
    }
    let chosen = order.prefix(settings.beams).map { scored[$0] }
    var taken: Set<Int> = []
    caches = chosen.map { text in
      let cache = caches[caches.count == 1 ? 0 : text.row]
      let number = caches.count == 1 ? 0 : text.row
      return taken.insert(number).inserted ? cache : cache.copy()
    }
    running = chosen.map(\.text)
  }

  private func decide(areAllOver: Bool) {
    let isHopeful: Bool
    if finished.allSatisfy(\.isOver) {
      let longest =
        settings.earlyStopping == .never && settings.lengthPenalty > 0
        ? settings.maximumTokens : written
      let possible = running[0].score / powf(Float(longest), settings.lengthPenalty)
      isHopeful =
        settings.earlyStopping != .first && possible > (finished.map(\.score).min() ?? 0)
    } else {
      isHopeful = true
    }
    isOver = !isHopeful || areAllOver
  }
}
