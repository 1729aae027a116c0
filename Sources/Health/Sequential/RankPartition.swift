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

  /// The logarithm of the money, taken apart into what depends on the count inside, outside, and on both: it is asked for
  /// thousands of times a look, and three table look-ups are a tenth of three `lgamma`.
  private struct Bet: Sendable {
    static let tableSize = 2048
    let region: Int
    let mass: Double
    let concentration: Double
    private let tables: [Double]

    init(region: Int, mass: Double, concentration: Double) {
      (self.region, self.mass, self.concentration) = (region, mass, concentration)
      let size = Self.tableSize
      var tables = [Double](repeating: 0, count: 3 * size)
      for count in 0..<size {
        tables[count] = Self.inside(Double(count), mass, concentration)
        tables[size + count] = Self.inside(Double(count), 1 - mass, concentration)
        tables[2 * size + count] = Self.both(Double(count), concentration)
      }
      self.tables = tables
    }

    private static func inside(_ count: Double, _ mass: Double, _ weight: Double) -> Double {
      lgamma(count + weight * mass) - lgamma(weight * mass) - count * log(mass)
    }

    private static func both(_ count: Double, _ weight: Double) -> Double {
      lgamma(count + weight) - lgamma(weight)
    }

    @inline(__always)
    func logWealth(inside: Int, total: Int) -> Double {
      let size = Self.tableSize
      guard total < size else {
        return Self.inside(Double(inside), mass, concentration)
          + Self.inside(Double(total - inside), 1 - mass, concentration)
          - Self.both(Double(total), concentration)
      }
      return tables[inside] + tables[size + total - inside] - tables[2 * size + total]
    }
  }

  private static let bets: [Bet] = {
    let masses =
      edges.map { 1 - $0 } + pairs.map { edges[$0.low] + 1 - edges[$0.high] }
    return masses.enumerated().flatMap { region, mass in
      concentrations(mass).map { Bet(region: region, mass: mass, concentration: $0) }
    }
  }()

  /// The logarithm of the money that one unit has become.
  /// - Parameter cells: how many p-values fell into each cell.
  public static func logWealth(_ cells: ArraySlice<UInt32>) -> Double {
    var inside = [Int](repeating: 0, count: edges.count + pairs.count)
    var total = 0
    for cell in cells { total += Int(cell) }
    guard total > 0 else { return 0 }
    var above = total
    for (index, cell) in cells.dropLast().enumerated() {
      above -= Int(cell)
      inside[index] = above
    }
    for (index, pair) in pairs.enumerated() {
      inside[edges.count + index] = total - inside[pair.low] + inside[pair.high]
    }
    return logMeanExp(bets.map { $0.logWealth(inside: inside[$0.region], total: total) })
  }

  /// log of the mean of exponentials.
  static func logMeanExp(_ values: [Double]) -> Double {
    guard let top = values.max() else { return 0 }
    return top + log(values.reduce(0) { $0 + exp($1 - top) } / Double(values.count))
  }
}
