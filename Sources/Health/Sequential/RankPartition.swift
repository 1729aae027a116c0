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
    0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98,
    0.99, 0.995,
  ]
  /// How many cells there are.
  public static var cellCount: Int { edges.count + 1 }
  /// What the prior weighs, in p-values.
  static let concentrations = [4.0, 40]

  /// The cell of a p-value.
  @inline(__always)
  public static func cell(of pValue: Double) -> Int {
    Int(cellOfStep[min(199, max(0, Int(pValue * 200)))])
  }

  /// All edges are multiples of 1/200.
  private static let cellOfStep: [UInt8] = (0..<200).map { step in
    UInt8(edges.count { $0 * 200 <= Double(step) + 0.5 })
  }

  /// Edges i and j stand for the region below `edges[i]` or from `edges[j]` on.
  private static let pairs: [(low: Int, high: Int)] = [(0, 18), (2, 16), (4, 14), (6, 12), (8, 10)]

  private struct Bet {
    let mass: Double
    let alpha: Double
    let beta: Double
    let logBeta: Double
  }

  private static let bets: [[Bet]] = {
    let masses =
      edges.map { 1 - $0 } + pairs.map { edges[$0.low] + 1 - edges[$0.high] }
    return masses.map { mass in
      concentrations.map { c in
        Bet(
          mass: mass, alpha: c * mass, beta: c * (1 - mass),
          logBeta: logBeta(c * mass, c * (1 - mass)))
      }
    }
  }()

  private static func logBeta(_ a: Double, _ b: Double) -> Double {
    lgamma(a) + lgamma(b) - lgamma(a + b)
  }

  /// The logarithm of the money that one unit has become.
  /// - Parameter cells: how many p-values fell into each cell.
  public static func logWealth(_ cells: ArraySlice<UInt32>) -> Double {
    let total = Double(cells.reduce(0, +))
    guard total > 0 else { return 0 }
    var below: [Double] = []
    below.reserveCapacity(cells.count)
    var sum = 0.0
    for cell in cells.dropLast() {
      sum += Double(cell)
      below.append(sum)
    }
    var logs: [Double] = []
    logs.reserveCapacity(bets.count * concentrations.count)
    for (index, choices) in bets.enumerated() {
      let inside =
        index < edges.count
        ? total - below[index]
        : below[pairs[index - edges.count].low] + total - below[pairs[index - edges.count].high]
      for bet in choices {
        logs.append(
          logBeta(inside + bet.alpha, total - inside + bet.beta) - bet.logBeta
            - inside * log(bet.mass) - (total - inside) * log1p(-bet.mass))
      }
    }
    return logMeanExp(logs)
  }

  /// log of the mean of exponentials.
  static func logMeanExp(_ values: [Double]) -> Double {
    guard let top = values.max() else { return 0 }
    return top + log(values.reduce(0) { $0 + exp($1 - top) } / Double(values.count))
  }
}
