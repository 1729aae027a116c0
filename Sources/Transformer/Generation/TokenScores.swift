import Foundation

/// Scores of the next token, and what the settings do to them, in the order in which `transformers` does it.
struct TokenScores {
  var values: [Float]

  /// Logarithms of the softmax; nil where a score is not a finite number.
  init?(logarithmsOf row: [Float]) {
    guard let shift = Self.logSum(row) else { return nil }
    values = row.map { Float(Double($0) - shift) }
  }

  /// The scores themselves.
  init(_ row: [Float]) { values = row }

  /// log Σ eˣ in double precision; nil where an x is not a finite number.
  static func logSum(_ row: [Float]) -> Double? {
    var top = -Float.infinity
    for value in row {
      guard value.isFinite else { return nil }
      top = max(top, value)
    }
    return Double(top) + log(row.reduce(0.0) { $0 + Double(expf($1 - top)) })
  }

  /// Applies what is said of texts that have been `tokens` so far, the first token included.
  mutating func apply(_ settings: DecodingSettings, after tokens: [Int32]) {
    if settings.repetitionPenalty != 1 {
      for token in Set(tokens) where values.indices.contains(Int(token)) {
        let value = values[Int(token)]
        values[Int(token)] =
          value < 0 ? value * settings.repetitionPenalty : value / settings.repetitionPenalty
      }
    }
    if settings.noRepeatTokens > 0 { banRepetitions(settings.noRepeatTokens, tokens) }
    for word in settings.badWords { ban(word, tokens, settings.ends) }
    let written = tokens.count - 1
    if written < settings.minimumTokens { for end in settings.ends { ban(end) } }
    if written == 0, let first = settings.firstToken { force(first) }
    if written == settings.maximumTokens - 1, let last = settings.lastToken { force(last) }
  }

  private mutating func ban(_ token: Int32) {
    if values.indices.contains(Int(token)) { values[Int(token)] = -.infinity }
  }

  private mutating func force(_ token: Int32) {
    guard values.indices.contains(Int(token)) else { return }
    for index in values.indices { values[index] = -.infinity }
    values[Int(token)] = 0
  }

  private mutating func banRepetitions(_ size: Int, _ tokens: [Int32]) {
    guard tokens.count + 1 >= size else { return }
    let last = tokens.suffix(size - 1)
    for start in 0..<max(0, tokens.count - size + 1)
    where tokens[start..<start + size - 1].elementsEqual(last) {
      ban(tokens[start + size - 1])
    }
  }

  private mutating func ban(_ word: [Int32], _ tokens: [Int32], _ ends: Set<Int32>) {
    guard let last = word.last, !(word.count == 1 && ends.contains(last)) else { return }
    if word.count <= tokens.count, tokens.suffix(word.count - 1).elementsEqual(word.dropLast()) {
      ban(last)
    } else if word.count == 1 {
      ban(last)
    }
  }

  /// The likeliest token, the first of equals.
  var top: Int {
    var best = 0
    for index in values.indices where values[index] > values[best] { best = index }
    return best
  }

  /// A token drawn by its probability; `random` is from 0 to below 1.
  func drawn(_ settings: DecodingSettings, _ random: Double) -> Int {
    var order = values.indices.filter { values[$0] > -.infinity }
    order.sort { (values[$1], $0) < (values[$0], $1) }
    if settings.topTokens > 0 { order = Array(order.prefix(settings.topTokens)) }
    guard let first = order.first else { return 0 }
    let top = values[first]
    var weights = order.map { exp(Double((values[$0] - top) / settings.temperature)) }
    var total = weights.reduce(0, +)
    if settings.topShare < 1 {
      var (sum, kept) = (0.0, 0)
      while kept < weights.count, kept == 0 || sum < Double(settings.topShare) * total {
        sum += weights[kept]
        kept += 1
      }
      (weights, total) = (Array(weights.prefix(kept)), sum)
    }
    if settings.leastShare > 0 {
      // The first weight is 1.
      weights = weights.enumerated().filter {
        $0.offset == 0 || $0.element >= Double(settings.leastShare)
      }
      .map(\.element)
      total = weights.reduce(0, +)
    }
    var rest = random * total
    for (index, weight) in weights.enumerated() {
      rest -= weight
      if rest < 0 { return order[index] }
    }
    return order[max(0, weights.count - 1)]
  }

  /// The `count` largest of several rows with something added to each, best first; of equals the first.
  static func best(
    _ count: Int, of rows: [(values: [Float], plus: Float)]
  ) -> [(score: Float, row: Int, token: Int32)] {
    var best: [(score: Float, row: Int, token: Int32)] = []
    for (number, row) in rows.enumerated() {
      for (token, value) in row.values.enumerated() {
        let score = value + row.plus
        if best.count == count, score <= best[count - 1].score { continue }
        var place = best.count
        while place > 0, best[place - 1].score < score { place -= 1 }
        best.insert((score, number, Int32(token)), at: place)
        if best.count > count { best.removeLast() }
      }
    }
    return best
  }
}
