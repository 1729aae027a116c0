/// A regular expression as a table: one step a scalar, whatever the alternatives, so a match costs the scalars that it
/// looks at, once.
///
/// A state is the list of places in the expression that a backtracking matcher could be at, the preferred first; behind
/// the place that has matched all others are forgotten. So the match is the one that backtracking finds (Cox, "Regular
/// Expression Matching: the Virtual Machine Approach", 2009). A look at the next scalar is answered when that scalar comes.
struct ExpressionAutomaton: Sendable {
  private let symbols: ScalarSymbols
  /// By state and symbol, the end of the text being the last symbol: the next state, 0 where no match is possible any more,
  /// and `matches` where one ends in front of the symbol.
  private let table: [UInt16]
  private let width: Int
  /// Scalars of the shortest match.
  let shortestMatch: Int
  /// Whether what it matches depends on where the text starts.
  let asksForStart: Bool

  private static let matches: UInt16 = 0x8000
  /// The state in front of a match, inside of the text and where it starts.
  private static let inside = 1
  private static let start = 2

  /// What an expression may cost: entries of the table, and steps to make it.
  private static let mostEntries = 1 << 14
  private static let mostSteps = 1 << 19

  /// - Throws: `ExpressionParser.Refusal` where the text is no expression that is supported.
  init(_ text: String) throws(ExpressionParser.Refusal) {
    let expression = try ExpressionParser.parse(text)
    let tooLarge = ExpressionParser.Refusal(what: "its size")
    var places = ExpressionPlaces()
    guard let root = places.build(expression, next: places.end),
      let symbols = ScalarSymbols(places.sets)
    else { throw tooLarge }
    let width = symbols.count + 1
    var states: [[UInt16]] = [[], [root], [ExpressionPlaces.start, root]]
    var numbers: [[UInt16]: Int] = [[]: 0, [root]: Self.inside]
    var table = [UInt16](repeating: 0, count: width)
    var state = Self.inside
    var steps = 0
    while state < states.count {
      for symbol in 0..<width {
        let (next, isMatch) = places.step(
          states[state], symbol < symbols.count ? symbols.signatures[symbol] : nil, &steps)
        let number = numbers[next] ?? states.count
        if number == states.count {
          numbers[next] = number
          states.append(next)
        }
        table.append(UInt16(truncatingIfNeeded: number) | (isMatch ? Self.matches : 0))
        guard steps <= Self.mostSteps, states.count * width <= Self.mostEntries else {
          throw tooLarge
        }
      }
      state += 1
    }
    (self.symbols, self.table, self.width) = (symbols, table, width)
    shortestMatch = expression.shortestMatch
    asksForStart = expression.asksForStart
  }

  /// Where the match that begins at `start` of `text[whole]` ends; nil where none does. Adds the bytes looked at to
  /// `steps`.
  @inline(__always)
  func match(
    _ text: Span<UInt8>, at start: Int, in whole: Range<Int>, _ steps: inout Int
  ) -> Int? {
    let end = whole.upperBound
    var (index, found) = (start, -1)
    var state = start == whole.lowerBound ? Self.start : Self.inside
    while state != 0 && index < end {
      let (symbol, length) = symbols.next(text, index)
      let entry = table[state * width + symbol]
      if entry & Self.matches != 0 { found = index }
      state = Int(entry & ~Self.matches)
      index += length
    }
    steps += index - start
    if state != 0 && table[state * width + width - 1] & Self.matches != 0 { found = end }
    return found < 0 ? nil : found
  }

  // MARK: What holds for every text

  private var words: [Int] {
    Array(Set((UInt8(0x30)...0x7A).filter(UnicodeClass.isLetterOrDigit).map { symbols[$0] }))
  }

  private var stateCount: Int { table.count / width }

  private func next(_ state: Int, _ symbol: Int) -> Int {
    Int(table[state * width + symbol] & ~Self.matches)
  }

  /// Whether any match can hold `byte`.
  func takes(_ byte: UInt8) -> Bool {
    (Self.inside..<stateCount).contains { next($0, symbols[byte]) != 0 }
  }

  /// Whether any match can hold an ASCII letter or digit.
  var takesWords: Bool {
    words.contains { word in (Self.inside..<stateCount).contains { next($0, word) != 0 } }
  }

  /// Whether a match ends at each border between an ASCII letter or digit and a space, whether the text goes on there or
  /// not.
  var endsAtWordEnds: Bool {
    let border = Self.matches
    return words.allSatisfy { word in
      next(Self.inside, word) != 0
        && (Self.inside..<stateCount).allSatisfy { state in
          let behind = next(state, word)
          return behind == 0
            || table[behind * width + symbols[0x20]] == border
              && table[behind * width + width - 1] == border
        }
    }
  }
}

/// The places of an expression, each with what may come next.
private struct ExpressionPlaces {
  private enum Place {
    /// Takes a scalar of a set.
    case take(set: Int, next: UInt16)
    /// Goes on at each of these, the first preferred.
    case branch([UInt16])
    /// Goes on where the next scalar is in a set, or is not.
    case look(set: Int, isNegated: Bool, next: UInt16)
    /// Goes on where the text starts.
    case start(next: UInt16)
    /// The expression has matched.
    case end
  }

  /// In front of the places of the state where the text starts.
  static let start = UInt16.max

  private var places: [Place] = [.end]
  private(set) var sets: [ScalarSet] = []
  private var numbers: [ScalarSet: Int] = [:]
  /// The place where the expression has matched.
  let end: UInt16 = 0

  private static let most = 2048

  private mutating func add(_ place: Place) -> UInt16? {
    guard places.count < Self.most else { return nil }
    places.append(place)
    return UInt16(places.count - 1)
  }

  private mutating func number(_ set: ScalarSet) -> Int {
    if let known = numbers[set] { return known }
    numbers[set] = sets.count
    sets.append(set)
    return sets.count - 1
  }

  /// The place where `expression` begins that goes on at `next`; nil where there are too many.
  mutating func build(_ expression: Expression, next: UInt16) -> UInt16? {
    switch expression {
    case .set(let set): return add(.take(set: number(set), next: next))
    case .next(let set, let isNegated):
      return add(.look(set: number(set), isNegated: isNegated, next: next))
    case .start: return add(.start(next: next))
    case .sequence(let parts):
      var next = next
      for part in parts.reversed() {
        guard let place = build(part, next: next) else { return nil }
        next = place
      }
      return next
    case .alternatives(let parts):
      var choices: [UInt16] = []
      for part in parts {
        guard let place = build(part, next: next) else { return nil }
        choices.append(place)
      }
      return add(.branch(choices))
    case .repeated(let part, let least, let most, let isLazy):
      var place = next
      if let most {
        for _ in least..<most {
          guard let body = build(part, next: place),
            let branch = add(.branch(isLazy ? [next, body] : [body, next]))
          else { return nil }
          place = branch
        }
      } else {
        guard let loop = add(.branch([])), let body = build(part, next: loop) else { return nil }
        places[Int(loop)] = .branch(isLazy ? [next, body] : [body, next])
        place = loop
      }
      for _ in 0..<least {
        guard let body = build(part, next: place) else { return nil }
        place = body
      }
      return place
    }
  }

  /// Where the places of `state` are behind a scalar that is in the sets of `signature`, nil being the end of the text, and
  /// whether the expression has matched in front of it.
  func step(
    _ state: [UInt16], _ signature: UInt64?, _ steps: inout Int
  ) -> ([UInt16], Bool) {
    var result: [UInt16] = []
    var seen: Set<UInt16> = []
    let isStart = state.first == Self.start
    var pending = Array(state.dropFirst(isStart ? 1 : 0).reversed())
    while let place = pending.popLast() {
      steps += 1
      guard seen.insert(place).inserted else { continue }
      switch places[Int(place)] {
      case .take(let set, let next):
        if let signature, signature >> UInt64(set) & 1 == 1, !result.contains(next) {
          result.append(next)
        }
      case .branch(let choices): pending.append(contentsOf: choices.reversed())
      case .look(let set, let isNegated, let next):
        let isIn = signature.map { $0 >> UInt64(set) & 1 == 1 } ?? false
        if isIn != isNegated { pending.append(next) }
      case .start(let next): if isStart { pending.append(next) }
      case .end: return (result, true)
      }
    }
    return (result, false)
  }
}
