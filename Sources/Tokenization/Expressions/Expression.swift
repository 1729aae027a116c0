/// A regular expression, parsed.
indirect enum Expression: Sendable, Equatable {
  /// One scalar of a set.
  case set(ScalarSet)
  /// One behind the other.
  case sequence([Expression])
  /// The first that leads to a match.
  case alternatives([Expression])
  /// Several times; `most` nil has no end. The more the better, unless it is lazy.
  case repeated(Expression, least: Int, most: Int?, isLazy: Bool)
  /// Whether a scalar of the set comes next, or, negated, none: the end of the text is none.
  case next(ScalarSet, isNegated: Bool)
  /// Whether the text begins here.
  case start

  /// Whether it matches without taking a scalar.
  var canBeEmpty: Bool {
    switch self {
    case .set: false
    case .sequence(let parts): parts.allSatisfy(\.canBeEmpty)
    case .alternatives(let parts): parts.contains(where: \.canBeEmpty)
    case .repeated(let part, let least, _, _): least == 0 || part.canBeEmpty
    case .next, .start: true
    }
  }

  /// Scalars of the shortest match.
  var shortestMatch: Int {
    switch self {
    case .set: 1
    case .sequence(let parts): parts.reduce(0) { min(1 << 20, $0 + $1.shortestMatch) }
    case .alternatives(let parts): parts.map(\.shortestMatch).min() ?? 0
    case .repeated(let part, let least, _, _): min(1 << 20, least * part.shortestMatch)
    case .next, .start: 0
    }
  }

  /// Whether it asks anywhere for the start of the text.
  var asksForStart: Bool {
    switch self {
    case .set, .next: false
    case .sequence(let parts), .alternatives(let parts): parts.contains(where: \.asksForStart)
    case .repeated(let part, _, _, _): part.asksForStart
    case .start: true
    }
  }
}
