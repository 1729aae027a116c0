import Foundation

/// The bets of a conformal martingale: ways to cut 0…1 in two, and what each is worth after some p-values.
///
/// Under exchangeability the p-values are independent and uniform. For a region of mass q, a gambler who believes that the
/// share θ of p-values in it has a Beta(c·q, c·(1−q)) prior multiplies his money after k of n by
/// B(k + cq, n − k + c(1−q)) / B(cq, c(1−q)) / (q^k (1−q)^(n−k)), a test martingale in n. The regions are the tails above
/// each edge and the pairs of tails, and the money is spread evenly over them; a mean of martingales is one.
public enum RankPartition {
  /// Inner bounds of the cells that p-values are counted in: finer towards both ends, where drift often shows first.
  public static let edges: [Double] = [
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9,
    0.95, 0.98, 0.99, 0.995, 0.998, 0.999,
  ]
  /// How many cells there are.
  public static var cellCount: Int { edges.count + 1 }

  /// The cell of a p-value.
  @inline(__always)
  public static func cell(of pValue: Double) -> Int {
    Int(cellOfStep[min(999, max(0, Int(pValue * 1000)))])
  }

  /// All edges are multiples of 1/1000.
  private static let cellOfStep: [UInt8] = (0..<1000).map { step in
    UInt8(edges.count { $0 * 1000 <= Double(step) + 0.5 })
  }

  /// Edges i and j stand for the region below `edges[i]` or from `edges[j]` on.
  private static let pairs: [(low: Int, high: Int)] = [
    (2, 20), (4, 18), (6, 16), (8, 14), (10, 12),
  ]

  /// What the two priors of a region weigh, in p-values. A small region needs a heavier one: with less than half a p-value
  /// expected in it, the gambler would bet nearly all on never seeing any.
  private static func concentrations(_ mass: Double) -> [Double] {
    let least = min(mass, 1 - mass)
    return [max(4, 0.5 / least), max(40, 2 / least)]
  }

  private struct Bet: Sendable {
    let region: Int
    let mass: Double
    let concentration: Double
    /// Where the tables of `inside` for the region and for the rest begin, and that of `both`.
    let places: (inside: Int, outside: Int, both: Int)

    func logWealth(inside: Int, outside: Int) -> Double {
      Bets.inside(Double(inside), mass, concentration)
        + Bets.inside(Double(outside), 1 - mass, concentration)
        - Bets.both(Double(inside + outside), concentration)
    }
  }

  /// The logarithm of the money, taken apart into what depends on the count inside, outside, and on both: it is asked for
  /// thousands of times a look, and three table look-ups are a tenth of three `lgamma`. Most regions are another's rest, and
  /// the fewer tables, the more of them are in the cache.
  private struct Bets: Sendable {
    static let tableSize = 2048
    private(set) var all: [Bet] = []
    private(set) var tables: [Double] = []
    private var known: [(mass: Double?, concentration: Double, place: Int)] = []

    init(masses: [Double]) {
      for (region, mass) in masses.enumerated() {
        for c in concentrations(mass) {
          let places = (place(mass, c), place(1 - mass, c), place(nil, c))
          all.append(Bet(region: region, mass: mass, concentration: c, places: places))
        }
      }
    }

    private mutating func place(_ mass: Double?, _ weight: Double) -> Int {
      let same = known.first {
        abs($0.concentration - weight) < 1e-9
          && ($0.mass == mass || abs(($0.mass ?? 2) - (mass ?? 4)) < 1e-12)
      }
      if let same { return same.place }
      let place = tables.count
      known.append((mass, weight, place))
      for count in 0..<Self.tableSize {
        tables.append(
          mass.map { Self.inside(Double(count), $0, weight) } ?? Self.both(Double(count), weight))
      }
      return place
    }

    static func inside(_ count: Double, _ mass: Double, _ weight: Double) -> Double {
      lgamma(count + weight * mass) - lgamma(weight * mass) - count * log(mass)
    }

    static func both(_ count: Double, _ weight: Double) -> Double {
      lgamma(count + weight) - lgamma(weight)
    }
  }

  private static let bets = Bets(
    masses: edges.map { 1 - $0 } + pairs.map { edges[$0.low] + 1 - edges[$0.high] })

  /// Memory that one computation after the other uses.
  struct Scratch: Sendable {
    fileprivate var inside = [Int](repeating: 0, count: edges.count + pairs.count)
    fileprivate var logs = [Double](repeating: 0, count: bets.all.count)
  }

  /// The logarithm of the money that one unit has become.
  /// - Parameter cells: how many p-values fell into each cell.
  public static func logWealth(_ cells: ArraySlice<UInt32>) -> Double {
    var scratch = Scratch()
    return logWealth(cells, &scratch)
  }

  static func logWealth(_ cells: ArraySlice<UInt32>, _ scratch: inout Scratch) -> Double {
    var total = 0
    for cell in cells { total += Int(cell) }
    guard total > 0 else { return 0 }
    var above = total
    for (index, cell) in cells.enumerated() where index < edges.count {
      above -= Int(cell)
      scratch.inside[index] = above
    }
    for (index, pair) in pairs.enumerated() {
      scratch.inside[edges.count + index] =
        total - scratch.inside[pair.low] + scratch.inside[pair.high]
    }
    let bets = bets
    for (index, bet) in bets.all.enumerated() {
      let inside = scratch.inside[bet.region]
      let outside = total - inside
      scratch.logs[index] =
        total < Bets.tableSize
        ? bets.tables[bet.places.inside + inside] + bets.tables[bet.places.outside + outside]
          - bets.tables[bet.places.both + total]
        : bet.logWealth(inside: inside, outside: outside)
    }
    return logMeanExp(scratch.logs)
  }

  /// log of the mean of exponentials.
  static func logMeanExp(_ values: [Double]) -> Double {
    guard let top = values.max() else { return 0 }
    var sum = 0.0
    for value in values { sum += exp(value - top) }
    return top + log(sum / Double(values.count))
  }
}
