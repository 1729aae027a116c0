import Foundation
import JSON

/// How predicted numbers agree with true ones.
public struct RegressionReport: Sendable, Equatable, Codable {
  /// Rows counted.
  public let count: Int
  /// Pearson's r: Σ(x−x̄)(y−ȳ) / √(Σ(x−x̄)² Σ(y−ȳ)²); nil where one side is constant.
  public let pearson: Double?
  /// Spearman's ρ: Pearson's r of the ranks, ties sharing their mean rank; nil where one side is constant.
  public let spearman: Double?
  /// Mean squared error; nil where there are no rows.
  public let meanSquaredError: Double?

  /// Compares `predictions` with `truths`.
  public init(truths: [Double], predictions: [Double]) {
    precondition(truths.count == predictions.count, "a prediction for each row")
    count = truths.count
    pearson = Self.correlation(truths, predictions)
    spearman = Self.correlation(Self.ranks(truths), Self.ranks(predictions))
    let squares = zip(truths, predictions).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    meanSquaredError = truths.isEmpty ? nil : squares / Double(truths.count)
  }

  /// All figures as one JSON object; null where one is not defined.
  public var json: JSONValue {
    func figure(_ value: Double?) -> JSONValue { ClassificationReport.json(value) }
    return [
      "rows": JSONValue(count), "pearson": figure(pearson), "spearman": figure(spearman),
      "mean_squared_error": figure(meanSquaredError),
    ]
  }

  /// The figures for a terminal.
  public var text: String {
    func figure(_ value: Double?) -> String { ClassificationReport.text(value) }
    return "\(count) rows   Pearson \(figure(pearson))   Spearman \(figure(spearman))   "
      + "mean squared error \(meanSquaredError.map { String(format: "%.6f", $0) } ?? "not defined")"
  }

  private static func correlation(_ x: [Double], _ y: [Double]) -> Double? {
    let n = Double(max(1, x.count))
    let (mx, my) = (x.reduce(0, +) / n, y.reduce(0, +) / n)
    var (xy, xx, yy) = (0.0, 0.0, 0.0)
    for (a, b) in zip(x, y) {
      xy += (a - mx) * (b - my)
      xx += (a - mx) * (a - mx)
      yy += (b - my) * (b - my)
    }
    return xx > 0 && yy > 0 ? xy / (xx * yy).squareRoot() : nil
  }

  private static func ranks(_ values: [Double]) -> [Double] {
    let order = values.indices.sorted { values[$0] < values[$1] }
    var ranks = [Double](repeating: 0, count: values.count)
    var start = 0
    while start < order.count {
      var end = start
      while end + 1 < order.count, values[order[end + 1]] == values[order[start]] { end += 1 }
      for place in start...end { ranks[order[place]] = Double(start + end) / 2 + 1 }
      start = end + 1
    }
    return ranks
  }
}
