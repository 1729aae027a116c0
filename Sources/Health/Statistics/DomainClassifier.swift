import Foundation

/// A logistic regression that tells reference from production vectors: the better it can, the more they differ
/// (Lopez-Paz and Oquab 2017; Rabanser 2019).
public struct DomainClassifier: Sendable {
  /// One weight for each component, then the intercept.
  public let weights: [Double]

  /// Minimises ½‖w‖² + C Σ log(1 + exp(−y f(x))) by Newton's method; the intercept is not penalised (scikit-learn's
  /// `LogisticRegression` has the same objective).
  public init(_ rows: [[Double]], isCurrent: [Bool], c: Double = 1) {
    let width = rows.first?.count ?? 0
    var weights = [Double](repeating: 0, count: width + 1)
    for _ in 0..<50 {
      let step = Self.newtonStep(rows, isCurrent, weights, c)
      for index in weights.indices { weights[index] -= step[index] }
      if step.allSatisfy({ abs($0) < 1e-10 }) { break }
    }
    self.weights = weights
  }

  private static func newtonStep(
    _ rows: [[Double]], _ isCurrent: [Bool], _ weights: [Double], _ c: Double
  ) -> [Double] {
    let size = weights.count
    var gradient = weights
    gradient[size - 1] = 0
    var hessian = [[Double]](repeating: [Double](repeating: 0, count: size), count: size)
    for index in 0..<size - 1 { hessian[index][index] = 1 }
    hessian[size - 1][size - 1] = 1e-12
    for (row, isCurrent) in zip(rows, isCurrent) {
      let x = row + [1]
      let probability = 1 / (1 + exp(-zip(x, weights).reduce(0) { $0 + $1.0 * $1.1 }))
      let residual = c * (probability - (isCurrent ? 1 : 0))
      let weight = c * probability * (1 - probability)
      for i in 0..<size {
        gradient[i] += residual * x[i]
        let scaled = weight * x[i]
        for j in 0...i { hessian[i][j] += scaled * x[j] }
      }
    }
    return solve(hessian, gradient)
  }

  /// Solves a symmetric positive definite system, given by its lower triangle, by Cholesky's decomposition.
  private static func solve(_ matrix: [[Double]], _ right: [Double]) -> [Double] {
    var factor = matrix
    var x = right
    for i in x.indices {
      for j in 0...i {
        var sum = factor[i][j]
        for k in 0..<j { sum -= factor[i][k] * factor[j][k] }
        factor[i][j] = i == j ? max(sum, 1e-300).squareRoot() : sum / factor[j][j]
      }
      for k in 0..<i { x[i] -= factor[i][k] * x[k] }
      x[i] /= factor[i][i]
    }
    for i in x.indices.reversed() {
      for k in (i + 1)..<x.count { x[i] -= factor[k][i] * x[k] }
      x[i] /= factor[i][i]
    }
    return x
  }

  /// The log-odds that a vector is from production.
  public func score(_ row: [Double]) -> Double {
    zip(row + [1], weights).reduce(0) { $0 + $1.0 * $1.1 }
  }

  /// How well held-out vectors are told apart, by cross-validation over `folds` interleaved parts.
  public static func crossValidated(
    reference: [[Float]], current: [[Float]], folds: Int = 5
  ) -> TestResult {
    let rows = (reference + current).map { $0.map(Double.init) }
    guard reference.count >= folds, current.count >= folds else {
      return TestResult(statistic: 0.5, pValue: 1)
    }
    let scaled = Self.standardised(rows)
    let isCurrent = rows.indices.map { $0 >= reference.count }
    var scores = [Double](repeating: 0, count: rows.count)
    for fold in 0..<folds {
      let training = rows.indices.filter { $0 % folds != fold }
      let model = DomainClassifier(
        training.map { scaled[$0] }, isCurrent: training.map { isCurrent[$0] })
      for index in rows.indices where index % folds == fold {
        scores[index] = model.score(scaled[index])
      }
    }
    return Statistics.areaUnderCurve(
      negatives: Array(scores[..<reference.count]), positives: Array(scores[reference.count...]))
  }

  private static func standardised(_ rows: [[Double]]) -> [[Double]] {
    let width = rows.first?.count ?? 0
    var moments = [Moments](repeating: Moments(), count: width)
    for row in rows { for (index, value) in row.enumerated() { moments[index].add(value) } }
    let deviations = moments.map { $0.variance > 0 ? $0.variance.squareRoot() : 1 }
    return rows.map { row in
      row.enumerated().map { ($1 - moments[$0].mean) / deviations[$0] }
    }
  }
}

extension Statistics {
  /// Area under the ROC curve (the chance that a positive scores above a negative, ties counting half), with the one-sided
  /// p-value of Mann and Whitney's normal approximation, ties corrected, that it is above one half.
  public static func areaUnderCurve(negatives: [Double], positives: [Double]) -> TestResult {
    let n = Double(negatives.count)
    let m = Double(positives.count)
    guard n > 0, m > 0 else { return TestResult(statistic: 0.5, pValue: 1) }
    let all =
      (negatives.map { ($0, false) } + positives.map { ($0, true) }).sorted { $0.0 < $1.0 }
    var rankSum = 0.0
    var tieSum = 0.0
    var start = 0
    while start < all.count {
      var end = start
      var ofPositives = 0.0
      while end < all.count, all[end].0 == all[start].0 {
        if all[end].1 { ofPositives += 1 }
        end += 1
      }
      let size = Double(end - start)
      rankSum += ofPositives * (Double(start) + (size + 1) / 2)
      tieSum += size * size * size - size
      start = end
    }
    let u = rankSum - m * (m + 1) / 2
    let total = n + m
    let variance = n * m / 12 * (total + 1 - tieSum / (total * (total - 1)))
    let z = variance > 0 ? (u - n * m / 2) / variance.squareRoot() : 0
    return TestResult(statistic: u / (n * m), pValue: normalTail(z))
  }

  /// The probability that a standard normal value is above `z`.
  public static func normalTail(_ z: Double) -> Double { erfc(z / 2.0.squareRoot()) / 2 }
}
